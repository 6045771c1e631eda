/** Both sides of the boundary write the same numbers down, in two languages: here they are compared, from the sources. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as binding from '../../core/binding.ts';
import { LATE_MAX } from '../../core/lease-table.ts';

const read = (path: string): string => readFileSync(new URL(`../../../src/${path}`, import.meta.url), 'utf8');
const view = read('wasm/view.rs');
const wasm = read('wasm/mod.rs');

/** The numbers of all constants of a Rust file, by name. */
function constants(source: string): Map<string, number> {
  const found = source.matchAll(/^(?:pub(?:\([a-z]+\))? )?const (\w+): \w+ = (-?[\d_]+|u32::MAX);/gm);
  return new Map([...found].map(([, name, value]) => [name!, value === 'u32::MAX' ? 2 ** 32 - 1 : number(value!)]));
}

const number = (written: string): number => Number(written.replaceAll('_', ''));
const constant = (source: string, name: string): number => {
  const value = constants(source).get(name);
  assert.ok(value !== undefined, `${name} is not written as it was`);
  return value;
};

/** `Subject::Name => 1,` of a Rust function, as names in the shell's spelling. */
function arms(source: string, name: string): string[] {
  const body = new RegExp(`const fn ${name}\\(.*?\\n}`, 's').exec(source)?.[0] ?? '';
  const found = [...body.matchAll(/\w+::(\w+) => (\d+),/g)].sort((a, b) => Number(a[2]) - Number(b[2]));
  assert.deepEqual(
    found.map(([, , code]) => Number(code)),
    [...found.keys()],
    `${name} numbers without gaps`,
  );
  return found.map(([, variant]) => variant!.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase());
}

test('the fields of the view stand where the core writes them', () => {
  const { View } = binding;
  const others: Record<string, keyof typeof View> = { DENY: 'DENY_REASON', OUT: 'OUT_A', IN: 'IN_COST' };
  const written = [...constants(view)];
  assert.ok(written.length >= 17);
  for (const [name, at] of written) assert.equal(View[others[name] ?? (name as keyof typeof View)], at, name);
});

test('codes and flags are those of the core', () => {
  const {
    DENIED,
    QUEUED,
    NO_HANDLE,
    FLAG_BACKGROUND,
    FLAG_AMOUNTS,
    FLAG_ANSWERED,
    FLAG_KEYS,
    FLAG_UNLIMITED,
    FLAG_SHARE,
    FLAG_TELL,
    DUE,
    GRANT_REUSED,
    GRANT_RENAMED,
    SLOT_SHIFT,
    RELEASE_DUE,
    FAMILY_SHIFT,
    COUNTS_AT_END,
    OBSERVED_KEYS,
    OBSERVED_MAX,
  } = binding;
  const observed = { FAMILY_SHIFT, COUNTS_AT_END, OBSERVED_KEYS, OBSERVED_MAX };
  const flags = {
    BACKGROUND: FLAG_BACKGROUND,
    AMOUNTS: FLAG_AMOUNTS,
    ANSWERED: FLAG_ANSWERED,
    KEYS: FLAG_KEYS,
    UNLIMITED: FLAG_UNLIMITED,
    SHARE: FLAG_SHARE,
    TELL: FLAG_TELL,
  };
  const answers = { DUE, REUSED: GRANT_REUSED, RENAMED: GRANT_RENAMED, SLOT_SHIFT, RELEASE_DUE };
  for (const [name, value] of Object.entries({ DENIED, QUEUED, NO_HANDLE, ...answers, ...flags, ...observed }))
    assert.equal(value, constant(wasm, name), name);
});

test('reasons and causes are numbered as in the core', () => {
  assert.deepEqual(arms(view, 'reason'), [...binding.REASONS]);
  assert.deepEqual(arms(view, 'cause'), [...binding.CAUSES]);
});

test('every text that the core names is there', () => {
  const body = /const fn text\(.*?\n}/s.exec(view)?.[0] ?? '';
  const named = new Set([...body.matchAll(/=> (\d+),/g)].map(([, code]) => Number(code)));
  assert.deepEqual(
    [...named].sort((a, b) => a - b),
    Object.values(binding.TEXT),
  );
});

test('every output that the core writes has a kind', () => {
  const body = /pub\(super\) fn write_output\(.*?\n}/s.exec(view)?.[0] ?? '';
  const kinds = [...body.matchAll(/Output::(\w+).*?\n {12}(\d+)\n/gs)].map(([, name, code]) => [name, Number(code)]);
  assert.deepEqual(Object.fromEntries([['None', 0], ...kinds]), { ...binding.OutputKind });
});

test('what both sides bound is bounded alike', () => {
  assert.equal(binding.KEYS_MAX, constant(read('decision/names.rs'), 'KEYS_MAX'));
  assert.equal(binding.METRICS_MAX, constant(read('decision/amounts.rs'), 'METRICS_MAX'));
  assert.equal(LATE_MAX, constant(read('lease/mod.rs'), 'TOMBSTONES_MAX'));
});

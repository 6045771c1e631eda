/** The README's tables against the package: presets, ranges of the configuration, names of the API. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import * as throttleai from 'throttleai';
import { ConfigError, createGovernor, presets, type GovernorConfig } from 'throttleai';
import { root } from './files.ts';

const readme = readFileSync(new URL('README.md', root), 'utf8');

/** Rows of the table under a heading, as cells. */
function tableUnder(heading: string): string[][] {
  const section = readme.slice(readme.indexOf(`\n${heading}\n`) + 1).split('\n## ')[0] ?? '';
  const table = /^\|.*\n\|[-|]+\n((?:\|.*\n)+)/m.exec(section)?.[1] ?? '';
  return table
    .trim()
    .split('\n')
    .map((row) => row.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
}

const DAY_MS = 86_400_000;
const POWERS: Record<string, number> = { '2⁵³ − 1': 2 ** 53 - 1, '2³¹ − 1': 2 ** 31 - 1, '10⁹': 1e9 };

function numberOf(text: string): number {
  const plain = text.replace(/ ms$/, '').replaceAll(',', '');
  const days = /^(\d+) days$/.exec(plain);
  const number = days ? Number(days[1]) * DAY_MS : (POWERS[plain] ?? Number(plain));
  assert(Number.isFinite(number), `no number: ${text}`);
  return number;
}

/** A configuration with one field set. What it depends on is there. */
function configWith(field: string, value: number): GovernorConfig {
  const [section = '', name] = field.split('.');
  const concurrency = { maxInFlight: 5 };
  if (name === undefined) return { [section]: value };
  return { concurrency, [section]: section === 'concurrency' ? { ...concurrency, [name]: value } : { [name]: value } };
}

describe('configuration', () => {
  const rows = tableUnder('## Configuration');

  test('the table is read', () => assert(rows.length >= 25));

  for (const [name = '', , range = ''] of rows) {
    const bounds = /^(above )?([^`]+?),? to ([^`]+)$/.exec(range);
    if (bounds === null) continue;
    const field = name.replaceAll('`', '');
    test(`${field}: ${range}`, () => {
      const [low, high] = [numberOf(bounds[2] ?? ''), numberOf(bounds[3] ?? '')];
      const open = bounds[1] !== undefined;
      const refused = (value: number): void =>
        assert.throws(
          () => createGovernor(configWith(field, value)),
          (error) => ConfigError.isInstance(error) && error.field === field && Object.is(error.value, value),
          `${field}: ${value} is taken`,
        );
      createGovernor(configWith(field, open ? low + 1e-6 : low)).close();
      createGovernor(configWith(field, high)).close();
      refused(open ? low : low - 1);
      refused(high === Number.MAX_SAFE_INTEGER ? high + 1 : high * 1.001);
      refused(NaN);
    });
  }
});

test('presets', () => {
  const rows = tableUnder('## Presets');
  assert.equal(rows.length, Object.keys(presets).length);
  for (const [name = '', , concurrency = '', requests, tokens = '', also = ''] of rows) {
    const preset = presets[/presets\.(\w+)/.exec(name)?.[1] as keyof typeof presets]();
    const reserve = preset.concurrency?.interactiveReserve;
    assert.equal(`${preset.concurrency?.maxInFlight}${reserve ? ` (${reserve})` : ''}`, concurrency);
    assert.equal(String(preset.rate?.requestsPerMinute), requests);
    assert.equal(preset.rate?.tokensPerMinute?.toLocaleString('en') ?? '', tokens);
    const words = [preset.fairness && 'fairness', preset.adaptive && 'adaptive'].filter(Boolean);
    assert.equal([...words, `leases of ${(preset.leaseTtlMs ?? 0) / 1000} s`].join(', '), also);
  }
});

test('names of the API', () => {
  const rows = tableUnder('## API');
  const governor = createGovernor();
  let named = 0;
  for (const [names = ''] of rows) {
    for (const [, owner, name = ''] of names.matchAll(/`(governor\.)?(\w+)/g)) {
      // After the first of a list of getters the others stand without their owner.
      const found = owner !== undefined || names.startsWith('`governor.') ? name in governor : name in throttleai;
      assert(found, `${name} is not there`);
      named++;
    }
  }
  assert(named >= 20);
  governor.close();
});

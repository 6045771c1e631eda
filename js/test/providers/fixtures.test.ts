/** The fixtures of `vectors/providers/`, which the core reads natively in its own tests, read by the built package. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readAnswer, readUsage, type DialectName, type HeadersInput, type ProviderReading } from 'throttleai/providers';

interface Fixture {
  name: string;
  dialect?: 'auto';
  status?: number;
  url?: string;
  headers?: Record<string, string | string[]>;
  body?: unknown;
  now?: number;
  reading: Partial<ProviderReading>;
}

const NOW = 1_790_000_000_000;
const folder = new URL('../../../vectors/providers/', import.meta.url);
const files = readdirSync(folder);
assert.ok(files.length > 10, 'vectors/providers/ has fixtures');

for (const file of files) {
  const { dialect, cases } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
    dialect: DialectName;
    cases: Fixture[];
  };
  for (const fixture of cases) {
    test(`${dialect}: ${fixture.name}`, () => {
      const expected = { dialect, ...fixture.reading };
      for (const [form, headers] of forms(fixture.headers)) {
        // Nobody can ask it for headers whose names are not known: signs of a dialect.
        if (form === 'function' && fixture.dialect === 'auto' && fixture.url === undefined) continue;
        const { counts, ...reading } = read(dialect, fixture, headers);
        // A function is asked for the names that the dialect has, in their order.
        if (form === 'function') assert.deepEqual(sorted(reading), sorted(expected), form);
        else assert.deepEqual(reading, expected, form);
        assert.equal(typeof counts.refused, 'boolean');
      }
    });

    test(`${dialect}: ${fixture.name}: usage alone`, () => {
      const fromBody = read(dialect, { ...fixture, headers: {} }).usage;
      assert.deepEqual(readUsage(fixture.body, { dialect }), fromBody);
    });
  }
}

function read(dialect: DialectName, fixture: Fixture, headers?: HeadersInput): ProviderReading {
  const { status, url, body, now = NOW } = fixture;
  const answer = {
    ...(status !== undefined && { status }),
    ...(url !== undefined && { url }),
    ...(headers !== undefined && { headers }),
  };
  return readAnswer(answer, { dialect: fixture.dialect ?? dialect, now, body });
}

/** The same headers as callers have them. */
function forms(headers: Record<string, string | string[]> = {}): [string, HeadersInput][] {
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one): [string, string] => [name, one]),
  );
  const all: [string, HeadersInput][] = [
    ['object', headers],
    ['pairs', pairs],
  ];
  if (pairs.length > Object.keys(headers).length) return all;
  const lower = new Map(pairs.map(([name, value]) => [name.toLowerCase(), value]));
  return [...all, ['Map', new Map(pairs)], ['function', (name) => lower.get(name)]];
}

function sorted(reading: Partial<ProviderReading>): unknown {
  const byText = (list: readonly unknown[] = []): string[] => list.map((one) => JSON.stringify(one, sortLists)).sort();
  return { ...reading, limits: byText(reading.limits), ignored: byText(reading.ignored) };
}

const sortLists = (_key: string, value: unknown): unknown =>
  Array.isArray(value) ? [...(value as string[])].sort() : value;

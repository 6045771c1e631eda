/**
 * The tables of `docs/providers.md` are those of the package. `UPDATE_DOCUMENTS=1 node --import tsx --test
 * js/test/providers/document.test.ts` writes them anew.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { dialects, dialectTable, type DialectTable, type ErrorRow, type MeterRow } from 'throttleai/providers';

const file = new URL('../../../docs/providers.md', import.meta.url);
const BEGIN = '<!-- tables: begin -->\n';
const END = '<!-- tables: end -->';

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;
const codes = (texts: readonly string[]): string => texts.map(code).join(', ');
const row = (...cells: string[]): string => `| ${cells.join(' | ')} |\n`;
const table = (...heads: string[]): string => row(...heads) + `|${'---|'.repeat(heads.length)}\n`;

const SPANS: Record<number, string> = {
  60_000: 'minute',
  3_600_000: 'hour',
  18_000_000: '5 hours',
  86_400_000: '24 hours',
  604_800_000: '7 days',
};
const windowOf = ({ window }: MeterRow): string =>
  window === undefined
    ? 'not said'
    : typeof window === 'number'
      ? (SPANS[window] ?? `${window} ms`)
      : `calendar ${window}`;

function noteOf({ pool, full, roundedTo, says }: MeterRow): string {
  return [
    pool !== undefined && `pool ${code(pool)}`,
    says !== undefined && `says ${code(says)}`,
    full === true && 'reset is when all is there again',
    roundedTo !== undefined && `rounded to ${roundedTo}`,
  ]
    .filter(Boolean)
    .join('; ');
}

function headersTable(all: readonly DialectTable[]): string {
  const rows = all.flatMap(({ name, meters = [], ietf }) => [
    ...meters.map((meter) =>
      row(name, code(meter.header), meter.metric, windowOf(meter), code(meter.reset ?? ''), noteOf(meter)),
    ),
    ...(ietf === true
      ? [row(name, 'the IETF’s `RateLimit` fields', 'by policy', 'by policy', code('seconds'), '')]
      : []),
  ]);
  return table('dialect', 'header', 'counts', 'window', 'reset', '') + rows.join('');
}

function retryTable(all: readonly DialectTable[]): string {
  const rows = all.map(({ name, retry = [] }) => {
    const places = retry.map(({ header, body, after, format }) => {
      const place = header === undefined ? `${code(body ?? '')} of the body` : code(header);
      return `${place}${after === undefined ? '' : ` after “${after.trim()}”`} (${code(format)})`;
    });
    return row(name, places.join(', '));
  });
  return table('dialect', 'the first that says it') + rows.join('');
}

function whenOf({ status, header, body, is, contains }: ErrorRow): string {
  const place = header ?? body;
  const parts = [
    status === undefined ? '' : `status ${status}`,
    place === undefined ? '' : `${code(place)} ${is === undefined ? 'with' : 'is'} “${(is ?? contains ?? '').trim()}”`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function errorsTable(all: readonly DialectTable[]): string {
  const rows = all.flatMap(({ name, errors = [] }) =>
    errors.map((rule) =>
      row(name, whenOf(rule), rule.kind, rule.why, rule.until === undefined ? '' : `midnight ${rule.until}`),
    ),
  );
  return table('dialect', 'a refusal with', 'is', 'for', 'until') + rows.join('');
}

function usageTable(all: readonly DialectTable[]): string {
  const rows = all.map(({ name, usage = [], counts, hosts = [] }) => {
    const places = usage.filter(({ count }) => count === 'inputTokens').map(({ header, body }) => header ?? body ?? '');
    const settled = `${counts?.settle}${counts?.refused === true ? ', refused calls too' : ''}`;
    return row(name, codes(hosts), codes(places), settled, counts?.cachedInput === true ? 'yes' : 'no');
  });
  return table('dialect', 'hosts', 'tokens of the prompt', 'settled', 'cached input counts') + rows.join('');
}

function tables(): string {
  const all = dialects.map(dialectTable);
  return `
### Limits in headers

\`*\` stands for \`limit\`, \`remaining\`, \`reset\`, \`used\`, \`renewalperiod\` or \`utilization\`.

${headersTable(all)}
### When to come back

${retryTable(all)}
### What a refusal means

The first row that fits; else 429 is transient, 503 and 529 are overload, 402 (credit), 401 and 403 (auth) are terminal.

${errorsTable(all)}
### Hosts, usage and what counts

${usageTable(all)}
`;
}

test('the tables of docs/providers.md are those of the package', () => {
  const text = readFileSync(file, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  assert.ok(text.includes(BEGIN) && end >= begin, 'the document has a place for the tables');
  const written = text.slice(0, begin) + tables() + text.slice(end);
  if (process.env['UPDATE_DOCUMENTS'] === '1') writeFileSync(file, written);
  else assert.equal(text, written, 'write them anew, as the head of this test says');
});

/** The table at the end, and what "better" means. */
import type { Outcome } from './run.ts';
import { LIMITS, MINUTE_MS, RUN_MS, USERS } from './scenario.ts';

/** The value below which `part` of the sorted values lie. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}

const doneOf = (outcome: Outcome): number[] => USERS.map(({ name }) => outcome.doneBy.get(name) ?? 0);

/** Jain's fairness index: 1 when all get the same, 1/n when one gets everything. Source: Jain, Chiu, Hawe 1984. */
export function evenness(parts: readonly number[]): number {
  const sum = parts.reduce((a, b) => a + b, 0);
  const squares = parts.reduce((a, b) => a + b * b, 0);
  return squares === 0 ? 0 : (sum * sum) / (parts.length * squares);
}

const percent = (part: number): string => `${(100 * part).toFixed(0)} %`;
const ms = (value: number): string => `${value.toFixed(0)} ms`;

function rows(outcome: Outcome): [string, string][] {
  const { provider, done, givenUp, waits } = outcome;
  const tokensAllowed = (LIMITS.tokensPerMinute * RUN_MS) / MINUTE_MS;
  return [
    ['calls done', String(done)],
    ['calls given up', String(givenUp)],
    ['429s', String(provider.refused)],
    ['throughput', `${((1000 * done) / RUN_MS).toFixed(1)} calls/s`],
    ['tokens of the limit used', percent(provider.tokens / tokensAllowed)],
    ['wait p50 (of calls done)', ms(quantile(waits, 0.5))],
    ['wait p95 (of calls done)', ms(quantile(waits, 0.95))],
    ['evenness (Jain, 1 = equal)', evenness(doneOf(outcome)).toFixed(2)],
    ...USERS.map(({ name, workers }): [string, string] => {
      const own = outcome.doneBy.get(name) ?? 0;
      return [`${name} (${workers} at once)`, `${own} calls, ${percent(done === 0 ? 0 : own / done)}`];
    }),
  ];
}

/** Both runs side by side. */
export function table(without: Outcome, governed: Outcome): string {
  const right = rows(governed);
  const cells = [['', 'without', 'governed'], ...rows(without).map(([name, value], i) => [name, value, right[i]![1]])];
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  return [line(cells[0]!), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.slice(1).map(line)].join('\n');
}

/** Each criterion with whether it holds. The governed run is better if all do. */
export function judge(without: Outcome, governed: Outcome, leasesLeft: number): [string, boolean][] {
  return [
    ['fewer 429s', governed.provider.refused < without.provider.refused],
    ['at least as many calls done in the same time', governed.done >= without.done],
    ['fewer calls given up, or none', governed.givenUp < without.givenUp || governed.givenUp === 0],
    ['a more even share', evenness(doneOf(governed)) > evenness(doneOf(without))],
    ['no lease left over', leasesLeft === 0],
  ];
}

/** The generated part of docs/simulation.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { between, table } from '../bench/markdown.ts';
import type { CellResult } from './cell.ts';
import type { Measured, MeasuredTable } from './measured.ts';
import { COLUMNS, nameOf } from './report.ts';
import type { Verdict } from './targets.ts';

const FILE = new URL('../docs/simulation.md', import.meta.url);

export function writeDocument(
  results: readonly CellResult[],
  tables: readonly MeasuredTable[],
  verdicts: readonly Verdict[],
): void {
  writeFileSync(FILE, withTables(readFileSync(FILE, 'utf8'), results, tables, verdicts));
}

/** The document with its generated part made anew. */
export function withTables(
  document: string,
  results: readonly CellResult[],
  tables: readonly MeasuredTable[],
  verdicts: readonly Verdict[],
): string {
  const seeds = results[0]?.seeds ?? [];
  const heads = ['scenario', 'scheduler', ...COLUMNS.map(({ head }) => head)];
  const rows = (some: readonly CellResult[]): string =>
    table(
      heads,
      some.map((result) => [
        nameOf(result),
        result.contender,
        ...COLUMNS.map(({ cell }) => cell(result.summary, result)),
      ]),
      2,
    );
  const measured = (when: Measured['time']): string[] =>
    tables
      .filter(({ time }) => time === when)
      .flatMap(({ name, about: what, heads: columns, rows: made }) => [`**${name}**: ${what}.`, table(columns, made)]);
  const own = results.filter(({ base }) => base);
  const about = new Map(own.map((result) => [result.scenario, result]));
  const failing = verdicts.filter(({ holds }) => !holds);
  const text = [
    `Seeds ${seeds[0]} to ${seeds.at(-1)}. Medians; the range of Jain's index is the lowest and the highest, inversions are the most of a run.`,
    [...about.values()]
      .map(
        ({ scenario, about: what, terms: { slots, serviceMs } }) =>
          `- **${scenario}**: ${what}; ${slots} slots, calls of ${serviceMs / 1000} s on average`,
      )
      .join('\n'),
    rows(own),
    '### Variants',
    rows(results.filter(({ base }) => !base)),
    '### What is chosen',
    ...measured('virtual'),
    '### In real time',
    `On ${cpus()[0]?.model ?? 'an unknown processor'}, ${cpus().length} cores, Node ${process.versions.node}; medians.`,
    ...measured('real'),
    '### Targets',
    `${verdicts.length - failing.length} of ${verdicts.length} hold.`,
    ...(failing.length === 0 ? [] : [table(['missed', 'found', 'virtual counters'], failing.map(cells))]),
  ];
  return between(document, 'simulation', text.join('\n\n'));
}

/** What virtual counters do not reach either is out of reach. */
const cells = ({ target, found, outOfReach = '' }: Verdict): string[] => [target, found, outOfReach];

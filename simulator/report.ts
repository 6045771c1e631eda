/** Results as lines of a table. */
import type { Spread } from '../bench/statistics.ts';
import type { CellResult } from './cell.ts';
import type { Summary } from './figures.ts';

/** A column: its head, its width, and the median of what it shows. */
interface Column {
  readonly head: string;
  readonly width: number;
  readonly cell: (summary: Summary, result: CellResult) => string;
}

const shown = (text: (value: number) => string) => (value: number) => (Number.isNaN(value) ? '' : text(value));
const seconds = shown((value) => (value / 1000).toFixed(2));
const fixed = (digits: number) => shown((value) => value.toFixed(digits));
const count = shown((value) => `${value}`);
const range = ({ low, high }: Spread): string => (Number.isNaN(low) ? '' : `${low.toFixed(3)}-${high.toFixed(3)}`);

/** Medians over the seeds; the ranges reach from the lowest to the highest, inversions are the most of a run. */
export const COLUMNS: readonly Column[] = [
  { head: 'Jain', width: 7, cell: ({ jain }) => fixed(3)(jain.median) },
  { head: 'range', width: 13, cell: ({ jain }) => range(jain) },
  { head: 'slots used', width: 11, cell: ({ used }) => fixed(3)(used.median) },
  { head: 'wait p50 s', width: 11, cell: ({ p50 }) => seconds(p50.median) },
  { head: 'p95', width: 9, cell: ({ p95 }) => seconds(p95.median) },
  { head: 'p99', width: 9, cell: ({ p99 }) => seconds(p99.median) },
  { head: 'longest', width: 9, cell: ({ longest }) => seconds(longest.median) },
  { head: 'makespan', width: 9, cell: ({ makespan }) => fixed(3)(makespan.median) },
  { head: 'polls', width: 7, cell: ({ polls }) => fixed(1)(polls.median) },
  { head: 'timers', width: 7, cell: ({ timers }) => fixed(2)(timers.median) },
  { head: 'inversions', width: 11, cell: ({ inversions }) => count(inversions.high) },
  { head: 'native', width: 7, cell: (_, { commands }) => (commands === undefined ? '' : `${commands}`) },
];

export const nameOf = ({ scenario, base, terms }: CellResult): string =>
  base ? scenario : `${scenario}, ${terms.slots} slots, ${terms.serviceMs / 1000} s`;

const LEFT = [24, 18] as const;

export const heading = (): string => line('scenario', 'scheduler', (column) => column.head);

export const row = (result: CellResult): string =>
  line(nameOf(result), result.contender, (column) => column.cell(result.summary, result));

function line(scenario: string, contender: string, cell: (column: Column) => string): string {
  const cells = COLUMNS.map((column) => cell(column).padStart(column.width));
  return `${scenario.padEnd(LEFT[0])}${contender.padEnd(LEFT[1])}${cells.join(' ')}`.trimEnd();
}

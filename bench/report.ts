/** Results as lines of a table and as JSON. */
import { cpus } from 'node:os';
import type { Case } from './cases.ts';
import type { Effort, Measurement } from './harness.ts';

export interface Result extends Measurement {
  readonly name: string;
  readonly compares: string;
  readonly budget: number | null;
  /** Null without a budget. */
  readonly withinBudget: boolean | null;
}

export function result(
  { name, compares, budget }: Pick<Case, 'name' | 'compares' | 'budget'>,
  measurement: Measurement,
): Result {
  const withinBudget = budget === undefined ? null : measurement.ratio.median <= budget;
  return { name, compares, ...measurement, budget: budget ?? null, withinBudget };
}

export function environment(subject: string, effort: Effort): Record<string, unknown> {
  const { node, v8 } = process.versions;
  return {
    subject,
    ...effort,
    node,
    v8,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
  };
}

const COLUMNS = ['case', 'ns', 'ns ref', 'ratio', 'p5-p95', 'A/A', 'A/A p5-p95', 'budget', 'used'] as const;
const WIDTHS = [26, 8, 8, 7, 13, 7, 13, 7, 6] as const;

export function heading(): string {
  return line(COLUMNS);
}

export function row(item: Result): string {
  const { subject, reference, ratio, control, budget } = item;
  const used = budget === null ? '' : `${Math.round((ratio.median / budget) * 100)} %`;
  const mark = item.withinBudget === false ? ' over' : '';
  const cells = [
    item.name,
    subject.median.toFixed(0),
    reference.median.toFixed(0),
    ratio.median.toFixed(3),
    `${ratio.low.toFixed(2)}-${ratio.high.toFixed(2)}`,
    control.median.toFixed(3),
    `${control.low.toFixed(2)}-${control.high.toFixed(2)}`,
    budget === null ? '' : `${budget}`,
    used,
  ];
  return line(cells) + mark;
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[index] ?? 0)))
    .join(' ');
}

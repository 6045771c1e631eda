/** Results as data, as lines of a table, and about what machine. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Case } from './cases/case.ts';
import type { Effort, Measurement } from './harness.ts';
import { LIBRARIES } from './libraries/index.ts';
import { libraryVersions } from './libraries/install.ts';
import type { MemoryCase } from './memory/cases.ts';
import type { MemoryMeasurement } from './memory/measure.ts';
import { spread, type Spread } from './statistics.ts';

interface Judged {
  readonly name: string;
  readonly budget: number | null;
  /** Null without a budget. */
  readonly withinBudget: boolean | null;
}

export interface Timing extends Judged, Measurement {
  readonly compares: string;
}

export interface Memory extends Judged {
  readonly what: string;
  readonly count: number;
  /** Bytes each, over the processes that measured. */
  readonly total: Spread;
  readonly linear: Spread;
  readonly heap: Spread;
  readonly worst: Spread;
  readonly processes: number;
}

/** What a run has found. */
export interface Report {
  readonly environment: Environment;
  readonly timings: readonly Timing[];
  readonly memory: readonly Memory[];
}

export interface Environment extends Effort {
  readonly subject: string;
  /** Of the package. */
  readonly version: string;
  readonly node: string;
  readonly v8: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  /** What the governor is compared with, what it does here, and what of a governor's job it leaves out. */
  readonly libraries: readonly { name: string; version: string; does: string; leavesOut: string }[];
}

export function timing({ name, compares, budget }: Case, measurement: Measurement): Timing {
  return { name, compares, ...measurement, ...judged(measurement.ratio.median, budget) };
}

export function memory({ name, what, count, budget }: MemoryCase, runs: readonly MemoryMeasurement[]): Memory {
  const over = (key: keyof MemoryMeasurement): Spread => spread(runs.map((run) => run[key]));
  const total = over('total');
  return {
    name,
    what,
    count,
    total,
    linear: over('linear'),
    heap: over('heap'),
    worst: over('worst'),
    processes: runs.length,
    ...judged(total.median, budget),
  };
}

function judged(value: number, budget: number | undefined): Omit<Judged, 'name'> {
  return { budget: budget ?? null, withinBudget: budget === undefined ? null : value <= budget };
}

export function environment(subject: string, effort: Effort): Environment {
  const { node, v8 } = process.versions;
  const versions = libraryVersions();
  return {
    subject,
    version: packageVersion(),
    ...effort,
    node,
    v8,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    libraries: LIBRARIES.map(({ name, does, leavesOut }) => {
      return { name, version: versions[name] ?? 'unknown', does, leavesOut };
    }),
  };
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const TIMING_COLUMNS = ['case', 'ns', 'ns ref', 'ratio', 'p5-p95', 'A/A', 'A/A p5-p95', 'budget', 'used'] as const;
const MEMORY_COLUMNS = ['case', 'bytes', 'linear', 'heap', 'low-high', 'worst', 'count', 'budget', 'used'] as const;
const WIDTHS = [32, 8, 8, 7, 13, 7, 13, 7, 6] as const;

export const timingHeading = (): string => line(TIMING_COLUMNS);
export const memoryHeading = (): string => line(MEMORY_COLUMNS);

export function timingRow(item: Timing): string {
  const { subject, reference, ratio, control } = item;
  const cells = [
    item.name,
    subject.median.toFixed(0),
    reference.median.toFixed(0),
    ratio.median.toFixed(3),
    range(ratio, 2),
    control.median.toFixed(3),
    range(control, 2),
  ];
  return line([...cells, ...budgetCells(item, ratio.median)]);
}

export function memoryRow(item: Memory): string {
  const { total, linear, heap, worst } = item;
  const cells = [
    item.name,
    total.median.toFixed(0),
    linear.median.toFixed(0),
    heap.median.toFixed(0),
    range(total, 0),
    worst.median.toFixed(0),
    `${item.count}`,
  ];
  return line([...cells, ...budgetCells(item, total.median)]);
}

const range = ({ low, high }: Spread, digits: number): string => `${low.toFixed(digits)}-${high.toFixed(digits)}`;

function budgetCells({ budget, withinBudget }: Judged, value: number): string[] {
  if (budget === null) return [];
  return [`${budget}`, `${Math.round((value / budget) * 100)} %${withinBudget === false ? ' over' : ''}`];
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[index] ?? 0)))
    .join(' ');
}

/** The generated part of docs/benchmarks.md: the results of one run as tables, between two markers. */
import { readFileSync, writeFileSync } from 'node:fs';
import { GROUPS, type GroupName } from './cases/index.ts';
import { between, table } from './markdown.ts';
import type { Memory, Report, Timing } from './report.ts';
import type { Spread } from './statistics.ts';

const FILE = new URL('../docs/benchmarks.md', import.meta.url);

export function writeDocument(report: Report): void {
  writeFileSync(FILE, withTables(readFileSync(FILE, 'utf8'), report));
}

/** The document with its generated part made anew. */
export function withTables(document: string, report: Report): string {
  return between(document, 'bench', tables(report));
}

function tables({ environment, timings, memory }: Report): string {
  const { subject, version, cpu, cores, platform, node, v8, rounds, seed } = environment;
  const of = (group: GroupName): Timing[] => {
    const names = new Set(GROUPS[group].map((item) => item.name));
    return timings.filter((item) => names.has(item.name));
  };
  return [
    `${subject} ${version} on ${cpu}, ${cores} cores, ${platform}, Node ${node} (V8 ${v8}); at most ${rounds} rounds, seed ${seed}.`,
    '### Decisions, growth and refusals',
    timingTable('ns', 'reference ns', of('governor')),
    '### Limits',
    timingTable('ns', 'reference ns', of('limits')),
    '### The shell around the wasm',
    timingTable('governor ns', 'bare ns', of('boundary')),
    '### Wrapped calls',
    timingTable('wrapped ns', 'bare ns', of('wrapped'), ADDED),
    '### Memory',
    memoryTable(memory),
    '### Libraries',
    ...environment.libraries.flatMap(({ name, version: release, does, leavesOut }) => [
      `**${name} ${release}**: ${does}. Not: ${leavesOut}.`,
      timingTable(
        'governor ns',
        `${name} ns`,
        of('libraries').filter((item) => isOf(item, name)),
      ),
    ]),
  ].join('\n\n');
}

const isOf = ({ compares }: Timing, library: string): boolean => compares.includes(` / ${library}: `);

/** How the two times of a row compare: a column. */
interface Column {
  readonly head: string;
  readonly cell: (item: Timing) => string;
}
const RATIO: Column = { head: 'ratio', cell: (item) => around(item.ratio, ratio) };
const ADDED: Column = { head: 'added ns', cell: (item) => around(item.difference, whole) };

function timingTable(
  subject: string,
  reference: string,
  timings: readonly Timing[],
  { head, cell }: Column = RATIO,
): string {
  const judged = timings.some((item) => item.budget !== null);
  const heads = ['compared', subject, reference, `${head} (p5 to p95)`, 'A/A (p5 to p95)'];
  const rows = timings.map((item) => [
    item.compares,
    whole(item.subject.median),
    whole(item.reference.median),
    cell(item),
    around(item.control, ratio),
    ...(judged ? [budget(item.budget)] : []),
  ]);
  return table(judged ? [...heads, 'at most'] : heads, rows);
}

function memoryTable(memory: readonly Memory[]): string {
  const rows = memory.map(({ what, count, total, linear, heap, worst, budget: most }) => [
    what,
    whole(count),
    around(total, whole),
    whole(linear.median),
    whole(heap.median),
    whole(worst.median),
    budget(most),
  ]);
  return table(['bytes of', 'made', 'total (low to high)', 'wasm', 'JavaScript', 'at worst', 'at most'], rows);
}

/** Adding 0 makes 0 of -0. */
const whole = (value: number): string => (Math.round(value) + 0).toLocaleString('en');
const ratio = (value: number): string => (value < 0.1 ? value.toPrecision(2) : value.toFixed(2));
const budget = (most: number | null): string => (most === null ? '' : `${most}`);

function around({ median, low, high }: Spread, text: (value: number) => string): string {
  return `${text(median)} (${text(low)} to ${text(high)})`;
}

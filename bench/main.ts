/**
 * `npm run bench -- [--case PREFIX] [--check] [--json FILE] [--write] [--subject throttleai|baseline] [--seed N] [--rounds N]`
 *
 * Without options: every case, as a table. `--check` ends with 1 if something is above its budget, `--json` writes the
 * results to a file, `--write` puts them into docs/benchmarks.md. `--subject baseline` measures the yardstick against
 * itself, which shows what the harness cannot tell apart.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES, GROUPS } from './cases/index.ts';
import { writeDocument } from './document.ts';
import { loadMakers, SUBJECTS, type SubjectName } from './governors.ts';
import { measure, type Effort, type Measurement } from './harness.ts';
import { MEMORY_CASES } from './memory/cases.ts';
import { measureMemory, type MemoryMeasurement } from './memory/measure.ts';
import {
  environment,
  memory,
  memoryHeading,
  memoryRow,
  timing,
  timingHeading,
  timingRow,
  type Report,
} from './report.ts';

const { values: options } = parseArgs({
  options: {
    case: { type: 'string', default: '' },
    check: { type: 'boolean', default: false },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    subject: { type: 'string', default: SUBJECTS[0] },
    seed: { type: 'string' },
    rounds: { type: 'string', default: '200' },
    /** Internal: measure this one case here and print its result as JSON. */
    alone: { type: 'string' },
  },
});
const subject = SUBJECTS.find((name) => name === options.subject);
if (subject === undefined) throw new Error(`--subject must be one of ${SUBJECTS.join(', ')}`);
const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : wholeNumber('--seed', options.seed);
const effort: Effort = {
  rounds: wholeNumber('--rounds', options.rounds),
  caseMs: 15_000,
  batchMs: 3,
  warmUpMs: 250,
  seed,
};
/** Each memory case is measured in so many processes. */
const MEMORY_PROCESSES = 3;

if (options.alone === undefined) runAll(subject);
else console.log(JSON.stringify(await runAlone(subject, options.alone)));

async function runAlone(name: SubjectName, only: string): Promise<Measurement | MemoryMeasurement> {
  const makers = await loadMakers(name);
  const timed = CASES.find((item) => item.name === only);
  if (timed !== undefined) return measure(await timed.candidates(makers), effort);
  const stored = MEMORY_CASES.find((item) => item.name === only);
  if (stored !== undefined) return measureMemory(stored, makers);
  throw new Error(`unknown case ${only}`);
}

function runAll(name: SubjectName): void {
  const chosen = <Item extends { name: string }>(items: readonly Item[]): Item[] =>
    items.filter((item) => item.name.startsWith(options.case));
  // The yardstick takes the governor's place only where it can do what is measured.
  const timed = chosen(name === 'baseline' ? GROUPS.governor : CASES);
  const stored = chosen(name === 'baseline' ? [] : MEMORY_CASES);
  if (timed.length + stored.length === 0) throw new Error(`no case starts with ${options.case}: ${allNames()}`);
  if (options.write && (options.case !== '' || name === 'baseline'))
    throw new Error('--write takes a run of all cases with the governor');

  console.log(`${name} on Node ${process.versions.node}, seed ${seed}, at most ${effort.rounds} rounds, medians`);
  console.log('ns = nanoseconds an operation; A/A = the reference against its twin');
  const timings = inTurn(timed, timingHeading(), timingRow, (item) =>
    timing(item, inOwnProcess<Measurement>(item.name, name)),
  );
  console.log('bytes = of one; worst = at the worst moment on the way');
  const kept = inTurn(stored, memoryHeading(), memoryRow, (item) => {
    const runs = Array.from({ length: MEMORY_PROCESSES }, () => inOwnProcess<MemoryMeasurement>(item.name, name));
    return memory(item, runs);
  });
  for (const item of timed) console.log(`  ${item.name}: ${item.compares}`);
  for (const item of stored) console.log(`  ${item.name}: ${item.what}`);

  const report: Report = { environment: environment(name, effort), timings, memory: kept };
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (options.write) writeDocument(report);
  judge(report);
}

/** Shows each result as soon as it is there. */
function inTurn<Item, Result>(
  items: readonly Item[],
  heading: string,
  row: (result: Result) => string,
  run: (item: Item) => Result,
): Result[] {
  console.log(heading);
  return items.map((item) => {
    const result = run(item);
    console.log(row(result));
    return result;
  });
}

function judge({ timings, memory }: Report): void {
  const over = [...timings, ...memory].filter((item) => item.withinBudget === false);
  if (over.length === 0) return;
  console.log(`${over.length} above budget: ${over.map((item) => item.name).join(', ')}`);
  if (options.check) process.exitCode = 1;
}

function allNames(): string {
  return [...CASES, ...MEMORY_CASES].map((item) => item.name).join(' ');
}

function inOwnProcess<Result>(only: string, name: SubjectName): Result {
  const script = fileURLToPath(import.meta.url);
  const args = ['--alone', only, '--subject', name, '--seed', `${seed}`, '--rounds', `${effort.rounds}`];
  const child = spawnSync(process.execPath, ['--expose-gc', ...process.execArgv, script, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.status !== 0) throw new Error(`case ${only} failed`);
  return JSON.parse(child.stdout) as Result;
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`${option} must be a whole number`);
  return value;
}

/**
 * `npm run bench -- [--check] [--json] [--case PREFIX] [--subject throttleai|baseline] [--seed N] [--rounds N]`
 *
 * Without options: every case, as a table. `--check` ends with 1 if a ratio is above its budget. `--subject baseline`
 * measures the yardstick against itself, which shows what the harness cannot tell apart.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES, type Case } from './cases.ts';
import { loadMakers, SUBJECTS, type SubjectName } from './governors.ts';
import { measure, type Effort } from './harness.ts';
import { environment, heading, result, row, type Result } from './report.ts';

const { values: options } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    case: { type: 'string', default: '' },
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
const effort: Effort = { rounds: wholeNumber('--rounds', options.rounds), batchMs: 3, warmUpMs: 250, seed };

if (options.alone === undefined) runAll(subject);
else await runAlone(subject, options.alone);

async function runAlone(name: SubjectName, only: string): Promise<void> {
  const found = CASES.find((candidate) => candidate.name === only);
  if (found === undefined) throw new Error(`unknown case ${only}`);
  console.log(JSON.stringify(result(found, measure(found.candidates(await loadMakers(name)), effort))));
}

function runAll(name: SubjectName): void {
  const chosen = CASES.filter((candidate) => candidate.name.startsWith(options.case));
  if (chosen.length === 0)
    throw new Error(`no case starts with ${options.case}: ${CASES.map((known) => known.name).join(' ')}`);
  const say = options.json ? console.error : console.log;
  say(
    `${name} on Node ${process.versions.node}, seed ${seed}, ${effort.rounds} rounds; ns = nanoseconds an operation, medians; A/A = the reference against its twin`,
  );
  say(heading());
  const results = chosen.map((item) => {
    const measured = inOwnProcess(item, name);
    say(row(measured));
    return measured;
  });
  for (const item of chosen) say(`  ${item.name}: ${item.compares}`);
  if (options.json) console.log(JSON.stringify({ environment: environment(name, effort), results }, null, 2));
  const over = results.filter((item) => item.withinBudget === false);
  if (over.length > 0) say(`${over.length} above budget: ${over.map((item) => item.name).join(', ')}`);
  if (options.check && over.length > 0) process.exitCode = 1;
}

function inOwnProcess(item: Case, name: SubjectName): Result {
  const script = fileURLToPath(import.meta.url);
  const args = ['--alone', item.name, '--subject', name, '--seed', `${seed}`, '--rounds', `${effort.rounds}`];
  const child = spawnSync(process.execPath, [...process.execArgv, script, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.status !== 0) throw new Error(`case ${item.name} failed`);
  return JSON.parse(child.stdout) as Result;
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`${option} must be a whole number`);
  return value;
}

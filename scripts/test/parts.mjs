/**
 * Runs one part of a test step and counts its checks. A part is a program whose output tells the count in one of a few
 * known forms; what ends badly without a counted failure, or runs no check at all, is one failure.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { filesUnder } from '../lib/stamp.mjs';
import { at, root } from '../lib/paths.mjs';

/** Most that a file of tests may take, in ms: longer than `hanging.mjs` gives one test. */
const FILE_MS_MAX = 600_000;

/** One check: the program ends with 0. */
export const command = (about, program, ...args) => ({ about, program, args, count: countExit });

/** `cargo test ...`: each test is a check. */
export const cargoTest = (about, ...args) => ({ about, program: 'cargo', args: ['test', ...args], count: countCargo });

/** A script whose last line is `N passed, N failed`. */
export const counted = (about, program, ...args) => ({ about, program, args, count: countLastLine });

/** Node's test runner over every `*.test.ts` under the given folders: each test is a check. */
export const nodeTests = (about, ...folders) => ({ about, folders });

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function runPart(part) {
  console.log(`--- ${part.about}`);
  const counts = part.folders === undefined ? await runProgram(part) : await runNodeTests(part);
  if (counts.passed + counts.failed > 0) return counts;
  console.log(`${part.about}: no check ran`);
  return { passed: 0, failed: 1 };
}

async function runProgram({ program, args, count, env = {} }) {
  const { code, output } = await spawned(program, args, env);
  const counts = count(output, code);
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

async function runNodeTests({ folders }) {
  const files = filesUnder(...folders.map((folder) => at(folder))).filter((file) => file.endsWith('.test.ts'));
  if (files.length === 0) return { passed: 0, failed: 0 };
  const scratch = mkdtempSync(join(tmpdir(), 'throttleai-tap-'));
  try {
    const tap = join(scratch, 'tap');
    const reporters = ['spec:stdout', `tap:${tap}`].flatMap((pair) => {
      const [name, target] = pair.split(':');
      return [`--test-reporter=${name}`, `--test-reporter-destination=${target}`];
    });
    const imports = ['tsx', pathToFileURL(at('scripts/test/hanging.mjs')).href].flatMap((path) => ['--import', path]);
    const args = [...imports, '--expose-gc', '--test', `--test-timeout=${FILE_MS_MAX}`, ...reporters, ...files];
    return await runProgram({ program: process.execPath, args, count: () => countTap(readFileSync(tap, 'utf8')) });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function spawned(program, args, env) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const take = (target) => (chunk) => {
      output += chunk;
      target.write(chunk);
    };
    child.stdout.on('data', take(process.stdout));
    child.stderr.on('data', take(process.stderr));
    child.on('error', (error) => {
      console.log(`${program}: ${error.message}`);
      resolve({ code: 1, output });
    });
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

const countExit = (_output, code) => ({ passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 });

function countCargo(output) {
  return total(output.matchAll(/^test result: .*?(\d+) passed; (\d+) failed/gm));
}

function countLastLine(output) {
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  return total(last.matchAll(/^(\d+) passed, (\d+) failed$/g));
}

function countTap(output) {
  const number = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  return { passed: number('pass'), failed: number('fail') + number('cancelled') };
}

function total(matches) {
  const counts = { passed: 0, failed: 0 };
  for (const [, passed, failed] of matches) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
  }
  return counts;
}

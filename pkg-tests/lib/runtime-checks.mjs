/** Each runtime prints one line, and it is the expected one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryRun } from '../../scripts/lib/run.mjs';
import { EXPECTED } from '../scenario.mjs';
import { app } from './install.mjs';
import { runtimes } from './runtimes.mjs';

const RUN_MS_MAX = 120_000;

export function runtimeChecks() {
  return runtimes.map(({ name, folder, command }) => ({ name, run: () => check(folder, command) }));
}

function check(folder, command) {
  const expected = readFileSync(join(app, folder, 'expected.txt'), 'utf8')
    .trim()
    .replace('{scenario}', EXPECTED);
  const [program, args] = command();
  const env = { DENO_NO_UPDATE_CHECK: '1', NODE_OPTIONS: undefined };
  const { status, stdout, output, error } = tryRun(program, args, {
    quiet: true,
    timeoutMs: RUN_MS_MAX,
    cwd: app,
    env,
  });
  if (status !== 0) throw new Error(`exit code ${status ?? error?.message}\n${output}`);
  if (stdout.trim() !== expected) throw new Error(`expected ${expected}\ngot      ${output.trim()}`);
}

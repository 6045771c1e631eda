/** Runs other programs. A failure is an error that shows the command and what it said. */
import { spawnSync } from 'node:child_process';
import { root } from './paths.mjs';

/** A failure with a text meant for people: printed without a stack. */
export class StepError extends Error {}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string | undefined>, quiet?: boolean, timeoutMs?: number, cwd?: string }} [options]
 * @returns {string} what it printed to stdout, when quiet
 */
export function run(command, args, options = {}) {
  const result = tryRun(command, args, options);
  if (result.status !== 0) {
    const why = result.error?.message ?? `exit code ${result.status ?? result.signal}`;
    throw new StepError(`${[command, ...args].join(' ')}\n${result.output}${why}`);
  }
  return result.stdout;
}

/** Like `run`, but hands the failure back. */
export function tryRun(command, args, { env = {}, quiet = false, timeoutMs, cwd = root } = {}) {
  const merged = { ...process.env, ...env };
  for (const [name, value] of Object.entries(env)) if (value === undefined) delete merged[name];
  const result = spawnSync(command, args, {
    cwd,
    env: merged,
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 256 * 1024 * 1024,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
  });
  return { ...result, stdout: result.stdout ?? '', output: `${result.stdout ?? ''}${result.stderr ?? ''}` };
}

/** Each bundle runs, prints the expected line and holds the core once; adapters cost what they may. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { tryRun } from '../../scripts/lib/run.mjs';
import { adapterChecks } from './adapter-cost.mjs';
import { bundlers } from './bundlers.mjs';
import { coresIn } from './cores.mjs';
import { installBundlers, project } from './install.mjs';

const RUN_MS_MAX = 240_000;
/** Plain output, and nothing but the work: no messages to the tools' makers, no look for newer versions. */
const ENV = {
  NO_COLOR: '1',
  FORCE_COLOR: undefined,
  NODE_OPTIONS: undefined,
  NEXT_TELEMETRY_DISABLED: '1',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
};
const INLINED = { texts: 1, files: 0, glue: 1 };

export async function bundlerChecks() {
  installBundlers();
  const { EXPECTED } = await import(join(project, 'bundled/run.mjs'));
  return [...bundlers.map((one) => ({ name: one.name, run: () => check(one, EXPECTED) })), ...adapterChecks(execute)];
}

function check({ build, run, tests, lines = 1, out, cores = INLINED }, line) {
  if (tests !== undefined) return void execute(tests()); // the runner's own assertions; no test at all is a failure too
  rmSync(join(project, out), { recursive: true, force: true });
  if (build !== undefined) execute(build());
  const expected = Array(lines).fill(line).join('\n');
  const { stdout, output } = execute(run());
  if (stdout.trim() !== expected) throw new Error(`expected ${expected}\ngot      ${output.trim()}`);
  const found = coresIn(join(project, out));
  if (!isDeepStrictEqual(found, cores)) {
    throw new Error(`${out} holds the core as ${JSON.stringify(found)}, not as ${JSON.stringify(cores)}`);
  }
}

function execute([program, args]) {
  const result = tryRun(program, args, { quiet: true, timeoutMs: RUN_MS_MAX, cwd: project, env: ENV });
  if (result.status !== 0) {
    throw new Error(
      `${[program, ...args].join(' ')}\nexit code ${result.status ?? result.error?.message}\n${result.output}`,
    );
  }
  return result;
}

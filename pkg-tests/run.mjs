/**
 * Tests of the packed tarball. `run.mjs` runs everything, `run.mjs GROUP...` the groups named: package, types, runtimes,
 * sdks, bundlers. The last line is `N passed, N failed`.
 */
import { installTarball, installTools, pack } from './lib/install.mjs';

const groups = {
  package: async (tarball) => (await import('./lib/package.mjs')).packageChecks(tarball),
  types: async () => (await import('./lib/types.mjs')).typeChecks(),
  runtimes: async () => (await import('./lib/runtime-checks.mjs')).runtimeChecks(),
  sdks: async () => (await import('./lib/sdk-checks.mjs')).sdkChecks(),
  bundlers: async () => (await import('./lib/bundler-checks.mjs')).bundlerChecks(),
};

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (groups[name] === undefined) throw new Error(`No group "${name}". There are: ${Object.keys(groups).join(', ')}`);
}

installTools();
const tarball = pack();
installTarball(tarball);

const counts = { passed: 0, failed: 0 };
for (const name of wanted.length > 0 ? wanted : Object.keys(groups)) {
  for (const { name: check, run } of await groups[name](tarball)) {
    const problem = await problemOf(run);
    counts[problem === undefined ? 'passed' : 'failed'] += 1;
    console.log(
      `${problem === undefined ? 'ok    ' : 'FAILED'} ${check}${problem === undefined ? '' : `\n${problem}`}`,
    );
  }
}
if (counts.failed > 0) process.exitCode = 1;
console.log(`${counts.passed} passed, ${counts.failed} failed`);

/** @returns {Promise<string | undefined>} what went wrong */
async function problemOf(check) {
  try {
    await check();
    return undefined;
  } catch (error) {
    return String(error.message).replace(/^/gm, '         ');
  }
}

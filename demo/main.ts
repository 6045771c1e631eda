/**
 * The demo: six users, one of them greedy, share a provider that allows less than they want. Once every program calls the
 * provider directly, once through one governor. Ends with status 1 if the governed run is not better.
 */
import { createGovernor } from 'throttleai';
import { createMockProvider } from 'throttleai/testing';
import { governedClient, plainClient, type Ask } from './clients.ts';
import { judge, table } from './report.ts';
import { play, type Outcome, type Progress } from './run.ts';
import { GOVERNOR, LIMITS, loadPrompts, MINUTE_MS, PROVIDER, RUN_MS, taskOf, USERS, type User } from './scenario.ts';

const prompts = loadPrompts();

/** One line that is rewritten on a terminal; elsewhere a line every few seconds. */
function progressLine(title: string): Progress {
  const everyMs = process.stdout.isTTY ? 0 : 4000;
  let next = everyMs;
  return (elapsedMs, done, refused) => {
    if (elapsedMs < next) return;
    next += everyMs;
    const filled = Math.min(20, Math.round((20 * elapsedMs) / RUN_MS));
    const bar = '█'.repeat(filled) + '░'.repeat(20 - filled);
    const text = `${title.padEnd(9)} ${bar} ${(elapsedMs / 1000).toFixed(1).padStart(4)} s  done ${done}  429s ${refused}`;
    process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  };
}

/** The first run must not pay for loading code: every program makes a call to a provider without limits before. */
async function warmUp(): Promise<void> {
  const provider = await createMockProvider();
  const governor = createGovernor();
  const { signal } = new AbortController();
  await Promise.all(
    USERS.flatMap((user) =>
      [plainClient(user, provider.baseURL), governedClient(user, provider.baseURL, governor)].map((ask) =>
        ask(taskOf(prompts, user, 0), signal),
      ),
    ),
  );
  governor.close();
  await provider.close();
}

async function run(title: string, clientOf: (user: User, baseURL: string) => Ask): Promise<Outcome> {
  const provider = await createMockProvider(PROVIDER);
  const outcome = await play(provider, prompts, (user) => clientOf(user, provider.baseURL), progressLine(title));
  if (process.stdout.isTTY) process.stdout.write('\n');
  await provider.close();
  return outcome;
}

const minute = `${MINUTE_MS / 1000} s`;
console.log(`${USERS.length} users and ${prompts.length} prompts against a mock provider on a real socket, ${RUN_MS / 1000} s each way.
It allows ${LIMITS.requestsPerMinute} calls and ${LIMITS.tokensPerMinute} tokens a "minute" of ${minute}, and ${LIMITS.maxInFlight} calls at once; refused calls count as calls.
Both ways the programs are the same: openai SDK and fetch, JSON and streams, two retries that obey retry-after. A call that is
given up after them costs its user half a second; then comes the next.\n`);
await warmUp();
const without = await run('without', plainClient);
const governor = createGovernor(GOVERNOR);
const governed = await run('governed', (user, baseURL) => governedClient(user, baseURL, governor));
const leasesLeft = governor.activeLeases;
governor.close();

console.log(`\n${table(without, governed)}\n`);
const verdict = judge(without, governed, leasesLeft);
for (const [criterion, holds] of verdict) console.log(`${holds ? 'yes' : 'NO '}  ${criterion}`);
const better = verdict.every(([, holds]) => holds);
console.log(better ? '\nThe governed run is better.' : '\nThe governed run is NOT better.');
process.exitCode = better ? 0 : 1;

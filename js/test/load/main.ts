/**
 * The load run: many requests with random disconnects through the servers' adapters, over sockets. At the end there
 * must be no lease, no waiter, nothing that nobody caught, and no more on the heap than after the warm-up.
 *
 *     node --import tsx js/test/load/main.ts [--requests N] [--seed N]
 *
 * The last line is `N passed, N failed`.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom } from '../../testing/random.ts';
import { Client, type Seen } from './client.ts';
import type { Measurement } from './server.ts';

const { values } = parseArgs({ options: { requests: { type: 'string' }, seed: { type: 'string' } } });
const REQUESTS = Number(values.requests ?? 100_000);
const FRAMEWORKS = ['Express 5', 'Fastify 5', 'Hono', 'node:http', 'Request to Response'];
/** For each framework. */
const EACH = REQUESTS / FRAMEWORKS.length;
const seed = Number(values.seed ?? 20_261_122);
const AT_ONCE = 64;
/** Part of the requests after which the heap is first looked at: code is compiled and tables have their size by then. */
const WARM_UP = 0.2;
/** What the heap may have grown by since, in bytes: 65 for each of 16,000 requests, less than any object they could leave. */
const GROWTH_MAX = 1024 * 1024;
/** A leak of leases leaves requests waiting: after this many ms the run is given up. Not a budget: many times what it takes. */
const RUN_MS_MAX = 10 * 60_000;

const counts = { passed: 0, failed: 0 };
function check(what: string, good: boolean): void {
  counts[good ? 'passed' : 'failed']++;
  console.log(`${good ? 'ok    ' : 'FAILED'} ${what}`);
}

async function measure(server: ChildProcess): Promise<Measurement> {
  server.send('measure');
  const [measurement] = (await once(server, 'message')) as [Measurement];
  return measurement;
}

const list = (counted: Record<string, number>): string =>
  Object.entries(counted)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(2)} MiB`;

function report(name: string, seen: Seen, early: Measurement, late: Measurement, seconds: number): void {
  const { reads = 0, slow = 0, ...left } = seen.manners;
  const disconnects = Object.values(left).reduce((sum, count) => sum + count, 0);
  console.log(`       ${reads + slow + disconnects} requests in ${seconds.toFixed(0)} s, ${disconnects} disconnects`);
  console.log(`       clients: ${list(seen.manners)}; statuses: ${list(seen.statuses)}`);
  console.log(`       leases: ${late.granted} granted, ${late.denied} denied; ended as ${list(late.outcomes)}`);
  console.log(`       heap ${mib(early.heap)} after warm-up, ${mib(late.heap)} at the end, rss ${mib(late.rss)}`);
  check(`${name}: no lease, nobody waits`, late.leases === 0 && late.waiting === 0);
  check(`${name}: each lease was released once, none expired`, late.released === late.granted && late.expired === 0);
  check(`${name}: nothing that nobody caught ${late.complaints.slice(0, 3).join('; ')}`, late.complaints.length === 0);
  check(`${name}: whoever stayed got an answer`, seen.lost === 0);
  const grown = late.heap - early.heap;
  check(`${name}: heap grew by ${mib(grown)}, at most ${mib(GROWTH_MAX)}`, grown <= GROWTH_MAX);
  // A run in which clients did not leave while they held leases would prove nothing.
  const { success = 0, cancelled = 0, error = 0 } = late.outcomes;
  check(`${name}: enough of everything`, Math.min(success, cancelled, error) > EACH / 200 && late.denied > 0);
}

const watchdog = setTimeout(() => {
  console.log(`FAILED it is not over after ${RUN_MS_MAX / 1000} s: requests wait for leases that nobody gives back`);
  console.log(`${counts.passed} passed, ${counts.failed + 1} failed`);
  process.exit(1);
}, RUN_MS_MAX);

console.log(`       ${REQUESTS} requests, seed ${seed}`);
for (const name of FRAMEWORKS) {
  const path = fileURLToPath(new URL('server.ts', import.meta.url));
  const server = fork(path, [name], { execArgv: ['--import', 'tsx', '--expose-gc'] });
  const [port] = (await once(server, 'message')) as [number];
  const client = new Client(port, createRandom(seed));
  const start = performance.now();
  await client.run(EACH * WARM_UP, AT_ONCE);
  const early = await measure(server);
  await client.run(EACH * (1 - WARM_UP), AT_ONCE);
  const late = await measure(server);
  report(name, client.seen, early, late, (performance.now() - start) / 1000);
  server.disconnect();
}
clearTimeout(watchdog);
if (counts.failed > 0) process.exitCode = 1;
console.log(`${counts.passed} passed, ${counts.failed} failed`);

/**
 * `server.ts NAME`: the governed app of that name, in a process of its own. Answers each message of its parent with a
 * measurement, taken when nobody is connected any more.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createGovernor, createStatsCollector } from 'throttleai';
import { apps, connections } from '../adapters/apps.ts';

/** What a measurement tells. */
export interface Measurement {
  leases: number;
  waiting: number;
  granted: number;
  denied: number;
  released: number;
  expired: number;
  outcomes: Record<string, number>;
  /** What nobody caught, and what Node warned of. */
  complaints: string[];
  /** Bytes on the heap, after a collection. */
  heap: number;
  rss: number;
}

const stats = createStatsCollector();
const governor = createGovernor({
  concurrency: { maxInFlight: 16, interactiveReserve: 2 },
  rate: { requestsPerMinute: 1_000_000, windowMs: 1000 },
  fairness: true,
  // Nothing may be put right by expiry; and made-up actors must not add up.
  leaseTtlMs: 3_600_000,
  caps: { actors: 500 },
  onEvent: stats.handler,
});
const complaints: string[] = [];
for (const event of ['unhandledRejection', 'uncaughtException', 'warning'])
  process.on(event, (error) => complaints.push(`${event}: ${String(error)}`));

const server = apps[process.argv[2] as keyof typeof apps](governor);
// Clients decide when a connection ends: a server that did would make answers look lost.
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1');
await once(server, 'listening');

async function measure(): Promise<Measurement> {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  while ((await connections(server)) > 0) await turn();
  // Handlers whose clients have gone come to their end.
  for (let i = 0; i < 100; i++) await turn();
  for (let i = 0; i < 3; i++) {
    globalThis.gc!();
    await turn();
  }
  const { activeLeases, waiting = 0 } = governor.snapshot();
  const { grants, denials, releases, expires, outcomes } = stats.snapshot();
  const { heapUsed, rss } = process.memoryUsage();
  return {
    leases: activeLeases,
    waiting,
    granted: grants,
    denied: denials,
    released: releases,
    expired: expires,
    outcomes,
    complaints,
    heap: heapUsed,
    rss,
  };
}

process.on('message', () => void measure().then((measurement) => process.send!(measurement)));
process.on('disconnect', () => process.exit());
process.send!((server.address() as AddressInfo).port);

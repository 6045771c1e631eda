/** Ten thousand requests whose clients leave, over sockets: not one may leave a lease. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { apps, connections } from './apps.ts';
import { listen, notedGovernor, settle } from './support.ts';

/** For each framework: ten thousand in all. */
const REQUESTS = 3_334;
const AT_ONCE = 50;

/** When a client leaves: as soon as it has asked, with the first bytes of the answer, or with the last. */
const MOMENTS = [
  { path: '/now/held', until: undefined },
  { path: '/now/held', until: 'held' },
  { path: '/now/later', until: 'later' },
] as const;
type Moment = (typeof MOMENTS)[number];

/** Asks, and leaves at that moment, with or without a farewell. */
function leave(port: number, { path, until }: Moment, farewell: boolean): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1');
    const go = (): unknown => (farewell ? socket.destroy() : socket.resetAndDestroy());
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`, () => void (until ?? go()));
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString('latin1');
      if (until !== undefined && answer.includes(`\r\n\r\n`) && answer.includes(until)) go();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

for (const [name, make] of Object.entries(apps)) {
  test(`${name}: ${REQUESTS} requests whose clients leave`, async (t) => {
    const { governor, asked, released } = notedGovernor(t, { leaseTtlMs: 3_600_000 });
    const server = make(governor);
    const port = Number(new URL(await listen(t, server)).port);
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < REQUESTS) {
        const nth = next++;
        await leave(port, MOMENTS[nth % MOMENTS.length]!, nth % 2 === 0);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    // Requests whose clients have left may still come out of the sockets' buffers.
    while ((await connections(server)) > 0) await settle(1);
    // Handlers whose clients have left come to their end.
    await settle(100);
    assert.equal(governor.activeLeases, 0);
    assert.equal(new Set(released.map(({ leaseId }) => leaseId)).size, asked.length);
    assert.equal(released.length, asked.length);
    // Those who left with the first bytes held a lease for certain.
    assert.ok(released.filter(({ report }) => report?.outcome === 'cancelled').length >= Math.floor(REQUESTS / 3));
  });
}

/** What the topics about adapters share. */
import { once } from 'node:events';
import { createServer } from 'node:http';

/** Serves on a free port while `visit` runs. */
export async function during(handler, visit) {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await visit(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A governor with one slot, whose clock stands still. */
export const oneSlot = ({ createGovernor, createTestClock }) =>
  createGovernor({ concurrency: { maxInFlight: 1 }, clock: createTestClock() });

/** Calls `ask` with a free slot, then with the slot taken, for which the first call's lease must have ended. */
export async function freeThenTaken(governor, ask) {
  const free = await ask();
  await governor.acquireAsync({ actorId: 'bob', action: 'chat' });
  return `${free} | ${await ask()}`;
}

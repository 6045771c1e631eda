/** throttleMiddleware: the client goes in the very turn in which the wait of its request is over. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createTestClock } from 'throttleai';
import { throttleMiddleware, type ExpressLikeResponse } from 'throttleai/adapters/express';
import { notedGovernor, settle, type Noted } from './support.ts';

interface Waiting extends Noted {
  /** Ends the lease that is waited for. */
  free: () => void;
  /** The client goes. */
  leave: () => void;
  /** The wait is over without a lease. */
  expire: () => void;
  /** What was done for the request. */
  done: string[];
}

/** A request that waits for a lease, with a response that notes what is done to it. */
function waitingRequest(t: TestContext): Waiting {
  const clock = createTestClock();
  const noted = notedGovernor(t, { clock, concurrency: { maxInFlight: 1 } });
  const held = noted.governor.acquire({ actorId: 'a', action: 'b' });
  assert.ok(held.granted);
  const done: string[] = [];
  const listeners: (() => void)[] = [];
  const res: ExpressLikeResponse = {
    status: (code) => ({ json: () => done.push(`status ${code}`) }),
    setHeader: (name) => done.push(name),
    on: (event, listener) => event === 'close' && listeners.push(listener),
  };
  const options = { governor: noted.governor, wait: { timeoutMs: 5_000 } };
  throttleMiddleware(options)({ headers: {} }, res, (error) => done.push(error === undefined ? 'next' : 'error'));
  return {
    ...noted,
    done,
    free: () => noted.governor.release(held.leaseId),
    leave: () => listeners.forEach((listener) => listener()),
    expire: () => clock.advance(5_000),
  };
}

test('granted as the client goes: the handler is not called, and the lease ends', async (t) => {
  const { governor, done, released, free, leave } = waitingRequest(t);
  free();
  leave();
  await settle();
  assert.deepEqual(done, []);
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    [undefined, 'cancelled'],
  );
  assert.equal(governor.activeLeases, 0);
});

test('denied as the client goes: nobody is answered', async (t) => {
  const { done, expire, leave } = waitingRequest(t);
  expire();
  leave();
  await settle();
  assert.deepEqual(done, []);
});

test('gone while it waits: nobody is answered, and no error is raised', async (t) => {
  const { governor, done, leave } = waitingRequest(t);
  leave();
  await settle();
  assert.deepEqual(done, []);
  assert.equal(governor.snapshot().waiting, 0);
});

test('the same requests, whose clients stay', async (t) => {
  const [granted, denied] = [waitingRequest(t), waitingRequest(t)];
  granted.free();
  denied.expire();
  await settle();
  assert.deepEqual([granted.done, denied.done], [['next'], ['Retry-After', 'status 429']]);
});

// Minutes pass in no time: the clock moves only when told, and takes timers and waiters along.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { createGovernor, type Governor } from 'throttleai';
import { createTestClock, type TestClock } from 'throttleai/testing';
import { summarise } from './summarise.ts';

let clock: TestClock;
let governor: Governor;

beforeEach(() => {
  clock = createTestClock();
  governor = createGovernor({ rate: { requestsPerMinute: 1 }, leaseTtlMs: 10_000, strict: true, clock });
});
afterEach(() => governor.close());

const model = async (text: string): Promise<string> => text.toUpperCase();

test('the second call waits until the first has left the window', async () => {
  assert.equal(await summarise(governor, model, 'one'), 'ONE');
  const second = summarise(governor, model, 'two');
  assert.equal(governor.snapshot().waiting, 1);
  clock.advance(60_000);
  assert.equal(await second, 'TWO');
});

test('a call whose turn does not come in time is given up', async () => {
  await summarise(governor, model, 'one');
  clock.advance(1);
  const patient = summarise(governor, model, 'two'); // fits in 59,999 ms
  const late = summarise(governor, model, 'three'); // would fit a minute later
  clock.advance(60_000);
  assert.deepEqual(await Promise.all([patient, late]), ['TWO', undefined]);
});

test('a call that hangs loses its lease', () => {
  const events: string[] = [];
  const watched = createGovernor({ leaseTtlMs: 10_000, clock, onEvent: ({ type }) => events.push(type) });
  void summarise(watched, () => new Promise<string>(() => {}), 'one');
  clock.advance(15_000); // its end, and the sweep after it
  assert.deepEqual(events, ['acquire', 'expire']);
  assert.equal(watched.activeLeases, 0);
  watched.close();
});

test('a denial says when', () => {
  governor.acquire({ actorId: 'ann', action: 'chat' });
  const denied = governor.acquire({ actorId: 'ann', action: 'chat' });
  assert(!denied.granted);
  assert.equal(denied.retryAt, clock.time + 60_000);
});

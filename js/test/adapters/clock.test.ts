/** Clocks that fail or are set back while a call runs: the lease ends, the answer stands. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGovernor, type GovernorEvent } from 'throttleai';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { wrapTool } from 'throttleai/adapters/tools';

const fails = (): never => {
  throw new Error('no time');
};

test('a clock that fails once the call has ended takes neither the answer nor the lease', async () => {
  let clock = (): number => 1e6;
  const governor = createGovernor({ clock: () => clock() });
  const tool = wrapTool(() => void (clock = fails), { governor, toolId: 't' });
  assert.deepEqual(await tool(), { ok: true, result: undefined, latencyMs: 0 });
  clock = () => 1e6;
  assert.equal(governor.activeLeases, 0);
});

test('a clock that fails between the grant and the call does not lose the lease', async () => {
  let clock = (): number => 1e6;
  const governor = createGovernor({
    clock: () => clock(),
    onEvent: ({ type }) => void (type === 'acquire' && (clock = fails)),
  });
  const tool = wrapTool(() => void (clock = () => 1e6), { governor, toolId: 't' });
  // Nothing was measured: there was no instant to measure from.
  assert.deepEqual(await tool(), { ok: true, result: undefined, latencyMs: 0 });
  assert.equal(governor.activeLeases, 0);
});

test('a clock that is set back during the call makes no negative latency and no bad report', async () => {
  let now = 1e6;
  const events: GovernorEvent[] = [];
  const governor = createGovernor({ clock: () => now, onEvent: (event) => void events.push(event) });
  const tool = wrapTool(() => void (now -= 500), { governor, toolId: 't' });
  assert.deepEqual(await tool(), { ok: true, result: undefined, latencyMs: 0 });
  assert.deepEqual(
    events.map(({ type }) => type),
    ['acquire', 'release'],
  );
});

test('a clock that fails while bytes flow does not fail the body', async () => {
  let clock = (): number => 1e6;
  const governor = createGovernor({ clock: () => clock() });
  const throttled = wrapFetch(() => Promise.resolve(new Response('the answer')), { governor });
  const answer = await throttled('https://api.test/');
  clock = fails;
  assert.ok(answer.ok);
  assert.equal(await answer.response.text(), 'the answer');
  clock = () => 1e6;
  assert.equal(governor.activeLeases, 0);
});

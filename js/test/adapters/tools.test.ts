import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AcquireDecision, AcquireRequest } from 'throttleai';
import { wrapTool } from 'throttleai/adapters/tools';
import { gate, notedGovernor } from './support.ts';

test('a granted call resolves to what the function returns, of whatever kind it is', async (t) => {
  const { governor, asked, released } = notedGovernor(t);
  const add = wrapTool((a: number, b: number) => a + b, { governor, toolId: 'add' });
  const later = wrapTool(async (text: string) => text.length, { governor, toolId: 'later' });
  const sum = await add(1, 2);
  const length = await later('four');
  assert.ok(sum.ok && length.ok);
  assert.deepEqual([sum.result, length.result], [3, 4]);
  assert.ok(sum.latencyMs >= 0);
  assert.deepEqual(asked, [
    { actorId: 'default', action: 'tool.add' },
    { actorId: 'default', action: 'tool.later' },
  ]);
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['success', 'success'],
  );
});

test('weight, actor, priority and key reach the governor', async () => {
  const asked: AcquireRequest[] = [];
  const governor = {
    acquire(request: AcquireRequest): AcquireDecision {
      asked.push(request);
      return { granted: false, reason: 'policy', retryAfterMs: 25, recommendation: 'later' };
    },
    release() {},
  };
  let calls = 0;
  const fn = (_text: string): number => ++calls;
  assert.deepEqual(await wrapTool(fn, { governor, toolId: 't' })('x'), {
    ok: false,
    decision: { granted: false, reason: 'policy', retryAfterMs: 25, recommendation: 'later' },
  });
  const more = { governor, toolId: 't', actorId: 'a', priority: 'interactive', costWeight: 2.5 } as const;
  await wrapTool(fn, { ...more, idempotencyKey: (text) => text })('x');
  assert.equal(calls, 0);
  assert.deepEqual(asked, [
    { actorId: 'default', priority: 'background', action: 'tool.t', estimate: { weight: 1 } },
    { actorId: 'a', priority: 'interactive', action: 'tool.t', estimate: { weight: 2.5 }, idempotencyKey: 'x' },
  ]);
});

test('what the function throws, at once or later, is thrown on after the release', async (t) => {
  const { governor, released } = notedGovernor(t);
  const failure = new Error('broken');
  const sync = (): never => {
    throw failure;
  };
  await assert.rejects(wrapTool(sync, { governor, toolId: 't' })(), failure);
  await assert.rejects(wrapTool(() => Promise.reject(failure), { governor, toolId: 't' })(), failure);
  await assert.rejects(
    wrapTool(() => Promise.reject(new DOMException('x', 'AbortError')), { governor, toolId: 't' })(),
  );
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['error', 'error', 'cancelled'],
  );
});

test('with wait a call waits for a lease, bounded by its time', async (t) => {
  const { governor } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  const first = gate();
  const options = { governor, toolId: 't', wait: {} };
  const slow = wrapTool(() => first.promise, options)();
  const next = wrapTool(() => 'done', options)();
  first.open();
  assert.ok((await slow).ok);
  const answer = await next;
  assert.ok(answer.ok && answer.result === 'done');
  const held = governor.acquire({ actorId: 'a', action: 'b' });
  assert.ok(held.granted);
  const bounded = await wrapTool(() => 'never', { ...options, wait: { timeoutMs: 0 } })();
  assert.ok(!bounded.ok);
});

/** Wrapped functions: what they give is what the function gives, and the lease lasts exactly as long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AcquireRequest, GovernorLike, ReleaseReport, TokenUsage } from 'throttleai';
import { DeniedError } from '../../core/errors.ts';
import { wrapFunction } from '../../core/wrap.ts';
import { ask, bench, countedSignal, granted, settled } from './support.ts';
import { all, count, noted, outcomes } from './wrap-support.ts';

test('a function keeps its arguments, its this, its result and its name', async (t) => {
  const { governor, clock, asked, told } = noted(t);
  const answer = { text: 'hi' };
  const model = {
    prefix: '>',
    async complete(this: { prefix: string }, prompt: string, most = 5): Promise<typeof answer> {
      assert.deepEqual([this.prefix, prompt, most, governor.activeLeases], ['>', 'hello', 7, 1]);
      clock.advance(40);
      return answer;
    },
  };
  const complete = wrapFunction(governor, model.complete, {
    key: 'chat',
    actorId: (prompt) => `user of ${prompt}`,
    priority: 'background',
    estimate: (prompt, most) => ({ promptTokens: prompt.length, maxOutputTokens: most ?? 0 }),
    usage: ({ text }) => ({ outputTokens: text.length }),
  });
  assert.equal(await complete.call(model, 'hello', 7), answer);
  assert.deepEqual([complete.name, complete.length], ['complete', 1]);
  const estimate = { promptTokens: 5, maxOutputTokens: 7 };
  assert.deepEqual(asked, [{ actorId: 'user of hello', action: 'chat', priority: 'background', estimate }]);
  assert.deepEqual(told, [{ outcome: 'success', latencyMs: 40, usage: { outputTokens: 2 } }]);
  assert.equal(governor.activeLeases, 0);
});

test('without options a call is of the actor "default", and a function may answer at once', async (t) => {
  const { governor, asked } = noted(t);
  assert.equal(await wrapFunction(governor, (a: number, b: number) => a + b, { key: 'sum' })(2, 3), 5);
  assert.deepEqual(asked, [{ actorId: 'default', action: 'sum' }]);
});

test('what a function throws is thrown on, after the lease has ended', async (t) => {
  const { governor, told } = noted(t);
  const error = new Error('no');
  const wrapped = wrapFunction(
    governor,
    (kind: string): Promise<never> => {
      if (kind === 'at once') throw error;
      return Promise.reject(kind === 'aborted' ? new DOMException('stop', 'AbortError') : error);
    },
    { key: 'k' },
  );
  await assert.rejects(wrapped('at once'), error);
  await assert.rejects(wrapped('later'), error);
  await assert.rejects(wrapped('aborted'), { name: 'AbortError' });
  assert.deepEqual(outcomes(told), ['error', 'error', 'cancelled']);
  assert.equal(governor.activeLeases, 0);
});

test('calls wait for their lease, in order', async (t) => {
  const { governor, clock } = bench(t, { rate: { requestsPerMinute: 1 } });
  const done: number[] = [];
  const wrapped = wrapFunction(governor, (n: number) => void done.push(n), { key: 'k' });
  const calls = [wrapped(1), wrapped(2), wrapped(3)];
  await settled();
  assert.deepEqual(done, [1]);
  clock.advance(60_000);
  await settled();
  assert.deepEqual(done, [1, 2]);
  clock.advance(60_000);
  await Promise.all(calls);
  assert.deepEqual(done, [1, 2, 3]);
});

test('a denial is an error with the decision, and the function is not called', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  granted(governor.acquire(ask('a')));
  const never = (): never => assert.fail('called');
  for (const wait of [false, { timeoutMs: 0 }] as const) {
    await assert.rejects(wrapFunction(governor, never, { key: 'k', wait })(), (error) => {
      assert(DeniedError.isInstance(error) && error instanceof DeniedError);
      assert.equal(error.code, 'denied');
      assert.equal(error.decision.reason, 'concurrency');
      assert.equal(error.message, error.decision.recommendation);
      return true;
    });
  }
  const heavy = wrapFunction(governor, never, { key: 'k', estimate: { weight: 2 } });
  await assert.rejects(heavy(), (error) => DeniedError.isInstance(error) && error.decision.retryAt === null);
});

test('a signal cancels the wait and leaves nothing behind', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  const id = granted(governor.acquire(ask('a')));
  const { signal, abort, listeners } = countedSignal();
  const wrapped = wrapFunction(governor, (_signal: AbortSignal) => 'ok', { key: 'k', signal: (given) => given });
  const call = wrapped(signal);
  await settled();
  assert.equal(listeners(), 1);
  abort('enough');
  await assert.rejects(call, (reason) => reason === 'enough');
  assert.equal(listeners(), 0);
  await assert.rejects(wrapped(signal), (reason) => reason === 'enough');
  governor.release(id);
  assert.equal(governor.activeLeases, 0);
  const waiting = wrapFunction(governor, () => 'ok', { key: 'k', wait: { signal } });
  await assert.rejects(waiting(), (reason) => reason === 'enough');
});

test('a signal that is aborted already asks for nothing', async (t) => {
  const { governor, asked } = noted(t);
  const wrapped = wrapFunction(governor, () => 'ok', { key: 'k', wait: false, signal: AbortSignal.abort('before') });
  await assert.rejects(wrapped(), (reason) => reason === 'before');
  assert.equal(asked.length, 0);
});

test('options are those of the time of wrapping', async (t) => {
  const { governor, asked } = noted(t);
  const options = { key: 'before' };
  const wrapped = wrapFunction(governor, () => 'ok', options);
  options.key = '';
  await wrapped();
  assert.deepEqual(asked, [{ actorId: 'default', action: 'before' }]);
});

test('a signal that is aborted between grant and call', async (t) => {
  const { governor, told } = noted(t);
  const controller = new AbortController();
  const { acquire } = governor;
  governor.acquire = (request) => {
    controller.abort('late');
    return acquire(request);
  };
  const wrapped = wrapFunction(governor, () => assert.fail('called'), { key: 'k', signal: controller.signal });
  await assert.rejects(wrapped(), (reason) => reason === 'late');
  assert.deepEqual(outcomes(told), ['cancelled']);
  assert.equal(governor.activeLeases, 0);
});

test('calls under one idempotency key share a lease until the last has ended', async (t) => {
  const { governor } = bench(t);
  const release: (() => void)[] = [];
  const wrapped = wrapFunction(governor, (_id: string) => new Promise<void>((resolve) => release.push(resolve)), {
    key: 'k',
    idempotencyKey: (id) => id,
  });
  const calls = [wrapped('a'), wrapped('a'), wrapped('b')];
  await settled();
  assert.deepEqual([release.length, governor.activeLeases], [3, 2]);
  release[0]!();
  await calls[0];
  assert.equal(governor.activeLeases, 2);
  release[1]!();
  release[2]!();
  await Promise.all(calls);
  assert.equal(governor.activeLeases, 0);
});

test('usage that throws, or says nothing, takes nothing from the call', async (t) => {
  const { governor, told } = noted(t);
  const usages: ((result: string) => TokenUsage | undefined)[] = [
    () => undefined,
    () => {
      throw new Error('no');
    },
  ];
  for (const usage of usages) assert.equal(await wrapFunction(governor, () => 'ok', { key: 'k', usage })(), 'ok');
  assert.deepEqual(
    told.map((report) => 'usage' in report),
    [false, false],
  );
});

test('a call under a governor that was closed meanwhile stands', async (t) => {
  const { governor } = bench(t);
  const wrapped = wrapFunction(governor, () => (governor.close(), 'ok'), { key: 'k' });
  assert.equal(await wrapped(), 'ok');
});

test('objects of the user that grant leases are polled, and need not renew', async () => {
  const told: ReleaseReport[] = [];
  const asked: AcquireRequest[] = [];
  const own: GovernorLike = {
    acquire: (request) => {
      asked.push(request);
      return { granted: true, leaseId: 'x', expiresAt: 1 };
    },
    release: (_id, report) => void told.push(report!),
  };
  assert.deepEqual(await all(wrapFunction(own, count, { key: 'x'.repeat(1_000) })(2)), [1, 2]);
  assert.deepEqual([asked.length, outcomes(told)], [1, ['success']]);
});

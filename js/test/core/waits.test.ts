/** Bounds of waiting, as they are documented. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock, withLease } from 'throttleai';
import { pollTimeMs } from '../../core/waiting.ts';
import { ask, bench, denied, granted } from './support.ts';

test('maxWaitMs may be Infinity: then a call waits as long as it takes', async (t) => {
  for (const strategy of ['wait', 'wait-then-deny'] as const) {
    const { governor, clock } = bench(t, { rate: { requestsPerMinute: 1, windowMs: 1000 } });
    granted(governor.acquire(ask('a')));
    const result = withLease(governor, ask('b'), () => 'ran', { strategy, maxWaitMs: Infinity, maxAttempts: 10 });
    clock.advance(1000);
    assert.deepEqual(await result, { granted: true, result: 'ran' });
  }
});

test('the first pause may be any time above 0', async (t) => {
  const { governor } = bench(t);
  const options = { strategy: 'wait', initialBackoffMs: 0.25 } as const;
  assert.deepEqual(await withLease(governor, ask('a'), () => 1, options), { granted: true, result: 1 });
});

test('the time that polling would take', () => {
  const bounds = (maxAttempts: number, maxWaitMs: number, initialBackoffMs = 250): number =>
    pollTimeMs({ maxAttempts, maxWaitMs, initialBackoffMs });
  assert.equal(bounds(1, Infinity), 0);
  assert.equal(bounds(3, 10_000), 250 + 500);
  assert.equal(bounds(3, 600), 600);
  assert.equal(bounds(8, Infinity), 250 + 500 + 1000 + 2000 + 4000 + 5000 + 5000);
  assert.equal(bounds(3, Infinity, 9000), 2 * 5000);
  assert.equal(bounds(Infinity, 10_000, 5e-324), 10_000);
  assert.equal(bounds(Infinity, Infinity), Infinity);
  assert.equal(bounds(Number.MAX_SAFE_INTEGER, 10_000), 10_000);
});

test('a deadline is kept to the millisecond on a clock with fractions of one', async (t) => {
  const { governor, clock } = bench(t, { concurrency: { maxInFlight: 1 } }, createTestClock(100_000.9));
  granted(governor.acquire(ask('a')));
  let refusedAt = NaN;
  const waits = governor.acquireAsync(ask('b'), { timeoutMs: 10.2 }).then((decision) => {
    refusedAt = clock.time;
    return denied(decision);
  });
  for (let tick = 0; tick < 40 && Number.isNaN(refusedAt); tick++) {
    clock.advance(0.5);
    await Promise.resolve();
    await Promise.resolve();
  }
  assert.equal((await waits).cause, 'deadline');
  const late = refusedAt - 100_011.1;
  assert.ok(late >= 0 && late < 1, `${late} ms late`);
});

test('a signal that is aborted by what a request calls on its way is heard', async (t) => {
  const before = new AbortController();
  const abort: (() => void)[] = [];
  const shares = (actorId: string): number => {
    if (actorId.startsWith('b')) abort.shift()?.();
    return 1;
  };
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 }, shares });
  granted(governor.acquire(ask('a')));
  // One alone under its signal, and one beside another that waits under it.
  const alone = new AbortController();
  abort.push(
    () => alone.abort('late'),
    () => before.abort('later'),
  );
  const rejected = async (actorId: string, signal: AbortSignal): Promise<unknown> =>
    governor.acquireAsync(ask(actorId), { signal }).catch((reason: unknown) => reason);
  assert.equal(await rejected('b1', alone.signal), 'late');
  const first = governor.acquireAsync(ask('c'), { signal: before.signal }).catch((reason: unknown) => reason);
  assert.equal(await rejected('b2', before.signal), 'later');
  assert.equal(await first, 'later');
  assert.equal(governor.snapshot().waiting ?? 0, 0);
});

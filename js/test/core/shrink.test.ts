/** Requests whose output may be shortened to what fits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withLease, type AcquireRequest, type GovernorConfig, type TokenEstimate } from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

const shrinkable = (estimate: TokenEstimate, more: Partial<AcquireRequest> = {}): AcquireRequest =>
  ask('a', { canShrink: true, estimate, ...more });

test('the output is shortened to what the limits have room for', (t) => {
  const { governor, events } = bench(t, { limits: { tokens: '1000/m', outputTokens: '500/m' } });
  const first = governor.acquire(shrinkable({ promptTokens: 100, maxOutputTokens: 800 }));
  granted(first);
  assert.deepEqual(first.granted && first.constraints, { maxOutputTokens: 500 });
  granted(governor.acquire(ask('a', { estimate: { promptTokens: 390 } })));
  assert.deepEqual(
    governor.snapshot().limits?.map(({ used }) => used),
    [990, 500],
  );
  assert.deepEqual(
    events.map(({ type }) => type),
    ['acquire', 'acquire'],
    'nobody was denied',
  );
});

test('only what asks for it is shortened, and never what is not output', (t) => {
  const config: GovernorConfig = { limits: { tokens: '1000/m', requests: '9/m', pages: '1/m' } };
  const { governor } = bench(t, config);
  denied(governor.acquire(ask('a', { estimate: { promptTokens: 100, maxOutputTokens: 901 } })));
  denied(governor.acquire(shrinkable({ promptTokens: 1000, maxOutputTokens: 10 })));
  denied(governor.acquire(shrinkable({ promptTokens: 10, maxOutputTokens: 2000, metrics: { pages: 2 } })));
  granted(governor.acquire(ask('a')));
  granted(governor.acquire(ask('a')));
  const all = governor.acquire(shrinkable({ promptTokens: 1, maxOutputTokens: 999 }));
  assert.deepEqual(Object.keys(all), ['granted', 'leaseId', 'expiresAt'], 'what fits is not shortened');
  assert.equal(denied(governor.acquire(shrinkable({ maxOutputTokens: 5 }))).limit, 'tokens/1m');
  assert.throws(() => governor.acquire(ask('a', { canShrink: 'yes' as never })), { field: 'request.canShrink' });
});

test('a shortened call takes what a budget has left, to the token', (t) => {
  const { governor } = bench(t, {
    limits: [{ metric: 'costUsd', limit: 0.01, window: '1h' }],
    models: { m: { prices: { input: 1, output: 3.3 } } },
  });
  const decision = governor.acquire(shrinkable({ promptTokens: 100, maxOutputTokens: 1e6 }, { model: 'm' }));
  granted(decision);
  assert.deepEqual(decision.granted && decision.constraints, { maxOutputTokens: 3_000 });
  assert.equal(governor.snapshot().limits?.[0]?.used, 0.01);
  // A cost that the caller gave does not say what a token of it costs.
  denied(governor.acquire(shrinkable({ maxOutputTokens: 10, metrics: { costUsd: 0.02 } }, { model: 'm' })));
});

test('what could fit later is denied until then, not for ever', (t) => {
  const { governor, clock } = bench(t, { limits: { outputTokens: '100/m' } });
  granted(governor.acquire(ask('a', { estimate: { maxOutputTokens: 100 } })));
  assert.equal(denied(governor.acquire(ask('a', { estimate: { maxOutputTokens: 500 } }))).retryAt, null);
  assert.equal(denied(governor.acquire(shrinkable({ maxOutputTokens: 500 }))).retryAt, 160_000);
  clock.advance(60_000);
  const decision = governor.acquire(shrinkable({ maxOutputTokens: 500 }));
  assert.deepEqual(decision.granted && decision.constraints, { maxOutputTokens: 100 });
});

test('usage of a shortened call is settled as usual', (t) => {
  const { governor } = bench(t, { limits: { tokens: '100/h' } });
  const lease = granted(governor.acquire(shrinkable({ promptTokens: 50, maxOutputTokens: 80 })));
  governor.release(lease, { usage: { outputTokens: 10 } });
  assert.equal(governor.snapshot().limits?.[0]?.used, 60);
});

test('withLease hands the constraints on, and so does a lease under one key', async (t) => {
  const { governor } = bench(t, { limits: { tokens: '100/h' } });
  const request = shrinkable({ maxOutputTokens: 300 }, { idempotencyKey: 'k' });
  const result = await withLease(governor, request, ({ constraints }) => {
    const again = governor.acquire(request);
    return [constraints, again.granted && again.constraints];
  });
  assert.deepEqual(result, { granted: true, result: [{ maxOutputTokens: 100 }, { maxOutputTokens: 100 }] });
});

test('who waits is shortened at once if that fits, else only to what could ever fit', async (t) => {
  const { governor, clock } = bench(t, { limits: { tokens: '100/m' } });
  const first = await governor.acquireAsync(shrinkable({ maxOutputTokens: 60 }));
  const second = await governor.acquireAsync(shrinkable({ maxOutputTokens: 60 }));
  assert.deepEqual(
    [first.granted && first.constraints, second.granted && second.constraints],
    [undefined, { maxOutputTokens: 40 }],
  );
  const later = [60, 300].map((maxOutputTokens) => governor.acquireAsync(shrinkable({ maxOutputTokens })));
  clock.advance(60_000);
  const third = await later[0]!;
  granted(third);
  assert.equal(third.granted && third.constraints, undefined);
  clock.advance(60_000);
  const fourth = await later[1]!;
  assert.deepEqual(fourth.granted && fourth.constraints, { maxOutputTokens: 100 });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeniedError, type Lease } from 'throttleai';
import { ask, bench, countedSignal, granted, settled } from './support.ts';

test('a lease ends with its block, with what the call used', async (t) => {
  const { governor, events } = bench(t, { rate: { tokensPerMinute: 1000 } });
  const request = ask('a', { estimate: { promptTokens: 400 } });
  const lease: Lease = await governor.lease(request);
  assert.equal(governor.activeLeases, 1);
  lease.use({ promptTokens: 100, outputTokens: 20 });
  const { asyncDispose } = Symbol as { asyncDispose?: symbol };
  // What `await using` calls; Node 18 has no such thing.
  if (asyncDispose === undefined) lease.release();
  else await (lease as unknown as Record<symbol, () => Promise<void>>)[asyncDispose]!();
  assert.deepEqual([governor.activeLeases, governor.tokenRateCount], [0, 120]);
  lease.release({ outcome: 'error' });
  assert.deepEqual(
    events.map((event) => event.type === 'release' && event.outcome).filter(Boolean),
    ['success'],
    'only once',
  );
});

test('await using: a lease ends with its block, however that is left', async (t) => {
  const { governor, events } = bench(t, { rate: { tokensPerMinute: 1000 }, concurrency: { maxInFlight: 2 } });
  const request = ask('a', { estimate: { promptTokens: 400 } });
  const call = async (fail: boolean): Promise<string> => {
    await using first = await governor.lease(request);
    await using second = await governor.lease(request);
    assert.equal(governor.activeLeases, 2);
    first.use({ promptTokens: 100 });
    second.use({ promptTokens: 20 });
    const waits = governor.acquireAsync(ask('b')).then(granted);
    void waits.then((leaseId) => governor.release(leaseId));
    if (fail) throw new Error('of the block');
    return `${first.leaseId} ${second.leaseId}`;
  };
  const [first, second] = (await call(false)).split(' ');
  assert.deepEqual([governor.activeLeases, governor.tokenRateCount], [0, 120]);
  const ended = events.flatMap((event) => (event.type === 'release' ? event.leaseId : []));
  assert.deepEqual(ended.slice(0, 2), [second, first]);
  assert.equal(ended.length, 3, 'who waited had its turn');
  await assert.rejects(call(true), /of the block/);
  assert.deepEqual([governor.activeLeases, governor.tokenRateCount], [0, 240]);
});

test('a report of its own beats what was noted', async (t) => {
  const { governor } = bench(t, { rate: { tokensPerMinute: 1000 } });
  const lease = await governor.lease(ask('a', { estimate: { promptTokens: 400 } }));
  lease.use({ promptTokens: 100 });
  lease.release({ usage: { promptTokens: 7 } });
  assert.equal(governor.tokenRateCount, 7);
});

test('it is renewed and written down as the lease that it is', async (t) => {
  const { governor, clock } = bench(t);
  const lease = await governor.lease(ask('a'));
  assert.deepEqual(JSON.parse(lease.serialize()), { leaseId: lease.leaseId, expiresAt: clock.time + 60_000 });
  assert.equal(lease.renew(90_000), true);
  governor.release(lease.leaseId);
  assert.equal(lease.renew(), false);
});

test('a denial is thrown with its decision, and nothing is held', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  const waiting = governor.lease(ask('a', { estimate: { weight: 2 } }));
  await assert.rejects(waiting, (error) => DeniedError.isInstance(error) && error.decision.retryAt === null);
  assert.equal(governor.activeLeases, 0);
});

test('it waits, and calls under one idempotency key end it with the last of them', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  const first = granted(governor.acquire(ask('b')));
  const keyed = ask('a', { idempotencyKey: 'k' });
  const [one, two] = [governor.lease(keyed), governor.lease(keyed)];
  governor.release(first);
  (await one).release();
  assert.equal(governor.activeLeases, 1);
  (await two).release();
  assert.equal(governor.activeLeases, 0);
});

test('an aborted signal consumes nothing, before or while it waits', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  await assert.rejects(governor.lease(ask('a'), { signal: AbortSignal.abort('no') }), (error) => error === 'no');
  granted(governor.acquire(ask('b')));
  const { signal, abort } = countedSignal();
  const waiting = governor.lease(ask('a'), { signal });
  abort('enough');
  await assert.rejects(waiting, (error) => error === 'enough');
  assert.deepEqual([governor.activeLeases, governor.snapshot().waiting], [1, 0]);
});

test('an abort in the same step as the grant releases the lease', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  const held = granted(governor.acquire(ask('b')));
  const { signal, abort } = countedSignal();
  const waiting = governor.lease(ask('a'), { signal });
  governor.release(held);
  abort('late');
  await assert.rejects(waiting, (error) => error === 'late');
  await settled();
  assert.equal(governor.activeLeases, 0);
});

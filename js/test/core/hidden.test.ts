/** Hidden limits through wasm: what they cost, say and remember. How well they are found: `src/limit/hidden/tests.rs`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, createGovernor, formatEvent, type Governor, type GovernorConfig } from 'throttleai';
import { ask, bench, denied, granted, random, settled } from './support.ts';

const MINUTE = 60_000;
const rpm = { name: 'rpm', metric: 'requests', window: '1m', hidden: true } as const;

test('a hidden limit holds nothing back until a call is refused, and then what the provider let in', (t) => {
  const { governor, clock, events } = bench(t, { limits: [rpm] });
  const leases = Array.from({ length: 12 }, () => {
    clock.advance(1000);
    return granted(governor.acquire(ask('a')));
  });
  const shown = (): unknown => governor.snapshot().limits;
  assert.deepEqual(shown(), [{ name: 'rpm', metric: 'requests', used: 12, limit: Infinity, bounds: [0, Infinity] }]);
  for (const leaseId of leases.slice(0, 10)) governor.release(leaseId, { outcome: 'success' });
  for (const leaseId of leases.slice(10)) governor.release(leaseId, { outcome: 'error', status: 429 });
  assert.deepEqual(shown(), [{ name: 'rpm', metric: 'requests', used: 10, limit: 10, bounds: [5, 11] }]);
  const told = events.filter(({ type }) => type === 'limit');
  assert.deepEqual(
    told.map((event) => ({ ...event })),
    [{ type: 'limit', timestamp: clock.time, limit: 'rpm', max: 10, bounds: [5, 11] }],
  );
  assert.equal(formatEvent(told[0]!), '[limit] limit=rpm max=10 bounds=5..11');
  const denial = denied(governor.acquire(ask('a')));
  assert.deepEqual([denial.reason, denial.cause, denial.limit], ['rate', 'limit', 'rpm']);
  // The first call has left the window then, with a 128th of it for the way there.
  assert.equal(denial.retryAt, clock.time - 11_000 + MINUTE + Math.ceil(MINUTE / 128));
  clock.advance(denial.retryAt! - clock.time - 1);
  denied(governor.acquire(ask('a')));
  clock.advance(1);
  granted(governor.acquire(ask('a')));
});

test('whoever waits for a hidden limit is served at the instant that denials name', async (t) => {
  const { governor, clock } = bench(t, { limits: [rpm] });
  const leases = [1, 2, 3].map(() => granted(governor.acquire(ask('a'))));
  const waits = governor.acquireAsync(ask('b')).then((decision) => decision.granted && clock.time);
  assert.ok(await waits, 'nothing is known');
  governor.release(leases[2]!, { status: 429 });
  const { retryAt } = denied(governor.acquire(ask('a')));
  let sentAt = 0;
  void governor.acquireAsync(ask('b')).then(() => (sentAt = clock.time));
  clock.advance(retryAt! - clock.time - 1);
  await settled();
  assert.equal(sentAt, 0);
  clock.advance(1);
  await settled();
  assert.equal(sentAt, retryAt);
});

test('calls that are refused together say one thing, and observing one before its release says it once', (t) => {
  const { governor, clock, events } = bench(t, { limits: [rpm] });
  const leases = Array.from({ length: 20 }, () => granted(governor.acquire(ask('a'))));
  clock.advance(50);
  for (const leaseId of leases.slice(12)) {
    governor.observe({ status: 429, headers: {} }, { leaseId });
    governor.release(leaseId, { outcome: 'error', status: 429 });
  }
  assert.deepEqual(governor.snapshot().limits, [
    { name: 'rpm', metric: 'requests', used: 12, limit: 12, bounds: [6, 13] },
  ]);
  assert.ok(events.some(({ type, limit }) => type === 'limit' && limit === 'rpm'));
});

test('overload is not about a limit', (t) => {
  const { governor } = bench(t, { limits: [rpm] });
  for (const status of [503, 529, 500]) governor.release(granted(governor.acquire(ask('a'))), { status });
  assert.equal(governor.snapshot().limits?.[0]?.limit, Infinity);
  granted(governor.acquire(ask('a')));
});

test('a hidden limit of a family is about its calls only', (t) => {
  const models = { 'gpt-4o': { limits: [rpm] } };
  const { governor } = bench(t, { models });
  const leases = [1, 2, 3].map(() => granted(governor.acquire(ask('a', { model: 'gpt-4o' }))));
  governor.release(leases[2]!, { status: 429 });
  const other = granted(governor.acquire(ask('a', { model: 'claude-sonnet-4-5' })));
  governor.release(other, { status: 429 });
  assert.deepEqual(governor.snapshot().limits, [
    { name: 'rpm', metric: 'requests', used: 2, limit: 2, bounds: [1, 3] },
  ]);
  assert.equal(denied(governor.acquire(ask('a', { model: 'gpt-4o' }))).limit, 'rpm');
  granted(governor.acquire(ask('a', { model: 'claude-sonnet-4-5' })));
});

test('what was learnt outlives another configuration and an image, and the bound of the configuration holds', (t) => {
  const config: GovernorConfig = { limits: [{ ...rpm, limit: 100 }] };
  const { governor, clock } = bench(t, config);
  for (let index = 0; index < 30; index++) {
    clock.advance(500);
    governor.release(granted(governor.acquire(ask('a'))), { status: index < 29 ? 200 : 429 });
  }
  const [before] = governor.snapshot().limits!;
  assert.equal(before!.limit, 29);
  governor.reconfigure({ ...config, leaseTtlMs: 1000 });
  assert.deepEqual(governor.snapshot().limits, [before]);
  const restored = createGovernor({ ...config, clock: clock.fn }, { restore: governor.save() });
  t.after(() => restored.close());
  assert.deepEqual(restored.snapshot().limits, [before]);
  assert.deepEqual(denied(restored.acquire(ask('a'))), denied(governor.acquire(ask('a'))));
  restored.reconfigure({ limits: [{ ...rpm, limit: 20 }] });
  assert.equal(restored.snapshot().limits?.[0]?.limit, 20);
  restored.reconfigure({ limits: [{ ...rpm, window: '2m' }] });
  assert.equal(restored.snapshot().limits?.[0]?.limit, Infinity, 'another limit');
});

for (const [limit, field, value] of [
  [{ ...rpm, hidden: 1 }, 'limits[0].hidden', 1],
  [{ ...rpm, algorithm: 'token-bucket' }, 'limits[0].algorithm', 'token-bucket'],
  [{ ...rpm, window: 'day' }, 'limits[0].window', 'day'],
  [{ ...rpm, per: 'actor' }, 'limits[0].per', 'actor'],
  [{ ...rpm, burst: 5 }, 'limits[0].burst', 5],
  [{ ...rpm, maxDebt: 5 }, 'limits[0].maxDebt', 5],
  [{ ...rpm, warnAt: [0.5] }, 'limits[0].warnAt', undefined],
  [{ ...rpm, metric: 'costUsd' }, 'limits[0].metric', 'costUsd'],
  [{ ...rpm, limit: 0 }, 'limits[0].limit', 0],
  [{ ...rpm, hidden: false }, 'limits[0].limit', undefined],
] as const)
  test(`a hidden limit cannot have that: ${field} ${JSON.stringify(value)}`, () => {
    const make = (): Governor => createGovernor({ limits: [limit] } as unknown as GovernorConfig);
    assert.throws(make, (error) => {
      assert.ok(ConfigError.isInstance(error));
      assert.equal(error.field, field);
      if (value !== undefined) assert.equal(error.value, value);
      return true;
    });
  });

/** Providers of 60 calls a minute, each with its own way to count: whether a call is let in. */
const providers: Record<string, () => (now: number) => boolean> = {
  sliding: () => {
    const sent: number[] = [];
    return (now) => {
      while (sent.length > 0 && sent[0]! <= now - MINUTE) sent.shift();
      return sent.length < 60 && sent.push(now) > 0;
    };
  },
  fixed: () => {
    let [period, used] = [-1, 0];
    return (now) => {
      const current = Math.floor((now + 22_000) / MINUTE);
      if (current !== period) [period, used] = [current, 0];
      return used < 60 && ++used > 0;
    };
  },
  bucket: () => {
    let [level, at] = [60, 0];
    return (now) => {
      level = Math.min(60, level + ((now - at) / MINUTE) * 60);
      at = now;
      if (level < 1) return false;
      level--;
      return true;
    };
  },
};

for (const [name, provider] of Object.entries(providers))
  test(`through wasm it is known within a twentieth in two minutes, with ten refusals after the first: ${name}`, (t) => {
    const { governor, clock } = bench(t, { limits: [rpm] });
    const draw = random(7);
    const letsIn = provider();
    let first = Infinity;
    let refused = 0;
    while (clock.time < first + 2 * MINUTE) {
      clock.advance(draw(1333)); // Half as many again as are let in.
      const decision = governor.acquire(ask('a'));
      if (!decision.granted) continue;
      clock.advance(25);
      const status = letsIn(clock.time) ? 200 : 429;
      clock.advance(25);
      governor.release(decision.leaseId, { status });
      if (status === 429 && first < Infinity) refused++;
      if (status === 429) first = Math.min(first, clock.time);
    }
    const { limit = 0 } = governor.snapshot().limits?.[0] ?? {};
    assert.ok(Math.abs(limit / 60 - 1) <= 0.0501 && refused <= 10, `${limit}, ${refused} refusals`);
  });

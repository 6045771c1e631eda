import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createStatsCollector,
  createTestClock,
  formatEvent,
  formatSnapshot,
  InputError,
  type GovernorEvent,
} from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

test('getters where nothing is configured', (t) => {
  const { governor } = bench(t);
  granted(governor.acquire(ask('a')));
  assert.deepEqual(
    [
      governor.activeLeases,
      governor.concurrencyActive,
      governor.concurrencyAvailable,
      governor.concurrencyEffectiveMax,
      governor.rateCount,
      governor.rateLimit,
      governor.tokenRateCount,
      governor.tokenRateLimit,
    ],
    [1, 0, Infinity, Infinity, 0, Infinity, 0, Infinity],
  );
});

test('getters where everything is', (t) => {
  const { governor, clock } = bench(t, {
    concurrency: { maxInFlight: 5 },
    rate: { requestsPerMinute: 6, tokensPerMinute: 7 },
  });
  granted(governor.acquire(ask('a', { estimate: { weight: 2, promptTokens: 3 } })));
  const read = () => [
    governor.activeLeases,
    governor.concurrencyActive,
    governor.concurrencyAvailable,
    governor.concurrencyEffectiveMax,
    governor.rateCount,
    governor.rateLimit,
    governor.tokenRateCount,
    governor.tokenRateLimit,
  ];
  assert.deepEqual(read(), [1, 2, 3, 5, 1, 6, 3, 7]);
  clock.advance(60_000);
  assert.deepEqual(read(), [0, 0, 5, 5, 0, 6, 0, 7]);
});

test('the snapshot is documented, plain and a copy', (t) => {
  const { governor, clock } = bench(t, {
    concurrency: { maxInFlight: 2 },
    rate: { requestsPerMinute: 60, tokensPerMinute: 1000 },
  });
  granted(governor.acquire(ask('a', { estimate: { weight: 1.5, promptTokens: 12 } })));
  denied(governor.acquire(ask('b')));
  const snapshot = governor.snapshot();
  assert.deepEqual(snapshot, {
    timestamp: 100_000,
    activeLeases: 1,
    concurrency: { inFlightWeight: 1.5, inFlightCount: 1, max: 2, effectiveMax: 2, available: 0.5, active: 1.5 },
    requestRate: { current: 1, limit: 60 },
    tokenRate: { current: 12, limit: 1000 },
    fairness: false,
    adaptive: false,
    waiting: 0,
    actors: 0,
    clock: { stepsClamped: 0, changes: 0 },
    lastDeny: { reason: 'concurrency', timestamp: 100_000, actorId: 'b' },
    limits: [
      { name: 'requests', metric: 'requests', used: 1, limit: 60 },
      { name: 'tokens', metric: 'tokens', used: 12, limit: 1000 },
    ],
    keys: 0,
  });
  assert.equal(formatSnapshot(snapshot), 'concurrency=1.5/2 rate=1/60 tokens=12/1000 leases=1 lastDeny=concurrency');
  Object.assign(snapshot.concurrency ?? {}, { max: 99 });
  assert.equal(governor.snapshot().concurrency?.max, 2);
  assert.deepEqual(JSON.parse(JSON.stringify(governor.snapshot())), governor.snapshot());
  const empty = bench(t).governor.snapshot();
  assert.deepEqual([empty.concurrency, empty.requestRate, empty.tokenRate, empty.lastDeny], [null, null, null, null]);
  assert.equal(formatSnapshot(empty), 'leases=0');
  clock.time -= 500;
  granted(governor.acquire(ask('c', { estimate: { weight: 0.1 } })));
  clock.time -= 90_000;
  granted(governor.acquire(ask('c', { estimate: { weight: 0.1 } })));
  assert.deepEqual(governor.snapshot().clock, { stepsClamped: 1, changes: 1 });
});

test('formatEvent', () => {
  const cases: [Parameters<typeof formatEvent>[0], string][] = [
    [
      { type: 'acquire', timestamp: 1, actorId: 'u', action: 'chat', leaseId: 'lease-x7-0.1', weight: 1 },
      '[acquire] actor=u action=chat lease=0.1',
    ],
    [{ type: 'acquire', actorId: 'u', weight: 2.5 }, '[acquire] actor=u weight=2.5'],
    [
      { type: 'release', actorId: 'u', action: 'chat', leaseId: 'lease-x7-0.1', weight: 2, outcome: 'error' },
      '[release] actor=u action=chat lease=0.1 outcome=error weight=2',
    ],
    [
      { type: 'expire', actorId: 'u', action: 'chat', leaseId: 'lease-x7-1.a', weight: 2 },
      '[expire] actor=u action=chat lease=1.a',
    ],
    [
      {
        type: 'deny',
        actorId: 'u',
        action: 'chat',
        reason: 'rate',
        retryAfterMs: 500,
        recommendation: 'Wait.',
        weight: 1,
      },
      '[deny] actor=u action=chat reason=rate retryAfterMs=500 — Wait.',
    ],
    // The parts that are documented, whatever the event knows beside them.
    [
      { type: 'deny', reason: 'rate', cause: 'too-large', retryAfterMs: 25, retryAt: null, recommendation: 'Less.' },
      '[deny] reason=rate retryAfterMs=25 — Less.',
    ],
    [
      { type: 'warn', actorId: 'u', action: 'chat', leaseId: 'lease-x7-0.1', message: 'Long.' },
      '[warn] actor=u action=chat lease=0.1 Long.',
    ],
    [{ type: 'warn' }, '[warn]'],
    // An id that a client chose cannot start a line of its own, nor drive a terminal.
    [
      { type: 'expire', actorId: 'a\n[acquire] actor=b\u001b[31m\u2028' },
      '[expire] actor=a\\u000a[acquire] actor=b\\u001b[31m\\u2028',
    ],
  ];
  for (const [event, line] of cases) assert.equal(formatEvent(event), line);
});

test('the tag of a lease tells leases apart (fix)', (t) => {
  const { governor, events } = bench(t);
  for (let i = 0; i < 100; i++) {
    const id = granted(governor.acquire(ask('a')));
    if (i % 3 === 0) governor.release(id);
  }
  const tags = events.filter(({ type }) => type === 'acquire').map((event) => formatEvent(event));
  assert.equal(new Set(tags).size, 100);
  const uuid = (end: string): string =>
    formatEvent({ type: 'acquire', leaseId: `lease-6ba7b810-9dad-11d1-80b4-${end}` });
  assert.notEqual(uuid('00c04fd430c8'), uuid('00c04fd430c9'));
});

test('the stats collector', (t) => {
  const stats = createStatsCollector();
  const { handler, recordLatency, snapshot, reset } = stats;
  const empty = snapshot();
  assert.deepEqual(
    [empty.avgLatencyMs, empty.minLatencyMs, empty.maxLatencyMs, empty.denyRate, empty.latencySamples],
    [NaN, Infinity, -Infinity, 0, 0],
  );
  const { governor, clock } = bench(t, { concurrency: { maxInFlight: 1 }, leaseTtlMs: 1000, onEvent: handler });
  governor.release(granted(governor.acquire(ask('a'))), { outcome: 'error' });
  granted(governor.acquire(ask('a')));
  denied(governor.acquire(ask('a')));
  clock.advance(5000);
  for (const ms of [10, 30, NaN, -1, Infinity]) recordLatency(ms);
  assert.deepEqual(snapshot(), {
    grants: 2,
    denials: 1,
    denies: 1,
    denialsByReason: { concurrency: 1, rate: 0, budget: 0, policy: 0 },
    releases: 1,
    expires: 1,
    denyRate: 1 / 3,
    avgLatencyMs: 20,
    minLatencyMs: 10,
    maxLatencyMs: 30,
    latencySamples: 2,
    outcomes: { success: 0, error: 1, timeout: 0, cancelled: 0 },
    totalEvents: 5,
  });
  snapshot().outcomes.error = 99;
  assert.equal(snapshot().outcomes.error, 1);
  reset();
  assert.deepEqual(snapshot(), empty);
});

test('the test clock fires timers in order, each at its instant, with those they arm', () => {
  const clock = createTestClock(1000);
  const log: string[] = [];
  const at = (name: string, ms: number, then?: () => void): unknown =>
    clock.setTimeout(() => {
      log.push(`${name}@${clock.time}`);
      then?.();
    }, ms);
  at('late', 300);
  at('first', 100, () => at('nested', 50));
  at('second', 100);
  clock.clearTimeout(at('cleared', 10));
  at('beyond', 1000);
  clock.advance(300);
  assert.deepEqual(log, ['first@1100', 'second@1100', 'nested@1150', 'late@1300']);
  assert.deepEqual([clock.time, clock.fn(), clock.now()], [1300, 1300, 1300]);
  clock.advance(-100);
  assert.equal(clock.time, 1200);
  assert.equal(createTestClock().time, 100_000);
  assert.throws(() => createTestClock(NaN), InputError);
  assert.throws(() => clock.advance('5' as never), InputError);
});

test('events can be read without narrowing', (t) => {
  const { governor, events } = bench(t, { concurrency: { maxInFlight: 1 } });
  granted(governor.acquire(ask('a')));
  denied(governor.acquire(ask('a')));
  const reasons = events.map((event: GovernorEvent) => event.reason ?? event.outcome ?? event.message);
  assert.deepEqual(reasons, [undefined, 'concurrency']);
});

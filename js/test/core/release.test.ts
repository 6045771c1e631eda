import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock, LeaseLostError, type DenyEvent, type GovernorEvent } from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

test('an unknown or repeated release is ignored', (t) => {
  const { governor, events } = bench(t);
  const id = granted(governor.acquire(ask('a')));
  governor.release(id);
  governor.release(id);
  governor.release('lease-none');
  assert.deepEqual(
    events.map(({ type }) => type),
    ['acquire', 'release'],
  );
});

test('strict: the documented texts', (t) => {
  const { governor, clock } = bench(t, { strict: true, leaseTtlMs: 1000 });
  const id = granted(governor.acquire(ask('a')));
  governor.release(id);
  assert.throws(
    () => governor.release(id),
    (error) =>
      LeaseLostError.isInstance(error) &&
      error.leaseId === id &&
      error.message ===
        `[ThrottleAI strict] Double release detected for lease "${id}". This lease was already released.`,
  );
  const unknown =
    (lease: string) =>
    (error: unknown): boolean =>
      LeaseLostError.isInstance(error) &&
      error.message ===
        `[ThrottleAI strict] Unknown lease ID "${lease}". The lease may have expired or was never issued.`;
  assert.throws(() => governor.release('lease-x'), unknown('lease-x'));
  const late = granted(governor.acquire(ask('a')));
  clock.advance(10_000);
  assert.throws(() => governor.release(late), unknown(late));
});

test('a lease of one governor is unknown to another', (t) => {
  const one = bench(t, { seed: 1 }).governor;
  const two = bench(t, { seed: 2 }).governor;
  const id = granted(one.acquire(ask('a')));
  granted(two.acquire(ask('a')));
  two.release(id);
  assert.deepEqual([one.activeLeases, two.activeLeases], [1, 1]);
});

test('an id is good for one lease: a later lease in the same slot is not released by it', (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  const first = granted(governor.acquire(ask('a')));
  governor.release(first);
  granted(governor.acquire(ask('b')));
  governor.release(first);
  assert.equal(governor.activeLeases, 1);
});

test('usage replaces the estimate, up and down, and a missing half keeps it (fix)', (t) => {
  const cases: [usage: object | null | undefined, expected: number][] = [
    [undefined, 100],
    [null, 100],
    [{}, 100],
    [{ promptTokens: 10 }, 70],
    [{ outputTokens: 10 }, 50],
    [{ promptTokens: null, outputTokens: 0 }, 40],
    [{ promptTokens: 0, outputTokens: 0 }, 0],
    [{ promptTokens: 300, outputTokens: 200 }, 500],
    [{ promptTokens: 0.5, outputTokens: 1.5 }, 3],
  ];
  for (const [usage, expected] of cases) {
    const { governor } = bench(t, { rate: { tokensPerMinute: 1000 } });
    const id = granted(governor.acquire(ask('a', { estimate: { promptTokens: 40, maxOutputTokens: 60 } })));
    governor.release(id, usage === undefined ? undefined : { usage });
    assert.equal(governor.tokenRateCount, expected, JSON.stringify(usage));
  }
});

test('usage counts at the instant of the admission', (t) => {
  const { governor, clock } = bench(t, { rate: { tokensPerMinute: 100, windowMs: 10_000 } });
  const id = granted(governor.acquire(ask('a', { estimate: { promptTokens: 10 } })));
  clock.advance(9_000);
  governor.release(id, { usage: { promptTokens: 90 } });
  assert.equal(denied(governor.acquire(ask('a', { estimate: { promptTokens: 20 } }))).retryAt, 110_000);
  clock.advance(1_000);
  granted(governor.acquire(ask('a', { estimate: { promptTokens: 100 } })));
});

test('a release after expiry settles the charge, frees nothing and tells nobody', (t) => {
  const { governor, clock, events } = bench(t, {
    leaseTtlMs: 1000,
    rate: { tokensPerMinute: 100 },
    concurrency: { maxInFlight: 2 },
  });
  const id = granted(governor.acquire(ask('a', { estimate: { promptTokens: 80 } })));
  clock.advance(5000);
  granted(governor.acquire(ask('b')));
  events.length = 0;
  governor.release(id, { usage: { promptTokens: 10, outputTokens: 0 } });
  assert.deepEqual([governor.tokenRateCount, governor.activeLeases, events], [10, 1, []]);
  governor.release(id, { usage: { promptTokens: 0, outputTokens: 0 } });
  assert.equal(governor.tokenRateCount, 10, 'settled once');
});

test('strict: a lease held for more than 80 % of its time is told of before its release', (t) => {
  const { governor, clock, events } = bench(t, { strict: true, leaseTtlMs: 10_000, reaperIntervalMs: 60_000 });
  const early = granted(governor.acquire(ask('a')));
  clock.advance(8000);
  governor.release(early);
  const late = granted(governor.acquire(ask('a')));
  clock.advance(8500);
  governor.release(late);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['acquire', 'release', 'acquire', 'warn', 'release'],
  );
  assert.equal(
    events[3]?.message,
    'Lease held for 8500ms (85% of 10000ms TTL). Consider releasing sooner or increasing leaseTtlMs.',
  );
  const { governor: lax, clock: other, events: told } = bench(t, { leaseTtlMs: 10_000 });
  const id = granted(lax.acquire(ask('a')));
  other.time += 9000;
  lax.release(id);
  assert.deepEqual(
    told.map(({ type }) => type),
    ['acquire', 'release'],
  );
});

test('renew moves the end, by default to the configured time, and not of a lost lease', (t) => {
  const { governor, clock } = bench(t, { leaseTtlMs: 1000, reaperIntervalMs: 100 });
  const id = granted(governor.acquire(ask('a')));
  clock.advance(900);
  assert.equal(governor.renew(id), true);
  clock.advance(900);
  assert.equal(governor.activeLeases, 1);
  assert.equal(governor.renew(id, 5000), true);
  clock.advance(4000);
  assert.equal(governor.activeLeases, 1);
  clock.advance(1100);
  assert.equal(governor.activeLeases, 0);
  assert.equal(governor.renew(id), false);
});

test('events: the documented shapes', (t) => {
  const { governor, clock, events } = bench(t, { concurrency: { maxInFlight: 2 }, leaseTtlMs: 1000 });
  const id = granted(governor.acquire(ask('a', { estimate: { weight: 1.5 } })));
  denied(governor.acquire(ask('b')));
  clock.advance(10);
  governor.release(id, { outcome: 'timeout' });
  const second = granted(governor.acquire(ask('c')));
  clock.advance(5000);
  const lease = { leaseId: id, actorId: 'a', action: 'chat', weight: 1.5 };
  const expected: GovernorEvent[] = [
    { type: 'acquire', timestamp: 100_000, ...lease },
    {
      type: 'deny',
      timestamp: 100_000,
      actorId: 'b',
      action: 'chat',
      reason: 'concurrency',
      retryAfterMs: 1000,
      recommendation: 'All 2 slots in use (1.5 active). Retry in 1000ms or reduce concurrent calls.',
      weight: 1,
      cause: 'slots',
      retryAt: 101_000,
    },
    { type: 'release', timestamp: 100_010, ...lease, outcome: 'timeout' },
    { type: 'acquire', timestamp: 100_010, leaseId: second, actorId: 'c', action: 'chat', weight: 1 },
    { type: 'expire', timestamp: 105_000, leaseId: second, actorId: 'c', action: 'chat', weight: 1 },
  ];
  assert.deepEqual(events, expected);
});

test('an event of a denial says all that the denial says, also of one that waited', async (t) => {
  const { governor, events } = bench(t, { rate: { requestsPerMinute: 1, tokensPerMinute: 100 } });
  granted(governor.acquire(ask('a')));
  const answers = [
    governor.acquire(ask('b')),
    governor.acquire(ask('c', { estimate: { promptTokens: 101 } })),
    await governor.acquireAsync(ask('d'), { timeoutMs: 5 }),
  ];
  const told = events.flatMap((event) => (event.type === 'deny' ? [event] : []));
  const part = ({ cause, retryAt, limit }: Pick<DenyEvent, 'cause' | 'retryAt' | 'limit'>): unknown[] => [
    cause,
    retryAt,
    limit,
  ];
  assert.deepEqual(told.map(part), answers.map(denied).map(part));
  assert.deepEqual(told.map(part), [
    ['limit', 160_000, 'requests'],
    ['limit', null, 'tokens'],
    ['deadline', 160_000, 'requests'],
  ]);
});

test('outcome defaults to success', (t) => {
  const { governor, events } = bench(t);
  governor.release(granted(governor.acquire(ask('a'))));
  assert.equal(events[1]?.outcome, 'success');
});

test('what a handler throws or rejects with reaches nobody (fix)', async (t) => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  const handlers = [
    () => {
      throw new Error('sync');
    },
    async () => {
      throw new Error('async');
    },
    () => ({ then: (_: unknown, reject: (error: unknown) => void) => reject(new Error('thenable')) }),
    () => ({
      get then() {
        throw new Error('getter');
      },
    }),
  ];
  for (const onEvent of handlers) {
    const { governor } = bench(t, { onEvent, concurrency: { maxInFlight: 1 } });
    const id = granted(governor.acquire(ask('a')));
    denied(governor.acquire(ask('a')));
    governor.release(id);
    assert.equal(governor.activeLeases, 0);
  }
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(unhandled, []);
});

test('a handler may call the governor: events stay in the order of the calls, never recursive', (t) => {
  const clock = createTestClock();
  const seen: string[] = [];
  let depth = 0;
  const { governor } = bench(t, {
    clock,
    concurrency: { maxInFlight: 3 },
    leaseTtlMs: 1000,
    onEvent(event) {
      assert.equal(++depth, 1, 'no handler inside a handler');
      seen.push(`${event.type} ${event.actorId}`);
      if (event.type === 'expire') governor.acquire(ask(`after-${event.actorId}`));
      if (event.type === 'acquire' && event.actorId === 'last') governor.release(event.leaseId);
      depth--;
    },
  });
  granted(governor.acquire(ask('x')));
  granted(governor.acquire(ask('y')));
  clock.time += 1000;
  granted(governor.acquire(ask('last')));
  assert.deepEqual(seen, [
    'acquire x',
    'acquire y',
    'expire x',
    'expire y',
    'acquire last',
    'acquire after-x',
    'acquire after-y',
    'release last',
  ]);
  assert.equal(governor.activeLeases, 2);
});

test('a misspelt field of a report is warned of, and the rest of the report counts', (t) => {
  const { governor, events } = bench(t, { rate: { tokensPerMinute: 100 } });
  const release = (report: object): string[] => {
    events.length = 0;
    governor.release(granted(governor.acquire(ask('a', { estimate: { promptTokens: 10 } }))), report);
    return events.map((event) => (event.type === 'warn' ? event.message : event.type));
  };
  assert.deepEqual(release({ outcome: 'error', usage: { promptTokens: 1, tokens: undefined } }), [
    'acquire',
    'release',
  ]);
  assert.equal(governor.tokenRateCount, 1);
  const [, usage] = release({ usage: { promptTokens: 2, completionTokens: 9 } });
  assert.match(usage!, /report\.usage\.completionTokens must be left out/);
  assert.equal(governor.tokenRateCount, 3);
  const [, report, end] = release({ ouctome: 'error', usage: { promptTokens: 3 } });
  assert.match(report!, /report\.ouctome must be left out/);
  assert.equal(end, 'release');
  assert.equal(governor.tokenRateCount, 6);
});

test('amounts are those of the call at hand, whatever its getters do', (t) => {
  const { governor } = bench(t, { limits: { pages: '1000/m', images: '1000/m' } });
  const amounts = (pages: number, meanwhile: () => void) => ({
    pages,
    get images() {
      meanwhile();
      return 1;
    },
  });
  const other = (): string => granted(governor.acquire(ask('b', { estimate: { metrics: { pages: 100 } } })));
  const lease = granted(governor.acquire(ask('a', { estimate: { metrics: amounts(5, other) } })));
  const used = (): unknown => governor.snapshot().limits?.map((limit) => limit.used);
  assert.deepEqual(used(), [105, 1]);
  const usage = { metrics: amounts(7, () => governor.release(other(), { usage: { metrics: { pages: 50 } } })) };
  governor.release(lease, { usage });
  assert.deepEqual(used(), [157, 1]);
});

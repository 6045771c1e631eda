import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGovernor, createTestClock, type AcquireRequest, type GovernorConfig } from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

test('a governor without configuration grants everything', (t) => {
  const { governor } = bench(t);
  for (let i = 0; i < 100; i++) granted(governor.acquire(ask('a')));
  assert.equal(governor.activeLeases, 100);
  for (const config of [undefined, null, {}]) createGovernor(config).close();
});

test('a grant is exactly granted, leaseId, expiresAt, as own properties', (t) => {
  const { governor } = bench(t);
  const decision = governor.acquire(ask('a'));
  assert.deepEqual(Object.keys(decision), ['granted', 'leaseId', 'expiresAt']);
  assert.deepEqual(decision, { granted: true, leaseId: decision.granted && decision.leaseId, expiresAt: 160_000 });
  assert.match(granted(decision), /^lease-/);
});

test('lease ids differ between leases and between governors', (t) => {
  const ids = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { governor } = bench(t, { seed: null });
    for (let j = 0; j < 50; j++) {
      const id = granted(governor.acquire(ask('a')));
      ids.add(id);
      if (j % 2 === 0) governor.release(id);
    }
  }
  assert.equal(ids.size, 1000);
});

test('a seed makes ids repeatable', (t) => {
  const ids = [1, 2].map(() => granted(bench(t, { seed: 42 }).governor.acquire(ask('a'))));
  assert.equal(ids[0], ids[1]);
});

interface Denial {
  name: string;
  config: GovernorConfig;
  before: AcquireRequest[];
  request: AcquireRequest;
  expected: object;
}

const denials: Denial[] = [
  {
    name: 'all slots in use',
    config: { concurrency: { maxInFlight: 2 } },
    before: [ask('a'), ask('b')],
    request: ask('c'),
    expected: {
      granted: false,
      reason: 'concurrency',
      cause: 'slots',
      retryAfterMs: 5000,
      retryAt: 160_000,
      recommendation: 'All 2 slots in use (2 active). Retry in 5000ms or reduce concurrent calls.',
      limitsHint: { inFlight: 2, maxInFlight: 2 },
    },
  },
  {
    name: 'fractions of slots',
    config: { concurrency: { maxInFlight: 1 } },
    before: [ask('a', { estimate: { weight: 0.7 } })],
    request: ask('b', { estimate: { weight: 0.4 } }),
    expected: {
      granted: false,
      reason: 'concurrency',
      cause: 'slots',
      retryAfterMs: 5000,
      retryAt: 160_000,
      recommendation: 'All 1 slots in use (0.7 active). Retry in 5000ms or reduce concurrent calls.',
      limitsHint: { inFlight: 0.7, maxInFlight: 1 },
    },
  },
  {
    name: 'the interactive reserve',
    config: { concurrency: { maxInFlight: 4, interactiveReserve: 2 } },
    before: [ask('a'), ask('b')],
    request: ask('c', { priority: 'background' }),
    expected: {
      granted: false,
      reason: 'concurrency',
      cause: 'reserve',
      retryAfterMs: 5000,
      retryAt: 160_000,
      recommendation: 'All 4 slots in use (2 active). Retry in 5000ms or reduce concurrent calls.',
      limitsHint: { inFlight: 2, maxInFlight: 4 },
    },
  },
  {
    name: 'the fair share',
    config: { concurrency: { maxInFlight: 5 }, fairness: true },
    before: [ask('a'), ask('a'), ask('a')],
    request: ask('a'),
    expected: {
      granted: false,
      reason: 'policy',
      cause: 'share',
      retryAfterMs: 5000,
      retryAt: 160_000,
      recommendation: 'Actor "a" exceeds fair share. Other actors are waiting — retry in 5000ms.',
      limitsHint: { inFlight: 3, maxInFlight: 5 },
    },
  },
  {
    name: 'requests',
    config: { rate: { requestsPerMinute: 2, windowMs: 10_000 } },
    before: [ask('a'), ask('b')],
    request: ask('c'),
    expected: {
      granted: false,
      reason: 'rate',
      cause: 'limit',
      retryAfterMs: 5000,
      retryAt: 110_000,
      recommendation: 'Rate limit hit (2/2 req/window). Retry in 5000ms.',
      limitsHint: { rateUsed: 2, rateLimit: 2 },
      limit: 'requests',
    },
  },
  {
    name: 'tokens',
    config: { rate: { tokensPerMinute: 100, windowMs: 1000 } },
    before: [ask('a', { estimate: { promptTokens: 40.2, maxOutputTokens: 50 } })],
    request: ask('c', { estimate: { promptTokens: 10 } }),
    expected: {
      granted: false,
      reason: 'rate',
      cause: 'limit',
      retryAfterMs: 1000,
      retryAt: 101_000,
      recommendation: 'Token rate limit hit (91/100 tokens/window). Retry in 1000ms.',
      limitsHint: { rateUsed: 91, rateLimit: 100 },
      limit: 'tokens',
    },
  },
];

for (const { name, config, before, request, expected } of denials) {
  test(`denied: ${name}`, (t) => {
    const { governor } = bench(t, config);
    for (const earlier of before) granted(governor.acquire(earlier));
    const counts = () => [
      governor.activeLeases,
      governor.concurrencyActive,
      governor.rateCount,
      governor.tokenRateCount,
    ];
    const held = counts();
    assert.deepEqual(governor.acquire(request), expected);
    assert.deepEqual(counts(), held, 'a denied call is free');
  });
}

test('texts, order: idempotency, concurrency, fairness, requests, tokens', (t) => {
  const config = {
    concurrency: { maxInFlight: 4 },
    fairness: { softCapRatio: 0.5 },
    rate: { requestsPerMinute: 4, tokensPerMinute: 10 },
  };
  const { governor } = bench(t, config);
  const keyed = granted(governor.acquire(ask('a', { idempotencyKey: 'k', estimate: { promptTokens: 10 } })));
  assert.equal(
    denied(governor.acquire(ask('b', { estimate: { promptTokens: 1 } }))).recommendation.slice(0, 5),
    'Token',
  );
  granted(governor.acquire(ask('a')));
  assert.equal(denied(governor.acquire(ask('a', { estimate: { promptTokens: 1 } }))).reason, 'policy');
  granted(governor.acquire(ask('b')));
  granted(governor.acquire(ask('b')));
  assert.equal(denied(governor.acquire(ask('a', { estimate: { promptTokens: 1 } }))).reason, 'concurrency');
  assert.equal(granted(governor.acquire(ask('a', { idempotencyKey: 'k' }))), keyed);
});

test('retryAfterMs is clamped to 25..5000, retryAt is exact', (t) => {
  const { governor, clock } = bench(t, { rate: { requestsPerMinute: 1 } });
  granted(governor.acquire(ask('a')));
  const far = denied(governor.acquire(ask('a')));
  assert.deepEqual([far.retryAfterMs, far.retryAt], [5000, 160_000]);
  clock.advance(59_990);
  const near = denied(governor.acquire(ask('a')));
  assert.deepEqual([near.retryAfterMs, near.retryAt], [25, 160_000]);
  clock.advance(9);
  denied(governor.acquire(ask('a')));
  clock.advance(1);
  granted(governor.acquire(ask('a')));
});

test('what can never be granted says so', (t) => {
  const { governor } = bench(t, {
    concurrency: { maxInFlight: 4, interactiveReserve: 1 },
    rate: { tokensPerMinute: 100 },
  });
  const heavy = denied(governor.acquire(ask('a', { estimate: { weight: 4.5 } })));
  assert.deepEqual([heavy.retryAt, heavy.cause, heavy.reason, heavy.maxAllowed], [null, 'too-large', 'concurrency', 4]);
  assert.match(heavy.recommendation, /can never be granted.*Waiting cannot help/);
  const background = denied(governor.acquire(ask('a', { priority: 'background', estimate: { weight: 3.5 } })));
  assert.deepEqual([background.retryAt, background.maxAllowed], [null, 3]);
  const tokens = denied(governor.acquire(ask('a', { estimate: { promptTokens: 60, maxOutputTokens: 41 } })));
  assert.deepEqual([tokens.retryAt, tokens.cause, tokens.reason, tokens.maxAllowed], [null, 'too-large', 'rate', 100]);
  assert.match(tokens.recommendation, /101 tokens can never be granted \(at most 100/);
  assert.equal(governor.activeLeases, 0);
});

test('an idle pool admits background work up to maxInFlight less the reserve (fix)', (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 3, interactiveReserve: 2 } });
  granted(governor.acquire(ask('a', { priority: 'background' })));
  denied(governor.acquire(ask('a', { priority: 'background' })));
});

test('a denial of its own buys an actor no pass over the soft cap (fix)', (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 5 }, fairness: true });
  for (let i = 0; i < 3; i++) granted(governor.acquire(ask('hog')));
  for (let i = 0; i < 10; i++) assert.equal(denied(governor.acquire(ask('hog'))).reason, 'policy');
  granted(governor.acquire(ask('other')));
});

test('an idempotency key gives the live lease of the same actor again, and never an expired one (fix)', (t) => {
  const { governor, clock, events } = bench(t, { leaseTtlMs: 1000, concurrency: { maxInFlight: 5 } });
  const keyed = ask('a', { idempotencyKey: 'k' });
  const first = granted(governor.acquire(keyed));
  assert.equal(granted(governor.acquire(keyed)), first);
  assert.notEqual(granted(governor.acquire(ask('b', { idempotencyKey: 'k' }))), first);
  assert.notEqual(granted(governor.acquire(ask('a', { idempotencyKey: 'other' }))), first);
  assert.notEqual(granted(governor.acquire(ask('a'))), first);
  assert.equal(events.filter(({ leaseId }) => leaseId === first).length, 1, 'the second answer is no second grant');
  clock.time += 1000;
  const second = granted(governor.acquire(keyed));
  assert.notEqual(second, first);
  assert.equal(granted(governor.acquire(keyed)), second);
  governor.release(second);
  assert.notEqual(granted(governor.acquire(keyed)), second);
});

test('keys and actors that read alike together stay apart', (t) => {
  const { governor } = bench(t);
  const keyed = ask('a', { idempotencyKey: 'k', tenant: 'one' });
  const tenants = [
    keyed,
    { ...keyed, tenant: 'two' },
    { ...keyed, tenant: undefined },
    ask('a', { idempotencyKey: '3:onek' }),
  ];
  assert.equal(new Set(tenants.map((request) => granted(governor.acquire(request)))).size, 4);
  assert.equal(granted(governor.acquire(keyed)), granted(governor.acquire(keyed)));
  const spelt = ['caf\u00e9', 'cafe\u0301'].map((name) => ask(name, { idempotencyKey: name, tenant: name }));
  assert.equal(granted(governor.acquire(spelt[0]!)), granted(governor.acquire(spelt[1]!)), 'in NFC');
  const one = granted(governor.acquire(ask('a', { idempotencyKey: 'bc' })));
  const two = granted(governor.acquire(ask('ab', { idempotencyKey: 'c' })));
  const three = granted(governor.acquire(ask('1', { idempotencyKey: '1:x' })));
  const four = granted(governor.acquire(ask('11', { idempotencyKey: ':x' })));
  assert.equal(new Set([one, two, three, four]).size, 4);
});

test('expired leases are freed inside acquire, and the getters do not sweep', (t) => {
  const clock = createTestClock();
  // No timers: only time passes.
  const { governor, events } = bench(t, { clock: clock.fn, concurrency: { maxInFlight: 1 }, leaseTtlMs: 1000 });
  granted(governor.acquire(ask('a')));
  clock.time += 1000;
  assert.equal(governor.activeLeases, 1);
  assert.equal(governor.snapshot().activeLeases, 1);
  granted(governor.acquire(ask('b')));
  assert.deepEqual(
    events.map(({ type, actorId }) => `${type} ${actorId}`),
    ['acquire a', 'expire a', 'acquire b'],
  );
});

test('priority defaults to interactive, weight to 1, tokens to nothing; null is absent', (t) => {
  const { governor } = bench(t, {
    concurrency: { maxInFlight: 2, interactiveReserve: 1 },
    rate: { tokensPerMinute: 1 },
  });
  granted(governor.acquire({ actorId: 'a', action: 'b', priority: null, estimate: null, idempotencyKey: null }));
  granted(governor.acquire(ask('a', { estimate: { promptTokens: null, maxOutputTokens: null, weight: null } })));
  assert.deepEqual([governor.concurrencyActive, governor.tokenRateCount], [2, 0]);
});

test('acquire can be replaced on the instance', (t) => {
  const { governor } = bench(t);
  const original = governor.acquire.bind(governor);
  let calls = 0;
  governor.acquire = (request) => {
    calls++;
    return original(request);
  };
  granted(governor.acquire(ask('a')));
  assert.equal(calls, 1);
});

/** Limits of the configuration: how they are written, what denials say of them, calendar periods, amounts beyond tokens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, InputError, createGovernor, createTestClock, type GovernorConfig } from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

const DAY = 86_400_000;

test('rates in short are limits named after metric and window', (t) => {
  const { governor } = bench(t, { limits: { requests: ['2/10s', '3/m'], tokens: '1k/m' } });
  granted(governor.acquire(ask('a')));
  granted(governor.acquire(ask('a', { estimate: { promptTokens: 500 } })));
  const first = denied(governor.acquire(ask('a')));
  assert.equal(first.recommendation, 'Limit "requests/10s" reached (2/2 requests). Retry in 5000ms.');
  assert.deepEqual(
    [first.reason, first.cause, first.limit, first.retryAt, first.limitsHint],
    ['rate', 'limit', 'requests/10s', 110_000, { rateUsed: 2, rateLimit: 2 }],
  );
  const both = denied(governor.acquire(ask('a', { estimate: { promptTokens: 501 } })));
  assert.deepEqual([both.limit, both.retryAt], ['tokens/1m', 160_000], 'what frees last binds');
});

test('what can never fit is refused for good, with the most that could', (t) => {
  const { governor } = bench(t, { limits: { outputTokens: '200/m' } });
  const denial = denied(governor.acquire(ask('a', { estimate: { maxOutputTokens: 201 } })));
  assert.deepEqual([denial.cause, denial.retryAt, denial.maxAllowed], ['too-large', null, 200]);
  const text = 'can never be granted by limit "outputTokens/1m" (at most 200). Waiting cannot help; ask for less.';
  assert.equal(denial.recommendation, `201 outputTokens ${text}`);
  granted(governor.acquire(ask('a', { estimate: { promptTokens: 900, maxOutputTokens: 200 } })));
});

test('a token bucket refills evenly and holds its burst', (t) => {
  const config: GovernorConfig = {
    limits: [{ metric: 'requests', limit: 60, window: '1m', algorithm: 'token-bucket', burst: 2 }],
  };
  const { governor, clock } = bench(t, config);
  granted(governor.acquire(ask('a')));
  granted(governor.acquire(ask('a')));
  assert.equal(denied(governor.acquire(ask('a'))).retryAt, 101_000);
  clock.advance(1_000);
  granted(governor.acquire(ask('a')));
  assert.equal(denied(governor.acquire(ask('a'))).retryAt, 102_000);
});

test('a budget of money is settled to what a call cost', (t) => {
  const { governor } = bench(t, { limits: [{ name: 'spend', metric: 'costUsd', limit: 1, window: '1h' }] });
  const costs = (costUsd: number) => ask('a', { estimate: { metrics: { costUsd } } });
  const first = granted(governor.acquire(costs(0.9)));
  const denial = denied(governor.acquire(costs(0.2)));
  assert.deepEqual([denial.reason, denial.cause, denial.limit], ['budget', 'budget', 'spend']);
  assert.equal(denial.recommendation, 'Budget "spend" spent (0.9/1). Retry in 5000ms.');
  assert.deepEqual(denial.limitsHint, { rateUsed: 0.9, rateLimit: 1 });
  governor.release(first, { outcome: 'success', actualCostCents: 12.5 });
  granted(governor.acquire(costs(0.875)));
  assert.equal(denied(governor.acquire(costs(0.000_001))).limitsHint?.rateUsed, 1);
});

test('metrics of the user’s own are estimated, reported and rounded up', (t) => {
  const { governor } = bench(t, { limits: { pages: '10/m', images: '2/m' } });
  const pages = (metrics: Record<string, number>) => ask('a', { estimate: { metrics } });
  const first = granted(governor.acquire(pages({ pages: 9.5, images: 1, unknown: 1e9 })));
  assert.equal(denied(governor.acquire(pages({ pages: 1 }))).limit, 'pages/1m');
  granted(governor.acquire(pages({ images: 1 })));
  assert.equal(denied(governor.acquire(pages({ images: 1 }))).limit, 'images/1m');
  governor.release(first, { usage: { metrics: { pages: 4 } } });
  granted(governor.acquire(pages({ pages: 6 })));
  assert.equal(denied(governor.acquire(pages({ pages: 1 }))).limitsHint?.rateUsed, 10);
});

test('a calendar budget ends with its day, in its time zone', (t) => {
  // 23:30 in Berlin, half an hour before the night in which clocks go forward.
  const start = Date.UTC(2026, 2, 28, 22, 30);
  const clock = createTestClock(start);
  const limits = [{ metric: 'requests', limit: 2, window: 'day', timeZone: 'Europe/Berlin' }] as const;
  const { governor } = bench(t, { limits }, clock);
  granted(governor.acquire(ask('a')));
  granted(governor.acquire(ask('a')));
  const denial = denied(governor.acquire(ask('a')));
  assert.deepEqual([denial.reason, denial.limit, denial.retryAt], ['budget', 'requests/day', start + 1_800_000]);
  clock.advance(1_800_000);
  granted(governor.acquire(ask('a')));
  granted(governor.acquire(ask('a')));
  assert.equal(denied(governor.acquire(ask('a'))).retryAt, start + 1_800_000 + 23 * 3_600_000, 'a day of 23 hours');
  clock.advance(5 * DAY);
  granted(governor.acquire(ask('a')));
  granted(governor.acquire(ask('a')));
  assert.equal(denied(governor.acquire(ask('a'))).retryAt, Date.UTC(2026, 3, 3, 22));
});

test('who waits for a limit is served when it has room', async (t) => {
  const { governor, clock } = bench(t, { limits: { requests: '1/10s' } });
  granted(governor.acquire(ask('a')));
  const waiting = governor.acquireAsync(ask('a'));
  clock.advance(9_999);
  assert.equal(denied(governor.acquire(ask('b'))).cause, 'queued-ahead');
  clock.advance(1);
  granted(await waiting);
});

test('an image keeps what limits counted, under their names', (t) => {
  const clock = createTestClock();
  const config: GovernorConfig = {
    clock,
    limits: [
      { name: 'one', metric: 'pages', limit: 10, window: '1m' },
      { name: 'two', metric: 'images', limit: 10, window: 'day' },
    ],
  };
  const before = createGovernor(config);
  const lease = granted(before.acquire(ask('a', { estimate: { metrics: { pages: 8, images: 9 } } })));
  const image = before.save();
  before.close();
  // In another order, so that metrics stand at other places.
  const limits = [...(config.limits as unknown[])].reverse() as never;
  const after = createGovernor({ ...config, limits }, { restore: image });
  t.after(() => after.close());
  assert.equal(denied(after.acquire(ask('a', { estimate: { metrics: { pages: 3 } } }))).limit, 'one');
  assert.equal(denied(after.acquire(ask('a', { estimate: { metrics: { images: 2 } } }))).limit, 'two');
  after.release(lease, { usage: { metrics: { pages: 1, images: 1 } } });
  granted(after.acquire(ask('a', { estimate: { metrics: { pages: 9, images: 9 } } })));
});

test('a limit is changed while it counts: what is counted stays', (t) => {
  const { governor, clock } = bench(t, {
    rate: { requestsPerMinute: 2 },
    limits: [{ name: 'spend', metric: 'costUsd', limit: 1, window: '1m' }],
  });
  const costs = (costUsd: number) => ask('a', { estimate: { metrics: { costUsd } } });
  granted(governor.acquire(costs(0.5)));
  clock.advance(1_000);
  granted(governor.acquire(costs(0.5)));
  governor.setLimit('requests', 10);
  assert.equal(governor.rateLimit, 10);
  assert.equal(denied(governor.acquire(costs(0.5))).limit, 'spend');
  governor.setLimit('spend', 1.5);
  granted(governor.acquire(costs(0.5)));
  governor.setLimit('spend', 0.75);
  const denial = denied(governor.acquire(costs(0.25)));
  assert.deepEqual([denial.limitsHint, denial.retryAt], [{ rateUsed: 1.5, rateLimit: 0.75 }, 161_000]);
  const dollars = 'an amount of dollars from 0.000001 to 9007199254.74';
  for (const [name, limit, field, allowed] of [
    ['none', 5, 'name', /^one of "requests", .*"spend"/],
    ['spend', 0, 'limit', dollars],
    ['spend', NaN, 'limit', dollars],
    ['requests', '5', 'limit', 'a number from 1 to 9007199254740991'],
  ] as const) {
    assert.throws(
      () => governor.setLimit(name, limit as never),
      (error) => {
        assert.ok(InputError.isInstance(error));
        assert.equal(error.field, field);
        if (typeof allowed === 'string') assert.equal(error.allowed, allowed);
        else assert.match(error.allowed, allowed);
        return true;
      },
    );
  }
  governor.setLimit('spend', 9007199254.74);
  assert.equal(governor.rateLimit, 10);
});

test('who waits is served when the limit is raised', async (t) => {
  const { governor } = bench(t, { limits: { requests: '1/h' } });
  granted(governor.acquire(ask('a')));
  const waiting = governor.acquireAsync(ask('a'));
  governor.setLimit('requests/1h', 2);
  granted(await waiting);
});

test('who waits for more than a lowered limit will ever let in is denied, and nobody waits behind', async (t) => {
  const { governor, clock } = bench(t, { limits: { tokens: '100/m' } });
  const tokens = (promptTokens: number) => ask('a', { estimate: { promptTokens } });
  granted(governor.acquire(tokens(60)));
  const large = governor.acquireAsync(tokens(80));
  const small = governor.acquireAsync(tokens(50));
  governor.setLimit('tokens/1m', 70);
  const denial = denied(await large);
  assert.deepEqual([denial.cause, denial.retryAt, denial.maxAllowed], ['too-large', null, 70]);
  clock.advance(60_000);
  granted(await small);
});

test('calls that were made elsewhere count, and nothing is in flight for them', (t) => {
  const { governor } = bench(t, {
    rate: { requestsPerMinute: 10, tokensPerMinute: 100 },
    limits: { pages: '5/m', costUsd: '1/m' },
  });
  const estimate = { promptTokens: 10, maxOutputTokens: 10, metrics: { pages: 1, costUsd: 0.25 } };
  governor.record(ask('a', { estimate }), { outputTokens: 90, metrics: { pages: 4 } });
  assert.deepEqual([governor.activeLeases, governor.rateCount, governor.tokenRateCount], [0, 1, 100]);
  governor.record(ask('a', { estimate: { promptTokens: 50 } }));
  assert.equal(governor.tokenRateCount, 150, 'whether it fits or not');
  assert.equal(denied(governor.acquire(ask('a', { estimate: { metrics: { pages: 2 } } }))).reason, 'rate');
  governor.setLimit('tokens', 1_000);
  assert.equal(denied(governor.acquire(ask('a', { estimate: { metrics: { pages: 2 } } }))).limit, 'pages/1m');
  granted(governor.acquire(ask('a', { estimate: { metrics: { pages: 1, costUsd: 0.75 } } })));
  assert.throws(
    () => governor.record(ask('a'), { promptTokens: -1 }),
    (error) => InputError.isInstance(error) && error.field === 'usage.promptTokens',
  );
  assert.throws(() => governor.record(ask('a'), { promptToken: 1 } as object), {
    field: 'usage.promptToken',
    message: /^usage\.promptToken must be left out: the fields of usage are promptTokens, .*, got 1$/,
  });
});

test('bad limits are refused by their path', () => {
  const good = { metric: 'tokens', limit: 10, window: '1m' };
  const cases: [unknown, string][] = [
    ['50/s', 'limits'],
    [{ tokens: '50 per second' }, 'limits.tokens'],
    [[5], 'limits[0]'],
    [[{ ...good, limitt: 5 }], 'limits[0]'],
    [[{ ...good, metric: 5 }], 'limits[0].metric'],
    [[good, { ...good, name: 'other', limit: 0 }], 'limits[1].limit'],
    [[{ ...good, limit: NaN }], 'limits[0].limit'],
    [[{ ...good, window: 'week' }], 'limits[0].window'],
    [[{ ...good, window: 0.5 }], 'limits[0].window'],
    [[{ ...good, timeZone: 'UTC' }], 'limits[0].timeZone'],
    [[{ ...good, window: 'day', timeZone: 'Nowhere/City' }], 'limits[0].timeZone'],
    [[{ ...good, window: 'day', algorithm: 'token-bucket' }], 'limits[0].algorithm'],
    [[{ ...good, algorithm: 'leaky' }], 'limits[0].algorithm'],
    [[{ ...good, burst: 5 }], 'limits[0].burst'],
    [[{ ...good, algorithm: 'token-bucket', burst: 0 }], 'limits[0].burst'],
    [[{ ...good, maxDebt: -1 }], 'limits[0].maxDebt'],
    [[{ ...good, name: '' }], 'limits[0].name'],
    [[good, good], 'limits[1].name'],
    [{ a: '1/s', b: '1/s', c: '1/s', d: '1/s', e: '1/s' }, 'limits[4].metric'],
    [Array.from({ length: 1025 }, (_, i) => ({ ...good, name: `n${i}` })), 'limits'],
  ];
  for (const [limits, field] of cases) {
    assert.throws(
      () => createGovernor({ limits: limits as never }),
      (error) => ConfigError.isInstance(error) && error.field === field,
      field,
    );
  }
});

test('a metric that reads like one of every call would never count: it is refused with what was meant', () => {
  const cases = { request: 'requests', Tokens: 'tokens', input_tokens: 'inputTokens', costUSD: 'costUsd' };
  for (const [metric, meant] of Object.entries(cases)) {
    const message = `limits.${metric} must be a limit of "${meant}", got "${metric}"`;
    assert.throws(() => createGovernor({ limits: { [metric]: '5/m' } }), { message });
    assert.throws(
      () => createGovernor({ limits: [{ metric, limit: 5, window: '1m' }] }),
      /^ConfigError: limits\[0\] must/,
    );
  }
  for (const metric of ['toString', '__proto__'])
    assert.throws(() => createGovernor({ limits: { [metric]: '5/m' } }), /a metric whose name no object inherits/);
});

test('what is refused is quoted as it was written', () => {
  const limit = { metric: 'tokens', limit: 10, window: '1m', warnAt: 0.8 as never } as const;
  const message = 'limits[0].warnAt must be an array of numbers, got 0.8';
  assert.throws(() => createGovernor({ limits: [limit] }), { message });
});

test('bad amounts are refused by their path', (t) => {
  const { governor } = bench(t, { limits: { pages: '10/m', costUsd: '1/m' } });
  for (const [metrics, field] of [
    [5, 'request.estimate.metrics'],
    [{ pages: -1 }, 'request.estimate.metrics.pages'],
    [{ costUsd: NaN }, 'request.estimate.metrics.costUsd'],
    [{ costUsd: 1e7 }, 'request.estimate.metrics.costUsd'],
  ] as const) {
    assert.throws(
      () => governor.acquire(ask('a', { estimate: { metrics: metrics as never } })),
      (error) => InputError.isInstance(error) && error.field === field,
    );
  }
  assert.equal(governor.activeLeases, 0);
});

test('a limit of the list that has a name of `rate` may be set, and others come in later', (t) => {
  const { governor } = bench(t, { limits: [{ name: 'requests', metric: 'requests', limit: 10, window: '1s' }] });
  governor.setLimit('requests', 20);
  governor.wrap(() => 1, { key: 'k', limits: { requests: '100/s' } });
  assert.deepEqual(
    governor.snapshot().limits?.map(({ limit }) => limit),
    [20],
  );
});

test('a window that is none is told of durations and of calendar periods', () => {
  for (const window of ['week', '1w', undefined])
    assert.throws(
      () => createGovernor({ limits: [{ metric: 'requests', limit: 5, window: window as never }] }),
      (error) => ConfigError.isInstance(error) && /"10s".*"day" or "month"/.test(error.allowed),
    );
});

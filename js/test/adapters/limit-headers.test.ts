/** `rateLimitHeaders`: what is written, read by an independent parser of Structured Fields and by the package's own reader. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDictionary, parseItem, parseList, type Parameters } from 'structured-headers';
import {
  createGovernor,
  createTestClock,
  type AcquireRequest,
  type GovernorConfig,
  type LimitDiagnosis,
} from 'throttleai';
import { rateLimitHeaders, type AdapterGovernor, type RateLimitHeadersOptions } from 'throttleai/adapters/node';
import { readAnswer } from 'throttleai/providers';
import { createRandom } from '../../testing/random.ts';

/** A governor whose limits say these things. */
function saying(limits: readonly LimitDiagnosis[], now: number): AdapterGovernor {
  const internals = { rooms: () => ({ limits }), clock: { now: () => now } };
  return { [Symbol.for('throttleai.governor')]: internals } as never;
}
const request: AcquireRequest = { actorId: 'ana', action: 'x' };

/** Members of a field, as names and parameters. */
function membersOf(field: string | undefined): Record<string, unknown>[] {
  return parseList(field ?? '').map(([item, parameters]) => ({
    name: item,
    ...Object.fromEntries(parameters as Parameters),
  }));
}

/** What a governor's limits say to a request after it was admitted, as headers. */
function headersOf(
  limits: GovernorConfig['limits'],
  { calls = 1, at = 100_000, ...options }: RateLimitHeadersOptions & { calls?: number; at?: number } = {},
  more: Partial<AcquireRequest> = {},
): Record<string, string> {
  const clock = createTestClock(at);
  const governor = createGovernor({ clock, limits });
  const full = { ...request, ...more };
  for (let i = 0; i < calls; i++) assert.ok(governor.acquire(full).granted);
  const headers = rateLimitHeaders(options)(governor, full);
  governor.close();
  return Object.fromEntries(headers);
}

const perActor = (limit: number, name?: string): object => ({
  metric: 'requests',
  limit,
  window: '1m',
  per: 'actor',
  ...(name !== undefined && { name }),
});

test('draft 11: policies and what is left, as Structured Fields', () => {
  const tokens = { metric: 'tokens', limit: 1_000, window: '1h', per: 'tenant' } as const;
  const estimate = { promptTokens: 300, maxOutputTokens: 100 };
  const headers = headersOf([perActor(60), tokens] as never, { calls: 2 }, { tenant: 't', estimate });
  assert.deepEqual(headers, {
    'RateLimit-Policy': '"requests/1m/actor";q=60;w=60, "tokens/1h/tenant";q=1000;qu="tokens";w=3600',
    RateLimit: '"requests/1m/actor";r=58;t=60, "tokens/1h/tenant";r=200;t=3600',
  });
  assert.deepEqual(membersOf(headers['RateLimit-Policy']), [
    { name: 'requests/1m/actor', q: 60, w: 60 },
    { name: 'tokens/1h/tenant', q: 1000, qu: 'tokens', w: 3600 },
  ]);
  assert.deepEqual(membersOf(headers['RateLimit']), [
    { name: 'requests/1m/actor', r: 58, t: 60 },
    { name: 'tokens/1h/tenant', r: 200, t: 3600 },
  ]);
});

test('by default only limits of the caller are shown, and none of money', () => {
  const limits = [
    { metric: 'requests', limit: 9, window: '1m', name: 'everybody' },
    { metric: 'requests', limit: 9, window: '1m', name: 'model', per: 'model' },
    { metric: 'requests', limit: 9, window: '1m', name: 'actor', per: 'actor' },
    { metric: 'requests', limit: 9, window: '1m', name: 'tenant', per: ['tenant', 'model'] },
    { metric: 'costUsd', limit: 9, window: 'day', name: 'money', per: 'actor' },
  ] as const;
  const names = (shown?: RateLimitHeadersOptions['limits']): unknown[] =>
    membersOf(headersOf(limits as never, { limits: shown }, { tenant: 't', model: 'm' })['RateLimit']).map(
      ({ name }) => name,
    );
  assert.deepEqual(names(), ['actor', 'tenant']);
  assert.deepEqual(names('all'), ['everybody', 'model', 'actor', 'tenant']);
  assert.deepEqual(names(['model', 'money', 'unknown']), ['model']);
  assert.deepEqual(headersOf([limits[0]] as never), {}, 'an empty list is no field');
});

test('days have a window, months have none; a bucket has the time in which it fills', () => {
  const limits = [
    { metric: 'requests', limit: 10, window: 'day', name: 'day' },
    { metric: 'requests', limit: 10, window: 'month', name: 'month' },
    { metric: 'requests', limit: 10, window: '1m', name: 'bucket', algorithm: 'token-bucket', burst: 20 },
    { metric: 'requests', limit: 10, window: 1_500, name: 'short' },
  ];
  const headers = headersOf(limits as never, { limits: 'all', at: Date.UTC(2026, 1, 1, 23) });
  assert.deepEqual(
    membersOf(headers['RateLimit-Policy']),
    [
      { name: 'bucket', q: 20, w: 120 },
      { name: 'short', q: 10, w: 2 },
      { name: 'day', q: 10, w: 86_400 },
      { name: 'month', q: 10 },
    ].sort((a, b) => limits.findIndex(({ name }) => name === a.name) - limits.findIndex(({ name }) => name === b.name)),
  );
  assert.deepEqual(Object.fromEntries(membersOf(headers['RateLimit']).map(({ name, t }) => [name, t])), {
    day: 3600,
    month: 3600 * (24 * 27 + 1),
    bucket: 6,
    short: 2,
  });
});

test('earlier drafts and X-RateLimit tell of the limit of requests that is nearest to its end', () => {
  const limits = [
    perActor(60, 'minute'),
    { ...perActor(100, 'hour'), window: '1h' },
    { ...perActor(5, 't'), metric: 'tokens' },
  ];
  const policy = '60;w=60, 100;w=3600';
  const asked = { calls: 3 };
  assert.deepEqual(headersOf(limits as never, { ...asked, draft: 7 }), {
    'RateLimit-Policy': policy,
    RateLimit: 'limit=60, remaining=57, reset=60',
  });
  assert.deepEqual(headersOf(limits as never, { ...asked, draft: 6 }), {
    'RateLimit-Policy': policy,
    'RateLimit-Limit': '60',
    'RateLimit-Remaining': '57',
    'RateLimit-Reset': '60',
  });
  const both = headersOf(limits as never, { ...asked, xRateLimit: true, limits: ['hour'] });
  assert.deepEqual(both, {
    'RateLimit-Policy': '"hour";q=100;w=3600',
    RateLimit: '"hour";r=97;t=3600',
    'X-RateLimit-Limit': '100',
    'X-RateLimit-Remaining': '97',
    'X-RateLimit-Reset': '3700',
  });
  for (const draft of [7, 6] as const) assert.deepEqual(headersOf([limits[2]] as never, { draft }), {});
});

test('earlier drafts are Structured Fields too', () => {
  const limits = [perActor(60), perActor(9, 'nine')];
  const seventh = headersOf(limits as never, { draft: 7 });
  const [limit, remaining, reset] = ['limit', 'remaining', 'reset'].map(
    (key) => parseDictionary(seventh['RateLimit']!).get(key)?.[0],
  );
  assert.deepEqual([limit, remaining, reset], [9, 8, 60]);
  assert.deepEqual(membersOf(seventh['RateLimit-Policy']), [
    { name: 60, w: 60 },
    { name: 9, w: 60 },
  ]);
  const sixth = headersOf(limits as never, { draft: 6 });
  const items = ['Limit', 'Remaining', 'Reset'].map((name) => parseItem(sixth[`RateLimit-${name}`]!)[0]);
  assert.deepEqual(items, [9, 8, 60]);
});

test('of limits without room the one that is told of is the one to wait for longest', () => {
  const row = (name: string, fits: boolean, used: number, retryAt: number): LimitDiagnosis => {
    const about = { name, metric: 'requests', window: 60_000, key: { actor: 'a' }, asked: 1, reserved: 0, owed: 0 };
    return { ...about, fits, used, limit: 100, retryAt, resetAt: 60_000 };
  };
  const told = (rows: LimitDiagnosis[]): unknown =>
    Object.fromEntries(rateLimitHeaders({ draft: 6 })(saying(rows, 0), request));
  const rows = [row('a', true, 99, 0), row('b', false, 100, 3_000), row('c', false, 100, 9_000), row('d', true, 10, 0)];
  for (const order of [rows, [...rows].reverse()])
    assert.equal((told(order) as Record<string, string>)['RateLimit-Reset'], '9');
  assert.equal((told([rows[3]!, rows[0]!]) as Record<string, string>)['RateLimit-Remaining'], '1');
});

test('no time is later than Retry-After; without one it is never', () => {
  const limit: LimitDiagnosis = {
    ...{ name: 'l', metric: 'requests', window: 60_000, key: { actor: 'a' }, asked: 1, reserved: 0, owed: 0 },
    ...{ fits: true, used: 1, limit: 2, retryAt: 0, resetAt: 59_001 },
  };
  const t = (told: LimitDiagnosis, retryAfter?: number): unknown =>
    membersOf(
      rateLimitHeaders()(saying([told], 0), request, retryAfter).find(([name]) => name === 'RateLimit')?.[1],
    )[0]?.['t'];
  assert.equal(t(limit), 60, 'rounded up');
  assert.equal(t(limit, 7), 7);
  assert.equal(t({ ...limit, fits: false, retryAt: 8_000 }, 9), 8);
  assert.equal(t({ ...limit, fits: false, retryAt: null }), 60, 'what can never fit waits for the reset');
  assert.equal(t({ ...limit, resetAt: -5_000 }), 0);
});

test('names are escaped, and integers bounded', () => {
  const name = 'a "quoted\\" ü\u{1f600}\ud800\n;q=1,';
  const key: LimitDiagnosis = {
    ...{ name, metric: 'requests', window: 1e300, key: { actor: 'a' }, asked: 1, reserved: 0, owed: 0 },
    ...{ fits: true, used: -5, limit: 1e300, retryAt: 0, resetAt: 1e300 },
  };
  const headers = Object.fromEntries(rateLimitHeaders()(saying([key], 0), request));
  const most = 999_999_999_999_999;
  const escaped = 'a "quoted\\" %fc%1f600%d800%a;q=1,';
  assert.deepEqual(membersOf(headers['RateLimit-Policy']), [{ name: escaped, q: most, w: most }]);
  assert.deepEqual(membersOf(headers['RateLimit']), [{ name: escaped, r: most, t: most }]);
  for (const value of Object.values(headers)) assert.match(value, /^[ -~]+$/);
});

test('a partition key is a Byte Sequence in both fields', () => {
  const headers = headersOf([perActor(60)] as never, { partitionKey: ({ key }) => `${key?.actor} ü` });
  for (const field of ['RateLimit-Policy', 'RateLimit'] as const) {
    const { pk } = membersOf(headers[field])[0]!;
    assert.equal(new TextDecoder().decode(pk as ArrayBuffer), 'ana ü');
  }
  assert.doesNotMatch(headersOf([perActor(60)] as never, { partitionKey: () => null })['RateLimit']!, /pk/);
});

test('the package reads what it has written, in all forms', () => {
  const now = Date.UTC(2026, 10, 22);
  const limits = [perActor(60, 'a "minute", \\;q=7')];
  for (const form of [
    {},
    { partitionKey: ({ name }: LimitDiagnosis) => name },
    { draft: 7 },
    { draft: 6 },
    { draft: 6, xRateLimit: true },
  ] as const) {
    const headers = headersOf(limits as never, { ...form, at: now, calls: 4 });
    const read = readAnswer({ status: 200, headers }, { dialect: 'generic', now });
    assert.deepEqual(read.ignored ?? [], []);
    for (const { metric, limit, remaining, resetAt } of read.limits)
      assert.deepEqual([metric, limit, remaining, resetAt], ['requests', 60, 56, now + 60_000]);
    assert.ok(read.limits.some(({ window }) => window === 60_000));
  }
});

test('whatever limits say, what is written is a list with the required parameters', () => {
  const random = createRandom(7);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const amounts = [0, 0.4, 1, 7.9, 1e6, 2 ** 53, -3];
  for (let round = 0; round < 500; round++) {
    const rows = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, i): LimitDiagnosis => ({
      name: `${i}${pick(['', '"', '\\', 'é', ' , ', '"; r=9'])}`,
      metric: pick(['requests', 'tokens', 'my "own"', 'größe']),
      window: pick([1, 999, 60_000, 'day', 'month']),
      key: { tenant: 't' },
      ...{ used: pick(amounts), limit: pick(amounts), asked: 1, reserved: 0, owed: 0 },
      ...{ fits: random() < 0.5, retryAt: pick([null, 0, 1e9]), resetAt: pick([0, 5, 1e12]) },
    }));
    const retryAfter = pick([undefined, 0, 3]);
    const headers = Object.fromEntries(
      rateLimitHeaders({ partitionKey: ({ name }) => name })(saying(rows, 1_000), request, retryAfter),
    );
    const policies = membersOf(headers['RateLimit-Policy']);
    for (const [i, { name, r, t }] of membersOf(headers['RateLimit']).entries()) {
      assert.equal(policies[i]!['name'], name);
      const numbers = [r, t, policies[i]!['q'], policies[i]!['w'] ?? 1] as number[];
      assert.ok(numbers.every((number) => Number.isInteger(number) && number >= 0));
      assert.ok((t as number) <= (retryAfter ?? Infinity));
      assert.ok((r as number) <= (policies[i]!['q'] as number));
      assert.notEqual(policies[i]!['w'], 0);
    }
    assert.equal(policies.length, rows.length);
  }
});

test('options that cannot be used', () => {
  for (const [options, field] of [
    [{ limits: 'none' }, 'options.limits'],
    [{ draft: 8 }, 'options.draft'],
    [{ partitionKey: 'x' }, 'options.partitionKey'],
    [{ drafts: 7 }, 'options.drafts'],
  ] as const)
    assert.throws(() => rateLimitHeaders(options as never), { code: 'input', field });
});

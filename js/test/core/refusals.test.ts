/** What the provider's refusals do to a governor that adapts. The controller has tests of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { withLease } from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

const config = { concurrency: { maxInFlight: 10 }, adaptive: true } as const;

for (const [retryAfterMs, adaptive] of [1, 999.5, 86_400_000].flatMap(
  (ms) =>
    [
      [ms, true],
      [ms, false],
    ] as const,
))
  test(`nothing is sent before the instant that the provider named: ${retryAfterMs} ms, ${adaptive}`, (t) => {
    const { governor, clock } = bench(t, { ...config, adaptive, strict: true });
    const grant = granted(governor.acquire(ask('a')));
    clock.advance(50);
    governor.release(grant, { outcome: 'error', status: 429, retryAfterMs }); // `strict`: a field that is not known throws.
    const opens = Math.ceil(clock.time + retryAfterMs);
    const denial = denied(governor.acquire(ask('a')));
    assert.deepEqual([denial.reason, denial.cause, denial.retryAt], ['rate', 'cooldown', opens]);
    assert.match(denial.recommendation, /^The provider takes no calls now\. Retry in \d+ms\.$/);
    clock.advance(opens - 1 - clock.time);
    assert.equal(denied(governor.acquire(ask('a'))).cause, 'cooldown');
    clock.advance(1);
    granted(governor.acquire(ask('a')));
  });

test('a refusal lowers the maximum to what was in flight; other errors do not', (t) => {
  const { governor, clock } = bench(t, config);
  const grants = Array.from({ length: 6 }, () => granted(governor.acquire(ask('a'))));
  clock.advance(50);
  governor.release(grants[4]!, { outcome: 'error', status: 500 });
  assert.equal(governor.concurrencyEffectiveMax, 10);
  governor.release(grants[5]!, { outcome: 'error', status: 429 });
  assert.equal(governor.concurrencyEffectiveMax, 5);
});

test('failures in a row are an outage: single calls go out until one succeeds', (t) => {
  const { governor, clock } = bench(t, config);
  let failed = 0;
  for (let tick = 0; tick < 600; tick++) {
    clock.advance(100);
    const decision = governor.acquire(ask('a'));
    if (!decision.granted) continue;
    clock.advance(20);
    governor.release(decision.leaseId, { outcome: 'error' });
    failed++;
  }
  assert.ok(failed < 60, `${failed} calls in a minute`);
  const denial = denied(governor.acquire(ask('a')));
  assert.deepEqual([denial.reason, denial.cause], ['rate', 'circuit']);
  clock.advance((denial.retryAt ?? 0) - clock.time);
  governor.release(granted(governor.acquire(ask('a'))));
  granted(governor.acquire(ask('a')));
});

test('without `adaptive` failures close nothing', (t) => {
  const { governor, clock } = bench(t, { concurrency: { maxInFlight: 10 } });
  for (let turn = 0; turn < 50; turn++) {
    clock.advance(20);
    const outcome = turn % 2 === 0 ? 'error' : 'timeout';
    governor.release(granted(governor.acquire(ask('a'))), { outcome, ...(turn % 3 === 0 && { status: 429 }) });
  }
});

test('a model that fails stops no other, and both are said to be what they are', (t) => {
  const { governor, clock, events } = bench(t, config);
  const [down, up] = [ask('a', { model: 'gpt-4o' }), ask('a', { model: 'claude-sonnet-4-5' })];
  for (let turn = 0; turn < 8; turn++) {
    clock.advance(20);
    governor.release(granted(governor.acquire(down)), { outcome: 'timeout' });
    governor.release(granted(governor.acquire(up)));
    governor.release(granted(governor.acquire(ask('a'))), { outcome: turn < 7 ? 'error' : 'success' });
  }
  assert.equal(denied(governor.acquire({ ...down, model: 'gpt-4o-2024-08-06' })).cause, 'circuit');
  granted(governor.acquire(up));
  granted(governor.acquire(ask('a')));
  const gates = () => events.filter(({ type }) => type === 'gate');
  const timestamp = clock.time;
  const closed = {
    type: 'gate',
    timestamp,
    model: 'gpt-4o',
    state: 'closed',
    cause: 'circuit',
    until: timestamp + 250,
  };
  assert.deepEqual(gates(), [closed]);
  clock.advance(250);
  governor.release(granted(governor.acquire(down)));
  assert.deepEqual(gates().at(-1), {
    type: 'gate',
    timestamp: clock.time,
    model: 'gpt-4o',
    state: 'open',
    until: null,
  });
});

test('what is observed and then reported counts once', (t) => {
  const { governor, clock } = bench(t, config);
  for (let turn = 0; turn < 3; turn++) {
    const leaseId = granted(governor.acquire(ask('a')));
    clock.advance(20);
    governor.observe({ status: 529, headers: {} }, { leaseId });
    governor.release(leaseId, { outcome: 'error', status: 529, retryAfterMs: 3_600_000 });
    const { retryAt } = denied(governor.acquire(ask('a')));
    assert.equal(retryAt! - clock.time, 1_000 * 2 ** turn);
    clock.advance(retryAt! - clock.time);
  }
});

test('waiters wait for the end of the pause', async (t) => {
  const { governor, clock } = bench(t, config);
  const grant = granted(governor.acquire(ask('a')));
  clock.advance(50);
  governor.release(grant, { status: 503, retryAfterMs: 3_000 });
  const opens = clock.time + 3_000;
  const late = denied(await governor.acquireAsync(ask('a'), { timeoutMs: 2_999 }));
  assert.equal(late.cause, 'deadline');
  let at = NaN;
  const waits = governor.acquireAsync(ask('a')).then((decision) => {
    at = clock.time;
    return granted(decision);
  });
  clock.advance(2_999);
  await Promise.resolve();
  assert.ok(Number.isNaN(at));
  clock.advance(1);
  await waits;
  assert.equal(at, opens);
});

test('adapters and helpers report what an answer or an error says', async (t) => {
  const pauses: [string, () => Record<string, string>, number][] = [
    ['seconds', () => ({ 'retry-after': '7' }), 7_000],
    ['milliseconds', () => ({ 'retry-after-ms': '1250', 'retry-after': '9' }), 1_250],
    ['a date', () => ({ 'retry-after': new Date(110_000).toUTCString() }), 10_000],
    ['nonsense', () => ({ 'retry-after': 'soon' }), 0],
  ];
  for (const [name, headers, ms] of pauses) {
    const { governor, clock } = bench(t, config);
    assert.equal(clock.time, 100_000);
    const call = wrapFetch(async () => new Response(null, { status: 429, headers: headers() }), { governor });
    assert.equal((await call('https://api.example.com/')).ok, true);
    const next = governor.acquire(ask('a'));
    assert.equal(next.granted ? 0 : next.retryAt! - clock.time, ms, `fetch, ${name}`);
  }
  const { governor, clock } = bench(t, config);
  const error = Object.assign(new Error('429'), { status: 429, headers: { 'retry-after': '2' } });
  await assert.rejects(withLease(governor, ask('a'), () => Promise.reject(error)));
  assert.equal(denied(governor.acquire(ask('a'))).retryAt, clock.time + 2_000);
});

test('a bad status or pause is left out and warned of', (t) => {
  const { governor, events } = bench(t, config);
  for (const report of [{ status: 'oops' }, { status: 429, retryAfterMs: -1 }, { status: 600 }] as never[])
    governor.release(granted(governor.acquire(ask('a'))), report);
  const warnings = events.filter(({ type }) => type === 'warn');
  assert.equal(warnings.length, 3);
  assert.match(String(warnings[1]?.message), /report\.retryAfterMs/);
});

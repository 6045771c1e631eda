/** Another configuration while a governor runs, and what it says of requests without changing anything. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGovernor, type GovernorConfig, type GovernorEvent, type Limit } from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

const perMinute = (limit: number, more: Partial<Limit> = {}): Limit => ({
  metric: 'requests',
  limit,
  window: '1m',
  ...more,
});

test('limits that stay go on with what they count, in whatever order', (t) => {
  const { governor, clock } = bench(t, { limits: [perMinute(2), perMinute(1, { per: 'actor' })] });
  granted(governor.acquire(ask('a')));
  governor.reconfigure({
    limits: [
      perMinute(1, { per: 'tenant' }),
      perMinute(1, { per: 'actor' }),
      perMinute(3),
      perMinute(9, { name: 'new' }),
    ],
  });
  assert.equal(denied(governor.acquire(ask('a', { tenant: 'x' }))).limit, 'requests/1m/actor');
  granted(governor.acquire(ask('b', { tenant: 'x' })));
  assert.equal(denied(governor.acquire(ask('c', { tenant: 'x' }))).limit, 'requests/1m/tenant');
  granted(governor.acquire(ask('c')));
  assert.deepEqual(governor.snapshot().limits, [
    { name: 'requests/1m', metric: 'requests', used: 3, limit: 3 },
    { name: 'new', metric: 'requests', used: 2, limit: 9 },
  ]);
  governor.reconfigure({ limits: [perMinute(3)] });
  assert.equal(governor.snapshot().keys, 0);
  clock.advance(60_000);
  for (let i = 0; i < 3; i++) granted(governor.acquire(ask('a')));
  denied(governor.acquire(ask('a')));
});

test('what is left out is off, what is new is on', (t) => {
  const events: GovernorEvent[] = [];
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 }, strict: true, caps: { idBytes: 8 } });
  const lease = granted(governor.acquire(ask('a')));
  governor.reconfigure({ rate: { requestsPerMinute: 2 }, onEvent: (event) => void events.push(event) });
  granted(governor.acquire(ask('a longer name')));
  granted(governor.acquire(ask('b')));
  assert.equal(denied(governor.acquire(ask('b'))).limit, 'requests');
  governor.release(lease);
  governor.release(lease);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['acquire', 'acquire', 'deny', 'release'],
  );
  governor.reconfigure();
  granted(governor.acquire(ask('b')));
  assert.equal(events.length, 4, 'nobody listens any more');
});

test('events keep their order when a handler takes over another configuration', (t) => {
  const told: string[] = [];
  const made = bench(t, {
    onEvent({ type }) {
      told.push(`old ${type}`);
      if (told.length > 1) return;
      const lease = granted(made.governor.acquire(ask('b')));
      made.governor.reconfigure({ onEvent: (event) => void told.push(`new ${event.type}`) });
      made.governor.release(lease);
    },
  });
  granted(made.governor.acquire(ask('a')));
  assert.deepEqual(told, ['old acquire', 'new acquire', 'new release']);
});

test('what cannot be used changes nothing', (t) => {
  const config: GovernorConfig = {
    limits: [perMinute(1, { per: 'actor' })],
    models: { m: { limits: [perMinute(1)] } },
  };
  const { governor, events } = bench(t, config);
  granted(governor.acquire(ask('a')));
  const bad: [unknown, string][] = [
    [{ limits: [perMinute(0)] }, 'limits[0].limit'],
    [{ limits: [perMinute(1)], models: { n: { limits: [perMinute(-1)] } } }, 'models["n"].limits[0].limit'],
    [{ limit: [] }, 'limit'],
    [5, 'config'],
  ];
  for (const [next, field] of bad)
    assert.throws(() => governor.reconfigure(next as GovernorConfig), { code: 'config', field });
  assert.equal(denied(governor.acquire(ask('a'))).limit, 'requests/1m/actor');
  granted(governor.acquire(ask('b', { model: 'm' })));
  assert.equal(denied(governor.acquire(ask('c', { model: 'm' }))).limit, 'requests/1m/model=m');
  assert.equal(events.length, 4);
});

test('leases in flight are settled against limits that are still there, by their own prices', (t) => {
  const money = (price: number, more: Limit[] = []): GovernorConfig => ({
    limits: [{ name: 'spend', metric: 'costUsd', limit: 10, window: '1h' }, ...more],
    models: { m: { prices: { output: price } } },
  });
  const { governor } = bench(t, money(1e6));
  const lease = granted(governor.acquire(ask('a', { model: 'm', estimate: { maxOutputTokens: 4 } })));
  governor.reconfigure(money(5e5, [{ metric: 'tokens', limit: 10, window: '1h' }]));
  assert.equal(governor.snapshot().limits?.[0]?.used, 4);
  governor.release(lease, { usage: { outputTokens: 3 } });
  assert.deepEqual(
    governor.snapshot().limits?.map(({ used }) => used),
    [3, 0],
  );
});

test('who waits stays, and is served by the new limits', async (t) => {
  const { governor } = bench(t, { limits: [perMinute(1)] });
  granted(governor.acquire(ask('a')));
  const waiting = governor.acquireAsync(ask('b'));
  governor.reconfigure({ limits: [perMinute(2)] });
  granted(await waiting);
});

test('families that a function has named, and metrics of the user’s own, go on', (t) => {
  const config: GovernorConfig = { models: () => ({ limits: [perMinute(2, { metric: 'pages' })] }) };
  const { governor } = bench(t, config);
  const pages = ask('a', { model: 'm', estimate: { metrics: { pages: 1, images: 1 } } });
  granted(governor.acquire(pages));
  governor.reconfigure({ ...config, limits: { images: '9/m' } });
  granted(governor.acquire(pages));
  assert.equal(denied(governor.acquire(pages)).limit, 'pages/1m/model=m');
  assert.equal(governor.snapshot().limits?.[0]?.used, 1);
});

test('diagnose says what acquire would, and changes nothing', (t) => {
  const { governor, clock, events } = bench(t, {
    concurrency: { maxInFlight: 2 },
    rate: { requestsPerMinute: 9 },
    limits: [
      { metric: 'tokens', limit: 100, window: '1m', per: 'actor' },
      { name: 'spend', metric: 'costUsd', limit: 1, window: 'day' },
    ],
  });
  const request = (promptTokens: number) => ask('a', { estimate: { promptTokens, metrics: { costUsd: 0.25 } } });
  const lease = granted(governor.acquire(request(60)));
  clock.advance(1_000);
  granted(governor.acquire(request(30)));
  governor.release(lease, { usage: { promptTokens: 50 }, actualCostCents: 110 });
  const before = governor.save();
  const diagnosis = governor.diagnose(request(21));
  assert.equal(governor.diagnose(ask('b')).granted, false);
  assert.deepEqual(governor.save(), before);
  assert.equal(governor.snapshot().lastDeny, null);
  assert.deepEqual(diagnosis, {
    granted: false,
    denial: denied(governor.acquire(request(21))),
    limits: [
      {
        name: 'requests',
        metric: 'requests',
        window: 60_000,
        used: 2,
        limit: 9,
        asked: 1,
        fits: true,
        reserved: 1,
        owed: 0,
        retryAt: 101_000,
        resetAt: 161_000,
      },
      {
        name: 'tokens/1m/actor',
        metric: 'tokens',
        window: 60_000,
        key: { actor: 'a' },
        used: 80,
        limit: 100,
        asked: 21,
        fits: false,
        reserved: 30,
        owed: 0,
        retryAt: 160_000,
        resetAt: 161_000,
      },
      {
        name: 'spend',
        metric: 'costUsd',
        window: 'day',
        used: 1.35,
        limit: 1,
        asked: 0.25,
        fits: false,
        reserved: 0.25,
        owed: 0.35,
        retryAt: Date.UTC(1970, 0, 2),
        resetAt: Date.UTC(1970, 0, 2),
      },
    ],
  });
  assert.equal(events.filter(({ type }) => type === 'deny').length, 1);
  assert.throws(() => governor.diagnose(ask('')), { code: 'input' });
});

test('diagnose of what can never fit', () => {
  const governor = createGovernor({ limits: { tokens: '100/m' } });
  const { granted: fits, denial, limits } = governor.diagnose(ask('a', { estimate: { promptTokens: 101 } }));
  assert.deepEqual([fits, denial?.cause, denial?.maxAllowed, limits[0]?.retryAt], [false, 'too-large', 100, null]);
  governor.close();
});

test('a denial names the limits of today, also where the numbers are those of the last one', async (t) => {
  const { governor } = bench(t, { limits: [perMinute(1, { name: 'before' })] });
  granted(governor.acquire(ask('a')));
  assert.match(denied(governor.acquire(ask('a'))).recommendation, /^Limit "before" reached/);
  governor.reconfigure({ limits: [perMinute(1, { name: 'after' })] });
  granted(governor.acquire(ask('a')));
  assert.match(denied(governor.acquire(ask('a'))).recommendation, /^Limit "after" reached/);
});

test('a call whose time is up when the configuration changes is told of a limit of today', async (t) => {
  const tokens: Limit = { metric: 'tokens', limit: 10, window: '1m', name: 'tokens' };
  const { governor, clock } = bench(t, { limits: [tokens] });
  const ten = ask('a', { estimate: { promptTokens: 10 } });
  granted(governor.acquire(ten));
  const waiting = governor.acquireAsync(ten, { timeoutMs: 1_000 });
  clock.time += 2_000; // The timer is late.
  governor.reconfigure({ limits: [perMinute(9), tokens] });
  const { limit, cause, recommendation } = denied(await waiting);
  assert.deepEqual([limit, cause], ['tokens', 'deadline']);
  assert.equal(denied(governor.acquire(ten)).limit, 'tokens', recommendation);
});

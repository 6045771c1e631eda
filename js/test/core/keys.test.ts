/** Limits that count actors, models, tenants and actions apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createGovernor,
  createTestClock,
  formatEvent,
  type AcquireRequest,
  type GovernorConfig,
  type Limit,
} from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

const per = (scopes: Limit['per'], limit = 1): Limit => ({ metric: 'requests', limit, window: '1m', per: scopes });

test('each actor has its own count, and another one that all share', (t) => {
  const { governor, clock } = bench(t, { limits: [per('actor'), per('all', 3)] });
  granted(governor.acquire(ask('a')));
  const own = denied(governor.acquire(ask('a')));
  assert.deepEqual([own.reason, own.limit, own.retryAt], ['rate', 'requests/1m/actor', 160_000]);
  assert.equal(own.recommendation, 'Limit "requests/1m/actor" reached (1/1 requests). Retry in 5000ms.');
  assert.deepEqual(own.limitsHint, { rateUsed: 1, rateLimit: 1 });
  granted(governor.acquire(ask('b')));
  granted(governor.acquire(ask('c')));
  assert.equal(denied(governor.acquire(ask('d'))).limit, 'requests/1m');
  clock.advance(60_000);
  granted(governor.acquire(ask('a')));
});

test('tenants are isolated from each other, whatever their ids hold', (t) => {
  const { governor } = bench(t, { limits: [per('tenant')] });
  const tenants = [
    'a',
    'b',
    '__proto__',
    'constructor',
    'toString',
    'a\0',
    ' a',
    '1:a',
    'a:b',
    'a/b',
    '\u{1f600}',
    '\ud800',
  ];
  for (const tenant of tenants) granted(governor.acquire(ask('x', { tenant })));
  for (const tenant of tenants) assert.equal(denied(governor.acquire(ask('y', { tenant }))).cause, 'limit', tenant);
  assert.equal(governor.snapshot().keys, tenants.length);
});

test('several scopes are a key for each combination; no id can pretend to be another pair', (t) => {
  const { governor } = bench(t, { limits: [per(['tenant', 'actor'])] });
  const pairs = [
    ['a', 'bc'],
    ['ab', 'c'],
    ['', 'abc'],
    ['1:a', 'bc'],
    ['a1', ':bc'],
    ['abc', ''],
    ['2:ab', 'c'],
  ] as const;
  const requests = pairs.map(([tenant, actorId]) => ask(actorId || 'nobody', tenant === '' ? {} : { tenant }));
  for (const request of requests) granted(governor.acquire(request));
  for (const request of requests) assert.equal(denied(governor.acquire(request)).limit, 'requests/1m/actor+tenant');
});

test('scopes may be written in any order', (t) => {
  const { governor } = bench(t, {
    limits: [per(['action', 'tenant', 'actor'], 5), per(['actor', 'tenant', 'action'], 5)].slice(1),
  });
  granted(governor.acquire(ask('a')));
  assert.equal(governor.diagnose(ask('a')).limits[0]?.name, 'requests/1m/actor+tenant+action');
});

test('calls that do not name the scope are counted together, apart from every name', (t) => {
  const { governor } = bench(t, { limits: [per('tenant'), per('model')] });
  granted(governor.acquire(ask('a')));
  assert.equal(denied(governor.acquire(ask('b'))).cause, 'limit');
  granted(governor.acquire(ask('a', { tenant: 'undefined', model: 'undefined' })));
  granted(governor.acquire(ask('a', { tenant: 'null', model: 'null' })));
  assert.equal(denied(governor.acquire(ask('a', { tenant: null, model: null }))).cause, 'limit');
});

test('two spellings of one name are one key; ids come out as they were given', (t) => {
  const { governor, events } = bench(t, { limits: [per('actor'), per(['actor', 'tenant'], 9)] });
  granted(governor.acquire(ask('caf\u00e9')));
  assert.equal(denied(governor.acquire(ask('cafe\u0301'))).limit, 'requests/1m/actor');
  assert.deepEqual(
    events.map(({ actorId }) => actorId),
    ['caf\u00e9', 'cafe\u0301'],
  );
});

test('for fairness too, two spellings are one actor', (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 4 }, fairness: { softCapRatio: 0.5 } });
  granted(governor.acquire(ask('caf\u00e9')));
  granted(governor.acquire(ask('cafe\u0301')));
  assert.equal(denied(governor.acquire(ask('cafe\u0301'))).cause, 'share');
  assert.equal(denied(governor.acquire(ask('caf\u00e9'))).cause, 'share');
  granted(governor.acquire(ask('cafe')));
});

test('models of one family share a key, by the rule of names', (t) => {
  const { governor } = bench(t, { limits: [per('model')] });
  granted(governor.acquire(ask('a', { model: 'gpt-4o' })));
  for (const model of ['gpt-4o-2024-08-06', 'openai/gpt-4o', 'ft:gpt-4o:acme::id'])
    assert.equal(denied(governor.acquire(ask('a', { model }))).cause, 'limit', model);
  for (const model of ['gpt-4o-mini', 'llama3.1:8b', 'x/gpt-4o', '__proto__'])
    granted(governor.acquire(ask('a', { model })));
});

test('who waits for a limit of its own does not wait for others', async (t) => {
  const { governor, clock } = bench(t, { limits: [per('actor')] });
  granted(governor.acquire(ask('a')));
  const first = governor.acquireAsync(ask('a'));
  const second = governor.acquireAsync(ask('b'));
  granted(await second);
  clock.advance(60_000);
  granted(await first);
});

test('usage is settled in the key that was charged', (t) => {
  const { governor } = bench(t, { limits: [{ metric: 'tokens', limit: 100, window: '1h', per: 'actor' }] });
  const tokens = (actor: string, promptTokens: number) => ask(actor, { estimate: { promptTokens } });
  const lease = granted(governor.acquire(tokens('a', 100)));
  granted(governor.acquire(tokens('b', 100)));
  governor.release(lease, { usage: { promptTokens: 30 } });
  granted(governor.acquire(tokens('a', 70)));
  denied(governor.acquire(tokens('a', 1)));
  denied(governor.acquire(tokens('b', 1)));
});

test('what was recorded counts in the keys of its request', (t) => {
  const { governor } = bench(t, { limits: [{ metric: 'tokens', limit: 100, window: '1h', per: ['actor', 'action'] }] });
  governor.record(ask('a'), { promptTokens: 100 });
  denied(governor.acquire(ask('a', { estimate: { promptTokens: 1 } })));
  granted(governor.acquire(ask('a', { action: 'embed', estimate: { promptTokens: 100 } })));
  assert.equal(governor.snapshot().keys, 2);
});

test('a denied call leaves no key', (t) => {
  const { governor } = bench(t, { limits: [per('all'), per('actor')] });
  granted(governor.acquire(ask('a')));
  for (let i = 0; i < 100; i++) denied(governor.acquire(ask(`b${i}`)));
  assert.equal(governor.snapshot().keys, 1);
});

test('keys are forgotten when they limit nobody any more', (t) => {
  const { governor, clock } = bench(t, { limits: [per('actor')], caps: { keys: 10 } });
  for (let i = 0; i < 10; i++) granted(governor.acquire(ask(`a${i}`)));
  clock.advance(60_000);
  for (let i = 0; i < 10; i++) granted(governor.acquire(ask(`b${i}`)));
  for (let i = 0; i < 10; i++) assert.equal(denied(governor.acquire(ask(`b${i}`))).cause, 'limit');
  assert.equal(governor.snapshot().keys, 10);
});

test('a key that is forgotten while a call under an idempotency key is read is a new one', (t) => {
  const { governor, clock } = bench(t, {
    limits: [per('actor'), per('tenant')],
    leaseTtlMs: 60_000,
    reaperIntervalMs: 1,
  });
  const of = (actorId: string, tenant: string) => ask(actorId, { tenant, idempotencyKey: 'k' });
  for (const name of ['a', 'b']) granted(governor.acquire(of(name, name)));
  governor.dispose(); // No timer: the call itself lets happen what is due.
  clock.advance(60_000);
  for (const name of ['b', 'a']) granted(governor.acquire(of(name, name)));
  for (const name of ['a', 'b']) {
    assert.equal(denied(governor.acquire(ask(name))).limit, 'requests/1m/actor');
    assert.equal(denied(governor.acquire(ask('c', { tenant: name }))).limit, 'requests/1m/tenant');
  }
});

test('above the cap unknown keys count as one, or are denied', (t) => {
  const limits = [per('actor', 2)];
  const shared = bench(t, { limits, caps: { keys: 2 } }).governor;
  for (const actor of ['a', 'b', 'c', 'd']) granted(shared.acquire(ask(actor)));
  assert.equal(denied(shared.acquire(ask('e'))).cause, 'limit', 'c and d have used what the others share');
  granted(shared.acquire(ask('a')));
  const closed = bench(t, { limits, caps: { keys: 2, overflow: 'deny' } }).governor;
  for (const actor of ['a', 'b']) granted(closed.acquire(ask(actor)));
  const denial = denied(closed.acquire(ask('c')));
  assert.deepEqual([denial.reason, denial.cause], ['policy', 'cap']);
  assert.match(
    denial.recommendation,
    /^As many keys of limits are remembered as this governor may remember \(2\/2\)\./,
  );
});

test('an image keeps keys under their names', (t) => {
  const clock = createTestClock();
  const config: GovernorConfig = { clock, limits: [per('tenant', 2), per(['actor', 'tenant'])] };
  const before = createGovernor(config);
  const of = (actorId: string, tenant: string): AcquireRequest => ask(actorId, { tenant });
  granted(before.acquire(of('a', 'x')));
  granted(before.acquire(of('b', '__proto__')));
  const image = before.save();
  before.close();
  // In another order, so that sets have other numbers.
  const after = createGovernor({ ...config, limits: [...(config.limits as Limit[])].reverse() }, { restore: image });
  t.after(() => after.close());
  assert.equal(after.snapshot().keys, 4);
  assert.equal(denied(after.acquire(of('a', 'x'))).limit, 'requests/1m/actor+tenant');
  assert.equal(denied(after.acquire(of('b', '__proto__'))).limit, 'requests/1m/actor+tenant');
  granted(after.acquire(of('b', 'x')));
  assert.equal(denied(after.acquire(of('c', 'x'))).limit, 'requests/1m/tenant');
  clock.advance(60_000);
  granted(after.acquire(of('a', 'x')));
});

test('a warning tells whose count it is', (t) => {
  const { governor, events, clock } = bench(t, {
    limits: [
      { metric: 'requests', limit: 4, window: '1m', per: ['actor', 'tenant'], warnAt: [0.5, 1] },
      { name: 'spend', metric: 'costUsd', limit: 10, window: '1h', warnAt: [0.8] },
    ],
  });
  const request = ask('caf\u00e9', { tenant: '1:x', estimate: { metrics: { costUsd: 2 } } });
  for (let i = 0; i < 4; i++) granted(governor.acquire(request));
  const warnings = events.filter(({ type }) => type === 'warn');
  const about = { type: 'warn', timestamp: 100_000 };
  const key = { actor: 'caf\u00e9', tenant: '1:x' };
  const name = 'requests/1m/actor+tenant';
  const whose = 'for actor "caf\u00e9", tenant "1:x"';
  assert.deepEqual(warnings, [
    {
      ...about,
      limit: name,
      used: 2,
      max: 4,
      part: 0.5,
      key,
      message: `Limit "${name}" ${whose} is at 50% (2/4 requests).`,
    },
    { ...about, limit: 'spend', used: 8, max: 10, part: 0.8, message: 'Limit "spend" is at 80% (8/10 costUsd).' },
    {
      ...about,
      limit: name,
      used: 4,
      max: 4,
      part: 1,
      key,
      message: `Limit "${name}" ${whose} is at 100% (4/4 requests).`,
    },
  ]);
  assert.equal(
    formatEvent(events.find(({ type }) => type === 'warn')!),
    `[warn] Limit "${name}" ${whose} is at 50% (2/4 requests).`,
  );
  clock.advance(60_000);
  granted(governor.acquire(ask('b')));
});

test('what cannot be a scope is refused', (t) => {
  const bad: [per: unknown, field: string][] = [
    ['user', 'limits[0].per'],
    [[], 'limits[0].per'],
    [['actor', 'all'], 'limits[0].per'],
    [['all', 'all'], 'limits[0].per'],
    [5, 'limits[0].per'],
    [{ 0: 'actor' }, 'limits[0].per'],
  ];
  for (const [value, field] of bad)
    assert.throws(() => createGovernor({ limits: [per(value as never)] }), { code: 'config', field, value });
  const { governor } = bench(t, { limits: [per(['all'])] });
  assert.equal(governor.diagnose(ask('a')).limits[0]?.name, 'requests/1m');
  for (const [field, value] of Object.entries({ model: '', tenant: 5 }))
    assert.throws(() => governor.acquire(ask('a', { [field]: value })), { code: 'input', field: `request.${field}` });
  assert.throws(() => governor.acquire(ask('a', { tenant: 'x'.repeat(513) })), { field: 'request.tenant' });
});

test('more kinds of keys than one call may have are refused', () => {
  const scopes = ['actor', 'model', 'tenant', 'action'] as const;
  const limits: Limit[] = [];
  for (let bits = 1; bits < 16; bits++) limits.push(per(scopes.filter((_, i) => (bits >> i) % 2 === 1)));
  createGovernor({ limits: limits.slice(0, 8) }).close();
  assert.throws(() => createGovernor({ limits }), { code: 'config', allowed: 'at most 8' });
});

/** Models in the configuration of a governor: limits of families, prices, settlement. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createGovernor,
  createTestClock,
  type GovernorConfig,
  type Limit,
  type ModelConfig,
  type TestClock,
} from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

const perMinute = (limit: number, more: Partial<Limit> = {}): Limit => ({
  metric: 'requests',
  limit,
  window: '1m',
  ...more,
});
const of = (model: string, actorId = 'a') => ask(actorId, { model });

test('families have limits of their own, beside the shared ones', (t) => {
  const { governor } = bench(t, {
    limits: [perMinute(4)],
    models: {
      'gpt-4o': { limits: [perMinute(1)] },
      'prod-chat': { family: 'gpt-4o' },
      o3: { limits: { requests: '2/m' } },
    },
  });
  granted(governor.acquire(of('gpt-4o-2024-08-06')));
  assert.equal(denied(governor.acquire(of('prod-chat'))).limit, 'requests/1m/model=gpt-4o');
  granted(governor.acquire(of('o3')));
  granted(governor.acquire(of('o3')));
  assert.equal(denied(governor.acquire(of('o3'))).limit, 'requests/1m/model=o3');
  granted(governor.acquire(of('unknown')));
  assert.equal(denied(governor.acquire(ask('a'))).limit, 'requests/1m');
});

test('limits of a family may count actors apart too', (t) => {
  const { governor } = bench(t, {
    models: { m: { limits: [perMinute(1, { per: ['model', 'actor'] }), perMinute(2)] } },
  });
  granted(governor.acquire(of('m', 'a')));
  assert.equal(denied(governor.acquire(of('m', 'a'))).limit, 'requests/1m/actor+model=m');
  granted(governor.acquire(of('m', 'b')));
  assert.equal(denied(governor.acquire(of('m', 'c'))).limit, 'requests/1m/model=m');
  granted(governor.acquire(of('n', 'a')));
  assert.deepEqual(
    governor.diagnose(of('m', 'c')).limits.map(({ name, key, used }) => [name, key, used]),
    [
      ['requests/1m/actor+model=m', { actor: 'c', model: 'm' }, 0],
      ['requests/1m/model=m', { model: 'm' }, 2],
    ],
  );
});

test('what is unlimited no limit counts, but concurrency does', (t) => {
  const { governor } = bench(t, {
    concurrency: { maxInFlight: 3 },
    rate: { requestsPerMinute: 1 },
    limits: [perMinute(1, { name: 'shared' }), perMinute(1, { per: 'actor' })],
    models: { local: { limits: 'unlimited' } },
  });
  const leases = [1, 2, 3].map(() => granted(governor.acquire(of('local'))));
  assert.equal(denied(governor.acquire(of('local'))).reason, 'concurrency');
  for (const lease of leases) governor.release(lease, { usage: { promptTokens: 9 } });
  governor.record(of('local'), { promptTokens: 9 });
  assert.equal(governor.rateCount, 0);
  granted(governor.acquire(of('other')));
  denied(governor.acquire(of('other')));
  granted(governor.acquire(of('local-preview')));
});

test('one family with different limits is refused, and names of limits are there once', () => {
  const both = (models: GovernorConfig['models']) => () => createGovernor({ models });
  assert.throws(both({ 'gpt-4o': { limits: [perMinute(1)] }, 'gpt-4o-2024-08-06': { limits: [perMinute(2)] } }), {
    code: 'config',
    field: 'models["gpt-4o-2024-08-06"].limits',
    message: /models\["gpt-4o"\] and models\["gpt-4o-2024-08-06"\] are one family/,
  });
  createGovernor({
    models: {
      'gpt-4o': { limits: [perMinute(60, { window: '1m' })] },
      alias: { family: 'gpt-4o', limits: [perMinute(60, { window: 60_000, name: 'requests/1m/model=gpt-4o' })] },
    },
  }).close();
  const named = (name: string): ModelConfig => ({ limits: [perMinute(1, { name })] });
  assert.throws(both({ a: named('same'), b: named('same') }), {
    code: 'config',
    field: 'models["b"].limits[0].name',
    value: 'same',
  });
});

test('what is wrong in limits of a family is named where the user wrote it', () => {
  const wrong: [limits: unknown, field: string][] = [
    [[perMinute(0)], 'models["m"].limits[0].limit'],
    [[perMinute(1), perMinute(1, { window: '1x' as never })], 'models["m"].limits[1].window'],
    [[perMinute(1), perMinute(1, { name: 'b', algorithm: 'leaky' as never })], 'models["m"].limits[1].algorithm'],
    [[perMinute(1, { warnAt: [2] })], 'models["m"].limits[0].warnAt'],
  ];
  for (const [limits, field] of wrong)
    assert.throws(() => createGovernor({ limits: [perMinute(9)], models: { m: { limits: limits as Limit[] } } }), {
      code: 'config',
      field,
    });
});

test('a function names families while the governor runs; what is counted stays', (t) => {
  const asked: string[] = [];
  const { governor, clock } = bench(t, {
    limits: [perMinute(9), perMinute(3, { per: 'actor' })],
    models: (model) => {
      asked.push(model);
      return model.startsWith('gpt') ? { limits: [perMinute(1, { metric: 'pages' })] } : null;
    },
  });
  const pages = (model: string, count: number) => ask('a', { model, estimate: { metrics: { pages: count } } });
  granted(governor.acquire(of('claude')));
  granted(governor.acquire(pages('gpt-4o', 1)));
  // A metric that nobody counted before.
  assert.equal(denied(governor.acquire(pages('gpt-4o', 1))).limit, 'pages/1m/model=gpt-4o');
  assert.equal(denied(governor.acquire(pages('gpt-5', 2))).cause, 'too-large');
  granted(governor.acquire(pages('gpt-5', 1)));
  assert.equal(denied(governor.acquire(of('claude'))).limit, 'requests/1m/actor');
  assert.deepEqual([...new Set(asked)], ['claude', 'gpt-4o', 'gpt-5']);
  clock.advance(60_000);
  granted(governor.acquire(pages('gpt-4o', 1)));
});

test('what a function throws or says wrong is thrown by the call, which has consumed nothing', (t) => {
  let said: unknown = { limits: [perMinute(0)] };
  const models = ((): unknown => {
    if (said instanceof Error) throw said;
    return said;
  }) as never;
  const { governor } = bench(t, { limits: [perMinute(1)], models });
  assert.throws(() => governor.acquire(of('m')), { code: 'config', field: 'models("m").limits[0].limit' });
  said = new RangeError('no connection');
  assert.throws(() => governor.acquire(of('m')), /^RangeError: no connection$/);
  said = { limits: [perMinute(1)] };
  granted(governor.acquire(of('m')));
  denied(governor.acquire(of('m')));
});

test('a function may ask the governor itself', (t) => {
  const made = bench(t, {
    limits: [perMinute(2, { per: 'actor' })],
    models: (model) => {
      granted(made.governor.acquire(ask('inner', { action: 'look up', estimate: { metrics: { costUsd: 5 } } })));
      return model === 'm' ? { limits: [perMinute(1)] } : null;
    },
  });
  const { governor, events } = made;
  granted(governor.acquire(of('m', 'outer')));
  assert.deepEqual(
    events.map(({ actorId, action }) => [actorId, action]),
    [
      ['inner', 'look up'],
      ['outer', 'chat'],
    ],
  );
  assert.equal(denied(governor.acquire(of('m', 'outer'))).limit, 'requests/1m/model=m');
});

test('limits of families are bounded: what comes after is refused, who came before goes on', (t) => {
  const { governor } = bench(t, {
    models: () => ({ limits: Array.from({ length: 64 }, (_, i) => perMinute(1, { window: i + 1 })) }),
  });
  const acquire = (model: string): string => {
    try {
      return String(governor.acquire(of(model)).granted);
    } catch (error) {
      return (error as Error).message;
    }
  };
  const answers = Array.from({ length: 18 }, (_, i) => acquire(`m${i}x`));
  assert.deepEqual(new Set(answers.slice(0, 16)), new Set(['true']));
  for (const answer of answers.slice(16)) assert.equal(answer, 'limits must be at most 1024 limits, got 1088');
  assert.equal(denied(governor.acquire(of('m0x'))).cause, 'limit');
  assert.equal(governor.snapshot().keys, 16);
});

test('a function may take over another configuration', (t) => {
  const made = bench(t, {
    models: () => {
      made.governor.reconfigure({ limits: [perMinute(2)], clock: made.clock });
      return { limits: [perMinute(1)] };
    },
  });
  granted(made.governor.acquire(of('m')));
  granted(made.governor.acquire(of('m')));
  assert.equal(denied(made.governor.acquire(of('m'))).limit, 'requests/1m');
  assert.deepEqual(made.governor.snapshot().limits?.length, 1);
});

test('keys of a configuration that a function takes over are its own', (t) => {
  const limits = (['actor', 'tenant'] as const).map((per) => ({ ...perMinute(2), per, name: per }));
  const made = bench(t, {
    models: () => {
      made.governor.reconfigure({ limits, clock: made.clock });
      return { limits: [perMinute(1)] };
    },
  });
  for (let i = 0; i < 2; i++) granted(made.governor.acquire({ ...of('m'), tenant: 'one' }));
  assert.equal(denied(made.governor.acquire({ ...of('m'), tenant: 'one' })).cause, 'limit');
});

test('limits that come in leave those that were set', (t) => {
  const { governor } = bench(t, {
    rate: { requestsPerMinute: 9 },
    limits: [{ ...perMinute(9), name: 'spend' }],
    models: (name) => ({ limits: [{ ...perMinute(9), name: `own ${name}` }] }),
  });
  governor.setLimit('spend', 1);
  governor.setLimit('requests', 3);
  granted(governor.acquire(of('m')));
  assert.equal(denied(governor.acquire(of('other'))).limit, 'spend');
  governor.setLimit('spend', 9);
  for (const name of ['a', 'b']) granted(governor.acquire(of(name)));
  assert.equal(denied(governor.acquire(of('c'))).limit, 'requests');
});

test('names that limit nothing fill nothing', (t) => {
  const { governor } = bench(t, { models: () => ({ limits: 'unlimited' }) });
  for (let i = 0; i < 20_000; i++) {
    governor.release(granted(governor.acquire(of(`m${i}x`))));
  }
  assert.ok(governor.save().length < 2_000);
});

test('usage of a model that is recorded first is counted by its own metrics', (t) => {
  const { governor } = bench(t, { models: () => ({ limits: [{ metric: 'pages', limit: 1_000, window: '1m' }] }) });
  governor.record(of('m'), { metrics: { pages: 900 } });
  const request = { ...of('m'), estimate: { metrics: { pages: 200 } } };
  assert.equal(denied(governor.acquire(request)).cause, 'limit');
});

test('a function that throws while an image is read leaves no governor', () => {
  const config: GovernorConfig = { clock: createTestClock(), models: () => ({ settle: 'reserved' }) };
  const before = createGovernor(config);
  granted(before.acquire(of('m')));
  const image = before.save();
  before.close();
  const models = (): never => {
    throw new RangeError('no connection');
  };
  assert.throws(() => createGovernor({ ...config, models }, { restore: image }), /no connection/);
  createGovernor({ clock: createTestClock() }, { restore: image }).close();
});

test('an image keeps what families count, also those that a function has named', (t) => {
  const clock = createTestClock();
  const config: GovernorConfig = {
    clock,
    models: (model) => (model.startsWith('gpt') ? { limits: [perMinute(2)], settle: 'reserved' } : null),
    limits: [{ metric: 'tokens', limit: 100, window: '1m' }],
  };
  const before = createGovernor(config);
  const request = { ...of('gpt-4o-2024-08-06'), estimate: { promptTokens: 60 } };
  const lease = granted(before.acquire(request));
  granted(before.acquire(of('gpt-4o')));
  const image = before.save();
  before.close();
  const after = createGovernor(config, { restore: image });
  t.after(() => after.close());
  assert.equal(denied(after.acquire(of('gpt-4o'))).limit, 'requests/1m/model=gpt-4o');
  after.release(lease, { usage: { promptTokens: 1 } });
  assert.equal(after.snapshot().limits?.[0]?.used, 60, 'the lease is still settled as its model says');
});

test('how a family settles its tokens', (t) => {
  const { governor } = bench(t, {
    limits: [
      { metric: 'inputTokens', limit: 1000, window: '1h' },
      { metric: 'outputTokens', limit: 1000, window: '1h' },
    ],
    models: { held: { settle: 'reserved' }, input: { settle: 'input' } },
  });
  const used = (model: string, report: object): unknown => {
    const read = (): number[] => governor.snapshot().limits!.map((limit) => limit.used);
    const before = read();
    const request = ask('a', { model, estimate: { promptTokens: 10, maxOutputTokens: 20 } });
    governor.release(granted(governor.acquire(request)), report);
    return read().map((now, i) => now - before[i]!);
  };
  assert.deepEqual(used('other', { usage: { promptTokens: 3, outputTokens: 4 } }), [3, 4]);
  assert.deepEqual(used('held', { usage: { promptTokens: 3, outputTokens: 400 } }), [10, 20]);
  assert.deepEqual(used('input', { usage: { promptTokens: 3, outputTokens: 4 } }), [3, 0]);
  assert.deepEqual(used('input', {}), [10, 20], 'without a report the estimate stays charged');
});

test('a lease that expired is still settled as its model says', (t) => {
  const { governor, clock } = bench(t, {
    leaseTtlMs: 1_000,
    limits: [{ metric: 'tokens', limit: 1000, window: '1h' }],
    models: { held: { settle: 'reserved' }, free: { settle: 'input' } },
  });
  const request = (model: string) => ask('a', { model, estimate: { promptTokens: 10, maxOutputTokens: 20 } });
  const lease = granted(governor.acquire(request('held')));
  clock.advance(10_000);
  // Its slot belongs to another one by now.
  const other = granted(governor.acquire(request('free')));
  governor.release(lease, { usage: { promptTokens: 1, outputTokens: 1 } });
  assert.equal(governor.snapshot().limits?.[0]?.used, 60);
  governor.release(other, { usage: { promptTokens: 5, outputTokens: 7 } });
  assert.equal(governor.snapshot().limits?.[0]?.used, 35);
});

test('a lease that has expired is settled as its model says after a restart, too', (t) => {
  const config: GovernorConfig = {
    clock: createTestClock(),
    leaseTtlMs: 1_000,
    limits: [{ metric: 'costUsd', limit: 9, window: '1h' }],
    models: { m: { settle: 'reserved', prices: { call: 1, output: 1 } } },
  };
  const before = bench(t, config, config.clock as TestClock);
  const request = ask('a', { model: 'm', estimate: { maxOutputTokens: 1e6 } });
  const lease = granted(before.governor.acquire(request));
  before.clock.advance(10_000);
  const image = before.governor.save();
  const after = createGovernor(config, { restore: image });
  t.after(() => after.close());
  after.release(lease, { usage: { outputTokens: 500_000 } });
  assert.equal(after.snapshot().limits?.[0]?.used, 1.5);
});

test('calls made elsewhere count as their model is settled', (t) => {
  const { governor } = bench(t, {
    limits: { inputTokens: '1000/h', outputTokens: '1000/h' },
    models: { held: { settle: 'reserved' }, input: { settle: 'input' } },
  });
  const counted = (model: string, estimate?: object): unknown => {
    const before = governor.snapshot().limits!.map(({ used }) => used);
    governor.record(ask('a', { model, estimate }), { promptTokens: 3, outputTokens: 4 });
    return governor.snapshot().limits!.map(({ used }, i) => used - before[i]!);
  };
  assert.deepEqual(counted('other'), [3, 4]);
  assert.deepEqual(counted('input'), [3, 0]);
  assert.deepEqual(counted('held', { promptTokens: 10, maxOutputTokens: 20 }), [10, 20]);
  assert.deepEqual(counted('held'), [3, 4], 'what nobody estimated is what was used');
});

test('prices do nothing where no limit counts dollars', (t) => {
  const { governor, events } = bench(t, { limits: { tokens: '9/m' }, models: { m: { prices: { input: 1 } } } });
  const usage = { promptTokens: 1, outputTokens: 1, cachedTokens: 2 };
  governor.release(granted(governor.acquire(ask('a', { model: 'm' }))), { usage });
  governor.record(ask('a', { model: 'm' }), usage);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['acquire', 'release'],
  );
  assert.equal(governor.snapshot().limits?.[0]?.used, 4);
});

test('limits that mean the same are the same, whatever is written out', (t) => {
  const day: Limit = { metric: 'requests', limit: 9, window: 'day', timeZone: 'Europe/Berlin' };
  const same: [Limit[], Limit[]] = [
    [perMinute(9), day],
    [
      {
        ...day,
        name: 'requests/day/model=m',
        algorithm: 'fixed-window',
        timeZone: 'europe/BERLIN',
        warnAt: [],
        per: 'all',
      },
      perMinute(9, { algorithm: 'sliding-window', window: 60_000, name: 'requests/1m/model=m', per: ['model'] }),
    ],
  ];
  const models = { m: { limits: same[0] }, other: { family: 'm', limits: same[1] } };
  const { governor } = bench(t, { models });
  assert.equal(governor.diagnose(of('other')).limits.length, 2);
  const apart = { ...models, other: { family: 'm', limits: [perMinute(9, { algorithm: 'fixed-window' }), day] } };
  assert.throws(() => bench(t, { models: apart }), { code: 'config' });
  const call = governor.wrap(() => 1, { key: 'k', limits: [day] });
  assert.notEqual(
    governor.wrap(() => 1, { key: 'k', limits: [{ ...day, timeZone: 'EUROPE/berlin' }] }),
    call,
  );
});

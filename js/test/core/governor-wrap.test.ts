/** `governor.wrap`: functions under limits of their own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createGovernor,
  createTestClock,
  DeniedError,
  type GovernorConfig,
  type Limit,
  type LimitRates,
} from 'throttleai';
import { estimateTokens } from 'throttleai/estimate';
import { ask, bench, denied, granted, settled } from './support.ts';

test('in one line: calls wait for the limits of their function', async (t) => {
  const { governor, clock } = bench(t);
  const asked: string[] = [];
  const model = async (messages: { role: string; content: string }[]): Promise<string> => {
    asked.push(messages[0]!.content);
    return 'answer';
  };
  const chat = governor.wrap(model, {
    key: 'openai_chat',
    limits: { requests: '2/s', tokens: '100/m' },
    estimate: (messages) => estimateTokens({ messages, max_tokens: 1 }),
  });
  const say = (content: string): Promise<string> => chat([{ role: 'user', content }]);
  assert.equal(await say('Hi'), 'answer');
  await say('Hi again');
  const third = say('Hi once more');
  await settled();
  assert.equal(asked.length, 2);
  clock.advance(1_000);
  assert.equal(await third, 'answer');
  await assert.rejects(say('long '.repeat(100)), (error) => {
    assert.ok(DeniedError.isInstance(error));
    assert.equal(error.decision.limit, 'tokens/1m/action=openai_chat');
    return error.decision.retryAt === null;
  });
});

test('functions with one key share its limits, others have their own', async (t) => {
  const { governor } = bench(t, { limits: { requests: '3/m' } });
  const limits = { requests: '1/m' };
  const a = governor.wrap(() => 'A', { key: 'shared', limits, wait: false });
  const b = governor.wrap(() => 'B', {
    key: 'shared',
    limits: [{ metric: 'requests', limit: 1, window: '1m' }],
    wait: false,
  });
  const c = governor.wrap(() => 'C', { key: 'shared', wait: false });
  const other = governor.wrap(() => 'other', { key: 'other', limits, wait: false });
  assert.equal(await a(), 'A');
  for (const call of [a, b, c])
    await assert.rejects(
      call(),
      (error) => DeniedError.isInstance(error) && error.decision.limit === 'requests/1m/action=shared',
    );
  assert.equal(await other(), 'other');
  granted(governor.acquire(ask('x')));
  assert.equal(denied(governor.acquire(ask('x'))).limit, 'requests/1m');
});

test('a key with different limits is an error', (t) => {
  const { governor } = bench(t);
  governor.wrap(() => 1, { key: 'k', limits: { requests: '1/m' } });
  for (const limits of [{ requests: '2/m' }, { requests: '1/s' }, { tokens: '1/m' }, {}, { requests: ['1/m', '9/h'] }])
    assert.throws(() => governor.wrap(() => 1, { key: 'k', limits: limits as LimitRates }), {
      code: 'config',
      field: 'options.limits',
      allowed: 'the limits that "k" has already',
    });
  assert.throws(() => governor.wrap(() => 1, { key: 'l', limits: { requests: '0/m' } }), {
    field: 'options.limits.requests',
  });
  assert.throws(() => governor.wrap(() => 1, { key: 'l', limits: [{ metric: 'requests', limit: 0, window: 5 }] }), {
    field: 'options.limits[0].limit',
  });
  assert.throws(() => governor.wrap(() => 1, { key: '', limits: { requests: '1/m' } }), { field: 'options.key' });
  assert.throws(() => governor.wrap(5 as never, { key: 'l' }), { field: 'fn' });
  const misspelt = { key: 'l', limit: { requests: '1/m' } };
  assert.throws(() => governor.wrap(() => 1, misspelt), /options\.limit must be left out: .*, limits, got an object$/);
  assert.equal(governor.snapshot().keys, 0);
});

test('limits of a key may count tenants apart, and count whoever calls by that action', async (t) => {
  const { governor } = bench(t);
  const call = governor.wrap((tenant: string) => tenant, {
    key: 'chat',
    tenant: (tenant) => tenant,
    wait: false,
    limits: [{ metric: 'requests', limit: 1, window: '1m', per: 'tenant' }],
  });
  assert.deepEqual([await call('a'), await call('b')], ['a', 'b']);
  await assert.rejects(call('a'), { code: 'denied' });
  assert.equal(denied(governor.acquire(ask('x', { tenant: 'b' }))).limit, 'requests/1m/tenant+action=chat');
  granted(governor.acquire(ask('x', { tenant: 'b', action: 'other' })));
});

test('limits of functions outlast another configuration', async (t) => {
  const { governor } = bench(t, { limits: { requests: '9/m' } });
  const call = governor.wrap(() => 1, { key: 'k', limits: { requests: '1/m' }, wait: false });
  await call();
  governor.reconfigure({ limits: { tokens: '9/m' } });
  await assert.rejects(call(), { code: 'denied' });
  governor.wrap(() => 2, { key: 'k', limits: { requests: '1/m' } });
});

test('a call says its model and what it cost', async (t) => {
  const config: GovernorConfig = {
    limits: [{ metric: 'costUsd', limit: 1, window: '1h' }],
    models: { m: { prices: { call: 0.1, output: 1 } } },
  };
  const { governor } = bench(t, config);
  const call = governor.wrap(async (tokens: number) => ({ tokens }), {
    key: 'k',
    model: 'm',
    estimate: { maxOutputTokens: 500_000 },
    usage: ({ tokens }) => ({ outputTokens: tokens }),
  });
  assert.deepEqual(await call(100_000), { tokens: 100_000 });
  assert.equal(governor.snapshot().limits?.[0]?.used, 0.2);
});

test('an image keeps what the limits of functions count; the next process may give others', async (t) => {
  const limits = (limit: number): Limit[] => [
    { metric: 'requests', limit, window: 'day', timeZone: 'Asia/Tokyo', per: ['tenant', 'action'] },
    { metric: 'requests', limit: 9, window: '1m', warnAt: [0.5] },
  ];
  const options = { key: 'k', tenant: 'x', wait: false, limits: limits(1) } as const;
  const before = bench(t).governor;
  await before.wrap(() => 1, options)();
  const image = before.save();
  before.close();
  const clock = createTestClock();
  const after = createGovernor({ clock }, { restore: image });
  t.after(() => after.close());
  await assert.rejects(after.wrap(() => 1, options)(), { code: 'denied' });
  assert.throws(() => after.wrap(() => 1, { ...options, limits: limits(2) }), { code: 'config' });
  const other = createGovernor({ clock }, { restore: image });
  t.after(() => other.close());
  assert.equal(denied(other.acquire(ask('a', { action: 'k', tenant: 'x' }))).limit, 'requests/day/tenant+action=k');
  other.reconfigure({ limits: { tokens: '9/m' } });
  const call = other.wrap(() => 2, { ...options, limits: limits(2) });
  other.reconfigure();
  assert.throws(() => other.wrap(() => 1, options), { code: 'config' }, 'now it has those of a function');
  assert.equal(await call(), 2);
  await assert.rejects(call(), { code: 'denied' });
});

test('types: arguments, results and options follow from the function', async (t) => {
  const { governor } = bench(t);
  const call: (text: string, times?: number) => Promise<number> = governor.wrap(
    async (text: string, times: number = 1) => text.length * times,
    {
      key: 'k',
      limits: { tokens: '9M/m' },
      estimate: (text, times) => ({ promptTokens: text.length * (times ?? 1) }),
      usage: (length) => ({ promptTokens: length }),
    },
  );
  assert.equal(await call('ab', 2), 4);
  const words: () => AsyncGenerator<string, number> = governor.wrap(
    async function* () {
      yield 'one';
      return 1;
    },
    { key: 'words', usage: (word) => ({ outputTokens: word.length }) },
  );
  assert.deepEqual(await words().next(), { done: false, value: 'one' });
  const model = { name: 'm', ask: (text: string) => text };
  model.ask = governor.wrap(model.ask, { key: 'm' }) as unknown as typeof model.ask;
  if (call.length > 9) {
    // @ts-expect-error arguments are the function's
    void call(5);
    // @ts-expect-error a metric is a text, a rate too
    governor.wrap(() => 1, { key: 'k', limits: { requests: 5 } });
    // @ts-expect-error there is no such scope
    governor.wrap(() => 1, { key: 'k', limits: [{ metric: 'requests', limit: 1, window: '1m', per: 'user' }] });
    // @ts-expect-error the estimate's arguments are the function's
    governor.wrap((text: string) => text, { key: 'k', estimate: (text: number) => ({ promptTokens: text }) });
    // @ts-expect-error there is no such setting
    createGovernor({ models: { m: { settle: 'never' } } });
    // @ts-expect-error there is no such price
    createGovernor({ models: () => ({ prices: { inputs: 1 } }) });
  }
});

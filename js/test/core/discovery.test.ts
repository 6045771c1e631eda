/** Limits that a provider tells of: how they come to be, and follow what it says is left. The ledger: `src/limit/mirror.rs`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, createGovernor, type AnswerReading, type GovernorConfig } from 'throttleai';
import { readAnswer } from 'throttleai/providers';
import { ask, bench, denied, granted, settled } from './support.ts';

const url = 'https://api.openai.com/v1/chat/completions';
const estimate = { promptTokens: 500, maxOutputTokens: 500 };
const chat = ask('a', { model: 'gpt-4o', estimate });

/** As OpenAI answers. */
const answer = (tokens: number, remaining: number, more: Record<string, string> = {}): Response => {
  const left = String(remaining);
  const headers = { 'x-ratelimit-limit-tokens': String(tokens), 'x-ratelimit-remaining-tokens': left };
  const response = new Response('{}', { headers: { ...headers, 'x-ratelimit-reset-tokens': '6s', ...more } });
  Object.defineProperty(response, 'url', { value: url });
  return response;
};

test('a limit of the provider becomes one of the family, and is debited down to what is left', (t) => {
  const { governor, clock, events } = bench(t, { readAnswer });
  const leaseId = granted(governor.acquire(chat));
  clock.advance(100);
  const { limits, family } = governor.observe(answer(10_000, 4_000), { leaseId });
  const name = 'provider:tokens/1m/model=gpt-4o';
  assert.equal(family, 'gpt-4o');
  assert.deepEqual(limits, [{ name, metric: 'tokens', used: 6_000, limit: 10_000 }]);
  assert.deepEqual(events.at(-1), { type: 'limit', timestamp: clock.time, limit: name, max: 10_000 });
  assert.deepEqual(governor.snapshot().limits, limits);
  const most = { ...chat, estimate: { promptTokens: 4_001 } };
  const denial = denied(governor.acquire(most));
  assert.deepEqual([denial.cause, denial.limit], ['limit', name]);
  granted(governor.acquire({ ...most, model: 'gpt-4o-mini' })); // Another family has not been told of any.
  granted(governor.acquire({ ...most, estimate: { promptTokens: 4_000 } }));
});

test('what was sent later is not in an answer, and is subtracted once', (t) => {
  const { governor, clock } = bench(t, { readAnswer });
  const first = granted(governor.acquire(chat));
  clock.advance(10);
  governor.observe(answer(10_000, 9_000), { leaseId: first });
  const second = granted(governor.acquire(chat));
  clock.advance(10);
  granted(governor.acquire(chat));
  clock.advance(10);
  const { limits } = governor.observe(answer(10_000, 8_000), { leaseId: second });
  assert.equal(limits[0]!.used, 3_000);
  // The first one again, late: it says nothing new.
  assert.equal(governor.observe(answer(10_000, 9_900), { leaseId: first }).limits[0]!.used, 3_000);
});

test('other amounts are told; a margin is left alone; rounded numbers are taken for the least that they may be', (t) => {
  const { governor, clock, events } = bench(t, { readAnswer, discovery: { margin: 0.1 } });
  governor.observe(answer(10_000, 10_000), { model: 'gpt-4o' });
  assert.equal(governor.snapshot().limits![0]!.limit, 9_000);
  governor.observe(answer(20_000, 15_000), { model: 'gpt-4o' });
  const name = 'provider:tokens/1m/model=gpt-4o';
  assert.deepEqual(governor.snapshot().limits, [{ name, metric: 'tokens', used: 5_000, limit: 18_000 }]);
  assert.deepEqual(events.at(-1), { type: 'limit', timestamp: clock.time, limit: name, max: 18_000, before: 9_000 });
  const reading = {
    kind: 'ok',
    limits: [{ metric: 'tokens', limit: 50_000, remaining: 20_000, roundedTo: 1000 }],
  } as const;
  assert.equal(governor.observe(reading).limits[0]!.used, 30_000 + 500);
});

test('the limits of a configuration bind beside those of the provider', (t) => {
  const own = { metric: 'tokens', limit: 1_500, window: '1m' } as const;
  const { governor } = bench(t, { readAnswer, models: { 'gpt-4o': { limits: [own] } } });
  governor.observe(answer(10_000, 9_000), { model: 'gpt-4o' });
  granted(governor.acquire(chat));
  assert.equal(denied(governor.acquire(chat)).limit, 'tokens/1m/model=gpt-4o');
});

test('with probe one call goes out until the first answer was observed', async (t) => {
  const { governor } = bench(t, { readAnswer, discovery: 'probe' });
  const first = granted(governor.acquire(chat));
  assert.equal(denied(governor.acquire(chat)).cause, 'cooldown');
  let waiting = 2;
  for (let i = 0; i < 2; i++) void governor.acquireAsync(chat).then(() => waiting--);
  const other = granted(governor.acquire({ ...chat, model: 'claude-sonnet-4-5' }));
  await settled();
  assert.equal(waiting, 2);
  governor.observe(answer(10_000, 9_000), { leaseId: first });
  await settled();
  assert.equal(waiting, 0);
  governor.release(other);
});

test('a charge follows what the answer said', (t) => {
  const models = { mistral: { settle: 'headers', dialect: 'mistral' } } as const;
  const { governor } = bench(t, { readAnswer, models, limits: { tokens: '10k/m' } });
  const request = { ...chat, model: 'mistral' };
  const told = granted(governor.acquire(request));
  governor.observe({ status: 200, headers: { 'x-ratelimit-tokens-query-cost': '123' } }, { leaseId: told });
  governor.release(told, { usage: { promptTokens: 900, outputTokens: 900 } });
  assert.equal(governor.snapshot().limits![0]!.used, 123);
  const silent = granted(governor.acquire(request));
  governor.release(silent);
  assert.equal(governor.snapshot().limits![0]!.used, 1_123);
});

test('what a reader of the user’s estimates is rounded up', (t) => {
  const usage = { inputTokens: 10.5, outputTokens: 1.2 };
  const reader = () => ({ kind: 'ok', usage, counts: { settle: 'headers' } }) as unknown as AnswerReading;
  const { governor } = bench(t, { readAnswer: reader, limits: { tokens: '10k/m' } });
  const leaseId = granted(governor.acquire(chat));
  governor.observe({ status: 200 }, { leaseId });
  governor.release(leaseId);
  assert.equal(governor.snapshot().limits![0]!.used, 13);
});

test('a sum is not more for an estimate with a fraction', (t) => {
  const reader = () =>
    ({ kind: 'ok', usage: { totalTokens: 100 }, counts: { settle: 'headers' } }) as unknown as AnswerReading;
  const { governor } = bench(t, { readAnswer: reader, limits: { tokens: '10k/m' } });
  const leaseId = granted(governor.acquire({ ...chat, estimate: { promptTokens: 10.5 } }));
  governor.observe({ status: 200 }, { leaseId });
  governor.release(leaseId);
  assert.equal(governor.snapshot().limits![0]!.used, 100);
});

test('without a word of the configuration a family is settled as its provider settles', (t) => {
  const { governor } = bench(t, { readAnswer, limits: { tokens: '10k/m' } });
  const leaseId = granted(governor.acquire(chat));
  governor.observe(answer(10_000, 9_000), { leaseId });
  governor.release(leaseId, { usage: { promptTokens: 10, outputTokens: 10 } });
  assert.deepEqual(
    governor.snapshot().limits!.map(({ used }) => used),
    [1_000, 1_000], // OpenAI gives nothing back.
  );
});

test('discovered limits outlast a restart and another configuration', (t) => {
  const config: GovernorConfig = { readAnswer };
  const { governor, clock } = bench(t, config);
  governor.observe(answer(10_000, 4_000), { model: 'gpt-4o' });
  governor.observe(answer(12_000, 4_000), { model: 'gpt-4o' });
  const { limits } = governor.snapshot();
  governor.reconfigure({ ...config, limits: { requests: '10/m' } });
  assert.deepEqual(governor.snapshot().limits!.slice(1), limits);
  const again = createGovernor({ ...config, clock }, { restore: governor.save() });
  t.after(() => again.close());
  assert.deepEqual(
    again.snapshot().limits!.filter(({ name }) => name.startsWith('provider:')),
    limits,
  );
});

test('a governor follows a bounded number of limits', (t) => {
  const { governor } = bench(t, { readAnswer });
  for (let family = 0; family < 100; family++) governor.observe(answer(10_000, 4_000), { model: `m${family}` });
  assert.equal(governor.snapshot().limits!.length, 64);
});

test('what is no discovery is a ConfigError', () => {
  for (const [discovery, field] of [
    ['never', 'discovery'],
    [{ start: 'slow' }, 'discovery'],
    [{ margin: 1 }, 'discovery.margin'],
    [{ magrin: 0 }, 'discovery.magrin'],
  ])
    assert.throws(
      () => createGovernor({ discovery } as GovernorConfig),
      (error) => ConfigError.isInstance(error) && error.field === field,
    );
});

test('what a provider tells anew replaces what setLimit said, also when another limit comes in', (t) => {
  const { governor } = bench(t, { readAnswer });
  const limit = (): number | undefined =>
    governor.snapshot().limits?.find(({ name }) => name === 'provider:tokens/1m/model=gpt-4o')?.limit;
  const told = (tokens: number, model = 'gpt-4o') => governor.observe(answer(tokens, tokens), { model });
  told(500);
  governor.setLimit('provider:tokens/1m/model=gpt-4o', 900);
  told(500, 'gpt-4o-mini');
  assert.equal(limit(), 900, 'nothing new was told of it');
  told(500);
  assert.equal(limit(), 900);
  told(300);
  assert.equal(limit(), 300);
  told(100, 'gpt-4.1');
  assert.equal(limit(), 300);
});

/** An answer that says so much is left, and perhaps of how much. */
const left = (remaining: number | undefined, limit?: number): AnswerReading => ({
  kind: 'ok',
  limits: [{ metric: 'tokens', ...(remaining !== undefined && { remaining }), ...(limit !== undefined && { limit }) }],
});

test('of a limit whose size nobody tells, what is left binds for one window, and refuses no call for ever', (t) => {
  const { governor, clock } = bench(t, { readAnswer });
  // 9,500 tokens a minute, in calls of a thousand.
  for (let minute = 0; minute < 3; minute++) {
    let sent = 0;
    for (let decision = governor.acquire(chat); decision.granted; decision = governor.acquire(chat)) {
      clock.advance(10);
      governor.observe(left(9_500 - 1_000 * ++sent), { leaseId: decision.leaseId });
      governor.release(decision.leaseId, { usage: { promptTokens: 1_000, outputTokens: 0 } });
    }
    assert.equal(sent, 9);
    const denial = denied(governor.acquire(chat));
    assert.deepEqual([denial.cause, denial.limit], ['limit', 'provider:tokens/1m/left/model=gpt-4o']);
    assert.ok(denial.retryAt! <= clock.time + 60_000);
    clock.advance(61_000);
  }
  const leaseId = granted(governor.acquire(chat));
  const [limit] = governor.observe(left(0), { leaseId }).limits;
  assert.equal(limit!.limit - limit!.used, 0, '0 is kept');
  denied(governor.acquire(ask('a', { model: 'gpt-4o', estimate: { promptTokens: 1 } })));
  clock.advance(60_001);
  granted(governor.acquire(chat));
});

test('what is left of a limit whose size was told before leaves that as it is', (t) => {
  const { governor } = bench(t, { readAnswer });
  const name = 'provider:tokens/1m/model=gpt-4o';
  governor.observe(left(12_000, 20_000), { model: 'gpt-4o' });
  const { limits } = governor.observe(left(5_000), { model: 'gpt-4o' });
  assert.deepEqual(limits, [{ name, metric: 'tokens', used: 15_000, limit: 20_000 }]);
  assert.deepEqual(governor.snapshot().limits, limits);
});

test('a limit of which only the size is told binds, and follows nothing yet', (t) => {
  const { governor } = bench(t, { readAnswer });
  assert.deepEqual(governor.observe(left(undefined, 1_500), { model: 'gpt-4o' }).limits, []);
  granted(governor.acquire(chat));
  assert.equal(denied(governor.acquire(chat)).limit, 'provider:tokens/1m/model=gpt-4o');
});

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import OpenAI from 'openai';
import { createGovernor, createTestClock, InputError, type AcquireDecision, type AcquireRequest } from 'throttleai';
import { estimateTokensFromChars, estimateTokensFromMessages, wrapChatCompletions } from 'throttleai/adapters/openai';
import { createMockProvider, type MockProvider, type MockProviderOptions } from 'throttleai/testing';
import { collectUntil, gate, notedGovernor } from './support.ts';

const ask = { model: 'mock-small', max_tokens: 8, messages: [{ role: 'user' as const, content: 'Say hello.' }] };
const streamed = { ...ask, stream: true as const, stream_options: { include_usage: true } };
const estimate = { promptTokens: 100, maxOutputTokens: 400 };

async function provide(
  t: TestContext,
  options: MockProviderOptions = {},
): Promise<{ openai: OpenAI; provider: MockProvider }> {
  const provider = await createMockProvider(options);
  t.after(() => provider.close());
  return { provider, openai: new OpenAI({ apiKey: 'mock', baseURL: provider.baseURL, maxRetries: 0 }) };
}

test('the object, a bound method and an arrow all work', async (t) => {
  const { openai, provider } = await provide(t);
  const { governor, asked } = notedGovernor(t);
  const { completions } = openai.chat;
  const chats = [
    wrapChatCompletions(completions, { governor }),
    wrapChatCompletions(completions.create.bind(completions), { governor }),
    wrapChatCompletions((params: OpenAI.ChatCompletionCreateParamsNonStreaming) => completions.create(params), {
      governor,
    }),
  ];
  for (const chat of chats) {
    const answer = await chat(ask);
    assert.ok(answer.ok);
    assert.equal(typeof answer.result.choices[0]?.message.content, 'string');
    assert.ok(answer.latencyMs >= 0);
  }
  assert.equal(provider.stats().done, 3);
  assert.deepEqual(asked[0], { actorId: 'default', action: 'chat.completions' });
});

test('the model of the parameters has its limits and prices', async (t) => {
  const { openai } = await provide(t);
  const governor = createGovernor({
    clock: createTestClock(),
    limits: [{ metric: 'costUsd', limit: 1, window: '1h' }],
    models: {
      'mock-small': {
        limits: [{ metric: 'requests', limit: 1, window: '1m' }],
        prices: { input: 1, output: 1, call: 0.25 },
      },
    },
  });
  t.after(() => governor.close());
  const chat = wrapChatCompletions(openai.chat.completions, { governor });
  const answer = await chat(ask, estimate);
  const { prompt_tokens: input, completion_tokens: output } = (answer.ok && answer.result.usage) || assert.fail();
  assert.equal(governor.snapshot().limits?.[0]?.used, (250_000 + input + output) / 1e6);
  const denied = await chat(ask);
  assert.ok(!denied.ok && denied.decision.limit === 'requests/1m/model=mock-small');
});

test('an unbound method ends the lease with an error that names the remedy', async (t) => {
  const { openai, provider } = await provide(t);
  const { governor, released } = notedGovernor(t);
  // oxlint-disable-next-line typescript/unbound-method -- this is what the documents of old showed
  const chat = wrapChatCompletions(openai.chat.completions.create, { governor });
  await assert.rejects(chat(ask), {
    name: 'InputError',
    message: /wrapChatCompletions\(openai\.chat\.completions, options\)/,
  });
  assert.equal(released.length, 1);
  assert.equal(released[0]?.report?.outcome, 'error');
  assert.equal(provider.stats().received, 0);
});

test('actor, priority, action, estimate and key reach the governor', async () => {
  const asked: AcquireRequest[] = [];
  const governor = {
    acquire(request: AcquireRequest): AcquireDecision {
      asked.push(request);
      return { granted: false, reason: 'rate', retryAfterMs: 25, recommendation: 'later' };
    },
    release() {},
  };
  const create = async (_params: object, _options?: { idempotencyKey?: string }): Promise<object> => ({});
  await wrapChatCompletions(create, { governor })({});
  const options = { governor, actorId: 'a', priority: 'background', action: 'summarise' } as const;
  const answer = await wrapChatCompletions(create, options)({}, { weight: 2 }, { idempotencyKey: 'k' });
  assert.deepEqual(answer, {
    ok: false,
    decision: { granted: false, reason: 'rate', retryAfterMs: 25, recommendation: 'later' },
  });
  assert.deepEqual(asked, [
    { actorId: 'default', priority: 'interactive', action: 'chat.completions' },
    { actorId: 'a', priority: 'background', action: 'summarise', estimate: { weight: 2 }, idempotencyKey: 'k' },
  ]);
});

test('the model of the parameters is that of the request: limits per model count it', async (t) => {
  const limits = [{ metric: 'requests', limit: 1, window: '1m', per: 'model' }] as const;
  const { governor } = notedGovernor(t, { limits });
  const chat = wrapChatCompletions(async (_params: { model?: unknown }) => ({}), { governor });
  const models = ['small', 'large', 'small', undefined, '', 5];
  const answers = [];
  for (const model of models) answers.push((await chat({ model })).ok);
  // What is no name is none: these are calls of no model, which count together.
  assert.deepEqual(answers, [true, true, false, true, false, false]);
});

test('the usage of an answer settles the reservation', async (t) => {
  const { openai, provider } = await provide(t);
  const { governor } = notedGovernor(t, { rate: { tokensPerMinute: 1000 } });
  const answer = await wrapChatCompletions(openai.chat.completions, { governor })(ask, estimate);
  assert.ok(answer.ok);
  assert.equal(governor.tokenRateCount, answer.result.usage?.total_tokens);
  assert.equal(governor.tokenRateCount, provider.stats().tokens);
});

test('a stream keeps its lease to the end, and its last chunk settles the reservation', async (t) => {
  const { openai, provider } = await provide(t);
  const { governor, released } = notedGovernor(t, { rate: { tokensPerMinute: 1000 } });
  const answer = await wrapChatCompletions(openai.chat.completions, { governor })(streamed, estimate);
  assert.ok(answer.ok);
  assert.equal(governor.tokenRateCount, 500);
  for await (const chunk of answer.result) {
    assert.equal(governor.activeLeases, 1);
    assert.ok(chunk.choices.length === 1 || chunk.usage);
  }
  assert.equal(governor.activeLeases, 0);
  assert.equal(released[0]?.report?.outcome, 'success');
  assert.equal(governor.tokenRateCount, provider.stats().tokens);
});

test('a stream without reported usage keeps its reservation charged', async (t) => {
  const { openai } = await provide(t);
  const { governor } = notedGovernor(t, { rate: { tokensPerMinute: 1000 } });
  const answer = await wrapChatCompletions(openai.chat.completions, { governor })({ ...ask, stream: true }, estimate);
  assert.ok(answer.ok);
  for await (const _chunk of answer.result);
  assert.equal(governor.tokenRateCount, 500);
});

test('leaving a stream early is "cancelled", and the provider hears of it', async (t) => {
  const { openai, provider } = await provide(t, { latency: { tokensPerSecond: 50 } });
  const { governor, released } = notedGovernor(t);
  const answer = await wrapChatCompletions(openai.chat.completions, { governor })({ ...streamed, max_tokens: 1000 });
  assert.ok(answer.ok);
  for await (const _chunk of answer.result) break;
  assert.equal(released[0]?.report?.outcome, 'cancelled');
  while (provider.stats().inFlight > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(provider.stats().abandoned, 1);
});

test('tee() and toReadableStream() end the lease as iteration does', async (t) => {
  const { openai } = await provide(t);
  const { governor, released } = notedGovernor(t);
  const chat = wrapChatCompletions(openai.chat.completions, { governor });
  const first = await chat(streamed);
  assert.ok(first.ok);
  for (const branch of first.result.tee()) for await (const _chunk of branch);
  const second = await chat(streamed);
  assert.ok(second.ok);
  assert.equal(governor.activeLeases, 1);
  assert.ok((await new Response(second.result.toReadableStream()).text()).length > 0);
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['success', 'success'],
  );
});

test('an abort of a stream is "cancelled", read or not', async (t) => {
  const { openai } = await provide(t, { latency: { tokensPerSecond: 50 } });
  const { governor, released } = notedGovernor(t);
  const chat = wrapChatCompletions(openai.chat.completions, { governor });
  const unread = await chat(streamed);
  assert.ok(unread.ok);
  unread.result.controller.abort();
  assert.equal(released[0]?.report?.outcome, 'cancelled');
  const abort = new AbortController();
  const read = await chat({ ...streamed, max_tokens: 1000 }, undefined, { signal: abort.signal });
  assert.ok(read.ok);
  for await (const _chunk of read.result) abort.abort();
  assert.equal(released[1]?.report?.outcome, 'cancelled');
});

test('an abort before the answer is "cancelled", a time-out "timeout"', async (t) => {
  const { openai, provider } = await provide(t, { faults: { hang: 1 } });
  const { governor, released } = notedGovernor(t);
  const chat = wrapChatCompletions(openai.chat.completions, { governor });
  const abort = new AbortController();
  const aborted = chat(ask, undefined, { signal: abort.signal });
  while (provider.stats().inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  await assert.rejects(aborted, OpenAI.APIUserAbortError);
  // The SDK's own timer: real time, the shortest that surely lets the request leave.
  await assert.rejects(chat(ask, undefined, { timeout: 50 }), OpenAI.APIConnectionTimeoutError);
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['cancelled', 'timeout'],
  );
});

test('errors of the provider are errors, before and in the middle of a stream', async (t) => {
  const failing = await provide(t, { faults: { serverError: 1 } });
  const cutting = await provide(t, { faults: { dropMidBody: 1 } });
  const { governor, released } = notedGovernor(t);
  await assert.rejects(
    wrapChatCompletions(failing.openai.chat.completions, { governor })(ask),
    OpenAI.InternalServerError,
  );
  const answer = await wrapChatCompletions(cutting.openai.chat.completions, { governor })(streamed);
  assert.ok(answer.ok);
  await assert.rejects(async () => {
    for await (const _chunk of answer.result);
  });
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['error', 'error'],
  );
});

test('with wait a call waits for a lease; a denial without it makes no call', async (t) => {
  const { openai, provider } = await provide(t, { limits: { maxInFlight: 1 } });
  const { governor } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  const waiting = wrapChatCompletions(openai.chat.completions, { governor, wait: {} });
  const answers = await Promise.all([1, 2, 3, 4].map(() => waiting(ask)));
  assert.ok(answers.every((answer) => answer.ok));
  const held = governor.acquire({ actorId: 'a', action: 'b' });
  assert.ok(held.granted);
  const denied = await wrapChatCompletions(openai.chat.completions, { governor })(ask);
  assert.ok(!denied.ok);
  assert.equal(denied.decision.reason, 'concurrency');
  assert.deepEqual([provider.stats().done, provider.stats().refused], [4, 0]);
});

test('an unread stream gives up its lease after idleMs, a dropped one when it is collected', async (t) => {
  const { openai } = await provide(t);
  const clock = createTestClock();
  const idle = notedGovernor(t, { clock });
  const answer = await wrapChatCompletions(openai.chat.completions, { governor: idle.governor, idleMs: 700 })(streamed);
  assert.ok(answer.ok);
  clock.advance(699);
  assert.equal(idle.released.length, 0);
  clock.advance(1);
  assert.equal(idle.released[0]?.report?.outcome, 'timeout');
  const dropped = notedGovernor(t);
  const drop = async (): Promise<boolean> =>
    (await wrapChatCompletions(openai.chat.completions, { governor: dropped.governor })(streamed)).ok;
  assert.ok(await drop());
  await collectUntil(() => dropped.released.length > 0);
  assert.equal(dropped.released[0]?.report?.outcome, 'cancelled');
});

/** A stream whose iterators do not refer to it. */
function looseStream(chunks: number): AsyncIterable<object> {
  let left = chunks;
  const next = async (): Promise<IteratorResult<object>> =>
    left-- > 0 ? { done: false, value: {} } : { done: true, value: undefined };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

test('a stream that is being read keeps its lease although the stream object itself was collected', async (t) => {
  const { governor, released } = notedGovernor(t);
  const start = async (): Promise<{ iterator: AsyncIterator<unknown>; stream: WeakRef<object> }> => {
    const answer = await wrapChatCompletions(async (_params: object) => looseStream(3), { governor })({ stream: true });
    assert.ok(answer.ok);
    return { iterator: answer.result[Symbol.asyncIterator](), stream: new WeakRef(answer.result) };
  };
  const { iterator, stream } = await start();
  assert.equal((await iterator.next()).done, false);
  await collectUntil(() => stream.deref() === undefined);
  assert.equal(released.length, 0);
  while (!(await iterator.next()).done);
  assert.equal(released[0]?.report?.outcome, 'success');
});

test('an async generator is followed as well, by for await and by next()', async (t) => {
  const { governor, released } = notedGovernor(t, { rate: { tokensPerMinute: 1000 } });
  const create = async function* (_params: object): AsyncGenerator<{ usage?: object }> {
    yield {};
    yield { usage: { prompt_tokens: 3, completion_tokens: 4 } };
  };
  const chat = wrapChatCompletions(create, { governor });
  const first = await chat({ stream: true });
  assert.ok(first.ok);
  for await (const _chunk of first.result) assert.equal(governor.activeLeases, 1);
  const second = await chat({ stream: true });
  assert.ok(second.ok);
  assert.equal((await second.result.next()).done, false);
  assert.deepEqual(await second.result.return(undefined), { done: true, value: undefined });
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['success', 'cancelled'],
  );
  assert.equal(governor.tokenRateCount, 7);
});

test('two calls under one key hold the slot until the last has finished', async (t) => {
  const { governor, asked } = notedGovernor(t, { concurrency: { maxInFlight: 5 } });
  const gates = [gate(), gate()];
  let calls = 0;
  const create = async (_params: object, _options?: object): Promise<object> =>
    gates[calls++]!.promise.then(() => ({}));
  const chat = wrapChatCompletions(create, { governor });
  const both = [chat({}, null, { idempotencyKey: 'k' }), chat({}, null, { idempotencyKey: 'k' })];
  gates[0]!.open();
  await both[0];
  assert.equal(governor.activeLeases, 1);
  gates[1]!.open();
  await both[1];
  assert.equal(governor.activeLeases, 0);
  assert.equal(asked.length, 1);
});

test('estimates', () => {
  assert.equal(estimateTokensFromChars(0), 0);
  assert.equal(estimateTokensFromChars(9), 3);
  assert.equal(estimateTokensFromMessages([]), 0);
  // 4 + 5 characters, 2 messages: 6 + 8 characters more in the second; ceil(23 / 4) + 8
  const messages = [
    { role: 'user', content: 'Hello' },
    {
      role: 'system',
      content: [
        { type: 'text', text: 'Be brief' },
        { type: 'image_url', image_url: { url: 'data:' } },
      ],
    },
  ];
  assert.equal(estimateTokensFromMessages(messages), 14);
  assert.equal(estimateTokensFromMessages([{ role: 'assistant', content: null }]), 7);
  assert.equal(estimateTokensFromMessages([{ content: [null, { text: 'Hi' }] as never }]), 5);
  for (const chars of [NaN, -1, Infinity, '5', null, 1n])
    assert.throws(() => estimateTokensFromChars(chars as number), InputError, String(chars));
  for (const wrong of [null, {}, 'Hello', [null], ['Hello']])
    assert.throws(() => estimateTokensFromMessages(wrong as never), InputError);
});

test('tokens from the cache have their own price', async (t) => {
  const { governor } = notedGovernor(t, {
    limits: [{ metric: 'costUsd', limit: 100, window: '1h' }],
    models: { m: { prices: { input: 10, cachedInput: 1, output: 0 } } },
  });
  const usage = { prompt_tokens: 1e6, completion_tokens: 0, prompt_tokens_details: { cached_tokens: 400_000 } };
  const chat = wrapChatCompletions(async (_params: { model: string }) => ({ usage }), { governor });
  await chat({ model: 'm' });
  assert.equal(governor.snapshot().limits?.[0]?.used, 6.4);
});

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import OpenAI from 'openai';
import { createMockProvider, createTestClock, type MockProvider, type MockProviderOptions } from 'throttleai/testing';

const ask = {
  model: 'mock-small',
  max_tokens: 20,
  user: 'ana',
  messages: [{ role: 'user' as const, content: 'Say hello.' }],
};
const streamed = { ...ask, stream: true as const, stream_options: { include_usage: true } };

async function provide(
  t: TestContext,
  options: MockProviderOptions = {},
): Promise<{ provider: MockProvider; openai: OpenAI }> {
  const provider = await createMockProvider(options);
  t.after(() => provider.close());
  return { provider, openai: new OpenAI({ apiKey: 'mock', baseURL: provider.baseURL, maxRetries: 0 }) };
}

/** Text and usage of a stream. */
async function read(
  stream: AsyncIterable<OpenAI.ChatCompletionChunk>,
): Promise<{ text: string; usage?: OpenAI.CompletionUsage }> {
  let text = '';
  let usage: OpenAI.CompletionUsage | undefined;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    usage = chunk.usage ?? usage;
  }
  return { text, ...(usage && { usage }) };
}

test('chat completions, embeddings and models, as the SDK reads them', async (t) => {
  const { openai, provider } = await provide(t);
  const answer = await openai.chat.completions.create(ask);
  assert.equal(answer.object, 'chat.completion');
  assert.ok(answer.usage && answer.usage.completion_tokens <= 20 && answer.usage.completion_tokens >= 5);
  assert.equal(answer.choices[0]?.message.content?.split(' ').length, answer.usage.completion_tokens);
  const { text, usage } = await read(await openai.chat.completions.create(streamed));
  assert.equal(text.split(' ').length, usage?.completion_tokens);
  for (const encoding_format of ['float', 'base64'] as const) {
    const { data } = await openai.embeddings.create({ model: 'e', input: ['a', 'b'], dimensions: 16, encoding_format });
    assert.equal(data.length, 2);
    if (encoding_format === 'float') assert.equal(data[0]?.embedding.length, 16);
  }
  const decoded = await openai.embeddings.create({ model: 'e', input: 'a', dimensions: 16 });
  assert.ok(Math.abs((decoded.data[0]?.embedding ?? []).reduce((sum, value) => sum + value * value, 0) - 1) < 1e-6);
  assert.deepEqual(
    (await openai.models.list()).data.map(({ id }) => id),
    ['mock-small', 'mock-large'],
  );
  const stats = provider.stats();
  assert.deepEqual([stats.received, stats.done, stats.inFlight, stats.users['ana']?.done], [5, 5, 0, 2]);
});

test('the same seed gives the same answers', async (t) => {
  const answers: unknown[] = [];
  for (const seed of [5, 5, 6]) {
    const { openai } = await provide(t, { seed });
    answers.push((await openai.chat.completions.create(ask)).choices[0]?.message.content);
  }
  assert.equal(answers[0], answers[1]);
  assert.notEqual(answers[0], answers[2]);
});

test('limits refuse with status 429, headers and OpenAI’s error, and free with time', async (t) => {
  const clock = createTestClock();
  const { openai, provider } = await provide(t, {
    limits: { requestsPerMinute: 2, tokensPerMinute: 1000, countRefused: false },
    clock,
  });
  const { response } = await openai.chat.completions.create(ask).withResponse();
  assert.equal(response.headers.get('x-ratelimit-limit-requests'), '2');
  assert.equal(response.headers.get('x-ratelimit-remaining-requests'), '1');
  assert.equal(response.headers.get('x-ratelimit-reset-requests'), '30s');
  assert.equal(response.headers.get('x-ratelimit-remaining-tokens'), '980');
  await openai.chat.completions.create(ask);
  await assert.rejects(openai.chat.completions.create(ask), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.equal(error.code, 'rate_limit_exceeded');
    assert.equal(error.headers.get('retry-after-ms'), '30000');
    assert.equal(error.headers.get('retry-after'), '30');
    return true;
  });
  clock.advance(30_000);
  await openai.chat.completions.create(ask);
  assert.deepEqual(provider.stats().refusedBy, { requests: 1, tokens: 0, concurrency: 0 });
});

test('time passes on the given clock only', async (t) => {
  const clock = createTestClock();
  const { openai, provider } = await provide(t, {
    latency: { medianMs: 1000, sigma: 0, tokensPerSecond: 10 },
    limits: { maxInFlight: 1 },
    clock,
  });
  let done = false;
  const call = openai.chat.completions.create({ ...ask, max_tokens: 1 }).then(() => (done = true));
  while (provider.stats().inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(openai.chat.completions.create(ask), OpenAI.RateLimitError);
  assert.equal(done, false);
  clock.advance(1000);
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(100);
  await call;
  assert.equal(provider.stats().peakInFlight, 1);
});

test('faults', async (t) => {
  const cases: [MockProviderOptions['faults'], RegExp][] = [
    [{ drop: 1 }, /Connection error/],
    [{ dropMidBody: 1 }, /terminated/],
    [{ serverError: 1 }, /^500/],
    [{ unavailable: 1 }, /^503/],
  ];
  for (const [faults, message] of cases) {
    const { openai, provider } = await provide(t, { faults: faults! });
    await assert.rejects(openai.chat.completions.create(ask), { message });
    await assert.rejects(async () => read(await openai.chat.completions.create(streamed)), { message });
    while (provider.stats().inFlight > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([provider.stats().failed, provider.stats().done], [2, 0]);
  }
});

test('a client that leaves frees its place, also of a call that hangs', async (t) => {
  const { openai, provider } = await provide(t, { faults: { hang: 1 } });
  const abort = new AbortController();
  const call = openai.chat.completions.create(ask, { signal: abort.signal });
  while (provider.stats().inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  await assert.rejects(call);
  while (provider.stats().inFlight > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(provider.stats().abandoned, 1);
});

test('what it does not understand it says', async (t) => {
  const { openai, provider } = await provide(t);
  await assert.rejects(openai.chat.completions.create({ model: '', messages: ask.messages }), OpenAI.BadRequestError);
  await assert.rejects(openai.chat.completions.create({ model: 'm', messages: [] }), OpenAI.BadRequestError);
  await assert.rejects(openai.embeddings.create({ model: 'm', input: [] }), OpenAI.BadRequestError);
  for (const max_tokens of [Number.MAX_SAFE_INTEGER, 1e300])
    await assert.rejects(openai.chat.completions.create({ ...ask, max_tokens }), /max_tokens is too large/);
  await assert.rejects(openai.embeddings.create({ model: 'm', input: 'x', dimensions: 1e9 }), OpenAI.BadRequestError);
  await assert.rejects(openai.files.list(), OpenAI.NotFoundError);
  const response = await fetch(`${provider.baseURL}/chat/completions`, { method: 'POST', body: '{' });
  assert.equal(response.status, 400);
  assert.equal(provider.stats().received, 0);
});

test('close() cuts what is in flight and frees the port', async (t) => {
  const { openai, provider } = await provide(t, { faults: { hang: 1 } });
  const call = assert.rejects(openai.chat.completions.create(ask), OpenAI.APIConnectionError);
  while (provider.stats().inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([provider.close(), provider.close(), call]);
  await assert.rejects(fetch(`${provider.baseURL}/models`));
});

test('user names are only names', async (t) => {
  const { openai, provider } = await provide(t);
  for (const user of ['__proto__', 'constructor', 'toString']) await openai.chat.completions.create({ ...ask, user });
  const { users } = provider.stats();
  assert.deepEqual(Object.keys(users).sort(), ['__proto__', 'constructor', 'toString']);
  assert.equal(Object.getPrototypeOf(users), Object.prototype);
});

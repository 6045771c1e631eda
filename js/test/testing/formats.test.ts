/** The mock provider speaks like Anthropic and Gemini: what programs read of it, by the package's own reader of providers. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { readAnswer, readUsage, type DialectName } from 'throttleai/providers';
import { createMockProvider, createTestClock, type MockProvider, type MockProviderOptions } from 'throttleai/testing';

interface Speaker {
  readonly dialect: DialectName;
  readonly whole: string;
  readonly streamed: string;
  readonly request: object;
  readonly events: RegExp;
}

const speakers: readonly Speaker[] = [
  {
    dialect: 'anthropic',
    whole: '/v1/messages',
    streamed: '/v1/messages',
    request: { model: 'claude', system: 'Be short.', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 20 },
    events: /^event: message_start\n[^]*\nevent: message_stop\n/,
  },
  {
    dialect: 'gemini',
    whole: '/v1beta/models/gemini:generateContent',
    streamed: '/v1beta/models/gemini:streamGenerateContent?alt=sse',
    request: { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }], generationConfig: { maxOutputTokens: 20 } },
    events: /^data: \{[^]*"finishReason":"(?:STOP|MAX_TOKENS)"/,
  },
];

async function provide(t: TestContext, options: MockProviderOptions = {}): Promise<MockProvider> {
  const provider = await createMockProvider(options);
  t.after(() => provider.close());
  return provider;
}

const post = (origin: string, path: string, body: object): Promise<Response> =>
  fetch(origin + path, { method: 'POST', body: JSON.stringify(body) });

for (const { dialect, whole, streamed, request, events } of speakers) {
  test(`${dialect}: whole and streamed say the same usage`, async (t) => {
    const provider = await provide(t);
    const { origin } = provider;
    const usage = readUsage(await (await post(origin, whole, request)).json(), { dialect });
    assert.ok(usage?.inputTokens && usage.outputTokens && usage.outputTokens <= 20);
    const response = await post(origin, streamed, { ...request, stream: dialect === 'anthropic' });
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
    const text = await response.text();
    assert.match(text, events);
    const told = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => readUsage(data, { dialect }));
    const { inputTokens, outputTokens } = Object.assign({}, ...told) as typeof usage;
    assert.deepEqual([inputTokens, (outputTokens ?? 0) > 0], [usage.inputTokens, true]);
    const { done, inFlight } = provider.stats();
    assert.deepEqual([done, inFlight], [2, 0]);
  });

  test(`${dialect}: a refusal says when to come back, what is wrong is an error`, async (t) => {
    const clock = createTestClock(1_790_000_000_000);
    const { origin } = await provide(t, { clock, limits: { requestsPerMinute: 2, burst: 0.5 } });
    await post(origin, whole, request);
    const refused = await post(origin, whole, request);
    const body = await refused.json();
    const { kind, retryAt, limits } = readAnswer(refused, { dialect, body, now: clock.time });
    assert.deepEqual([refused.status, kind], [429, 'transient']);
    assert.ok(retryAt! >= clock.time + 30_000 && retryAt! <= clock.time + 61_000, String(retryAt! - clock.time));
    assert.equal(limits.length, dialect === 'anthropic' ? 1 : 0);
    const wrong = await post(origin, whole, {});
    const error = ((await wrong.json()) as { error: { message: string } }).error;
    assert.deepEqual([wrong.status, typeof error.message], [400, 'string']);
  });
}

test('Anthropic rounds the tokens that remain', async (t) => {
  const { origin } = await provide(t, { limits: { tokensPerMinute: 100_000 } });
  const { headers } = await post(origin, speakers[0]!.whole, speakers[0]!.request);
  assert.equal(Number(headers.get('anthropic-ratelimit-tokens-remaining')) % 1000, 0);
  assert.equal(headers.get('anthropic-ratelimit-tokens-limit'), '100000');
});

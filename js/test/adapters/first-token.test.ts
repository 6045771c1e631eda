/** When the first part of a stream has come, as the adapters report it: the first that says something, by the governor's clock. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createTestClock, type ReleaseReport, type TestClock } from 'throttleai';
import { governedMiddleware } from 'throttleai/adapters/ai-sdk';
import { governedFetch, wrapFetch } from 'throttleai/adapters/fetch';
import { wrapChatCompletions } from 'throttleai/adapters/openai';
import { notedGovernor, type Noted } from './support.ts';

type Times = [firstTokenMs: number | null | undefined, latencyMs: number | null | undefined];

function timed(t: TestContext): Noted & { clock: TestClock; times: () => Times[] } {
  const clock = createTestClock();
  const noted = notedGovernor(t, { clock });
  const timesOf = ({ firstTokenMs, latencyMs }: ReleaseReport): Times => [firstTokenMs, latencyMs];
  return { ...noted, clock, times: () => noted.released.splice(0).map(({ report }) => timesOf(report!)) };
}

/** A stream whose chunks take 10 ms each, and so does its end. */
function late<T>(clock: TestClock, chunks: readonly T[]): ReadableStream<T> {
  const left = [...chunks];
  return new ReadableStream<T>(
    {
      pull(controller) {
        clock.advance(10);
        if (left.length > 0) controller.enqueue(left.shift()!);
        else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

async function readAll(stream: object): Promise<void> {
  for await (const _ of stream as ReadableStream);
}

const STREAM = 'text/event-stream; charset=utf-8';
const chat = (delta: object): string => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`;
const message = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const block = (delta: object): string => message('content_block_delta', { index: 0, delta });

/** Pieces of bodies, and which of them is the first that says something; 0: none. */
const BODIES: Record<string, [type: string, first: number, ...pieces: string[]]> = {
  'OpenAI, after keeping alive': [
    ...([STREAM, 3, ': OPENROUTER PROCESSING\n\n', chat({ role: 'assistant', content: '', refusal: null })] as const),
    ...[chat({ content: 'Hi' }), chat({}), 'data: [DONE]\n\n'],
  ],
  'OpenAI, thoughts': [STREAM, 2, chat({ role: 'assistant', content: null }), chat({ reasoning_content: 'Hm' })],
  'OpenAI, a tool': [
    ...([STREAM, 2, chat({ tool_calls: [{ function: { name: 'f', arguments: '' } }] })] as const),
    chat({ tool_calls: [{ function: { arguments: '{"a"' } }] }),
  ],
  'OpenAI, responses': [
    ...([
      STREAM,
      3,
      message('response.created', {
        response: { id: '1', text: { format: { type: 'text' } }, instructions: [{ content: [{ text: 'You are' }] }] },
      }),
    ] as const),
    message('response.output_item.added', { item: { type: 'message', content: [] } }),
    message('response.output_text.delta', { delta: 'Hi' }),
  ],
  'OpenAI, responses, all in one piece': [
    ...([STREAM, 1] as const),
    message('response.created', { response: { instructions: 'You are' } }) +
      message('response.output_text.delta', { delta: 'Hi' }),
  ],
  Anthropic: [
    ...([STREAM, 4, message('message_start', { message: { content: [], usage: { input_tokens: 9 } } })] as const),
    message('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...[message('ping', {}), block({ type: 'text_delta', text: '\n' })],
  ],
  'Anthropic, a tool': [
    ...([STREAM, 2, message('content_block_start', { content_block: { type: 'tool_use', input: {} } })] as const),
    block({ type: 'input_json_delta', partial_json: '{"' }),
  ],
  Gemini: [STREAM, 1, 'data: {"candidates": [{"content": {"parts": [{"text": "Hi"}],"role": "model"}}]}\r\n\r\n'],
  'Gemini, a tool': [
    STREAM,
    1,
    'data: {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}}]}\n\n',
  ],
  Ollama: [
    'application/x-ndjson',
    1,
    '{"message":{"role":"assistant","content":"Hi"},"done":false}\n',
    '{"done":true}\n',
  ],
  text: [STREAM, 2, ':\n\n', 'data: Hi\n\n'],
  'cut apart': [STREAM, 3, 'data: {"choices":[{"delta":{"cont', 'ent":"H"}}]}\n\n', chat({ content: 'i' })],
  'nothing said': [STREAM, 0, ': ping\n\n', chat({ role: 'assistant', content: '' }), 'data: [DONE]\n\n'],
  'no piece': [STREAM, 0],
  'no stream': ['application/json', 0, '{"choices":[{"message":', '{"content":"Hi"}}]}'],
};

for (const [name, [type, first, ...pieces]] of Object.entries(BODIES)) {
  test(`bodies: ${name}`, async (t) => {
    const { governor, clock, times } = timed(t);
    const fetchFn = async (): Promise<Response> => {
      clock.advance(5);
      const body = late(
        clock,
        pieces.map((piece) => new TextEncoder().encode(piece)),
      );
      return new Response(body, { headers: { 'content-type': type } });
    };
    const expected = [first === 0 ? undefined : 5 + 10 * first, 5 + 10 * (pieces.length + 1)];
    const wrapped = await wrapFetch(fetchFn, { governor })('https://api.test/');
    assert.ok(wrapped.ok);
    await wrapped.response.text();
    const extractUsage = async (): Promise<object> => ({ outputTokens: 1 });
    const governed = await governedFetch(governor, { fetch: fetchFn, extractUsage })('https://api.test/');
    await governed.text();
    assert.deepEqual(times(), [expected, expected]);
  });
}

test('a stream in a form that is not known is not looked through without end', async (t) => {
  const { governor, clock, times } = timed(t);
  const strange = new TextEncoder().encode('data: {"strange":1}\n\n');
  const last = new TextEncoder().encode(chat({ content: 'Hi' }));
  for (const [pieces, first] of [
    [99, 1000],
    [100, undefined],
  ] as const) {
    const body = late(clock, [...Array.from({ length: pieces }, () => strange), last]);
    const answer = await governedFetch(governor, {
      fetch: async () => new Response(body, { headers: { 'content-type': STREAM } }),
    })('https://api.test/');
    await answer.text();
    assert.equal(times()[0]![0], first);
  }
});

test('chunks of chat completions: iterated, or of a generator', async (t) => {
  const { governor, clock, times } = timed(t);
  const chunksOf = (...deltas: object[]): object[] => deltas.map((delta) => ({ choices: [{ index: 0, delta }] }));
  const said = chunksOf({ role: 'assistant', content: '' }, { content: 'Hi' }, { content: '!' });
  const silent = chunksOf({ role: 'assistant', content: '' }, {});
  const generator = async function* (chunks: object[]): AsyncGenerator<object> {
    yield* late(clock, chunks);
  };
  for (const make of [(chunks: object[]) => late(clock, chunks), generator]) {
    for (const chunks of [said, silent, []]) {
      const create = async (_params: object): Promise<AsyncIterable<object>> => make(chunks);
      const answer = await wrapChatCompletions(create, { governor })({ stream: true });
      assert.ok(answer.ok);
      await readAll(answer.result);
    }
  }
  const expected = [
    [20, 40],
    [undefined, 30],
    [undefined, 10],
  ];
  assert.deepEqual(times(), [...expected, ...expected]);
  const whole = async (_params: object): Promise<object> => ({ choices: [{ message: { content: 'Hi' } }] });
  await wrapChatCompletions(whole, { governor })({});
  assert.deepEqual(times(), [[undefined, 0]]);
});

test('parts of the AI SDK', async (t) => {
  const { governor, clock, times } = timed(t);
  const { wrapStream, wrapGenerate } = governedMiddleware(governor);
  const model = { modelId: 'm' };
  const opening = [{ type: 'stream-start' }, { type: 'response-metadata' }, { type: 'text-start', id: '1' }];
  const empty = { type: 'text-delta', id: '1', delta: '' };
  const end = { type: 'finish', usage: {} };
  for (const part of [
    { type: 'text-delta', id: '1', delta: 'Hi' },
    { type: 'reasoning-delta', id: '1', delta: 'Hm' },
    { type: 'tool-input-delta', id: '1', delta: '{' },
    { type: 'tool-call', toolName: 'f', input: '{}' },
  ]) {
    const doStream = async (): Promise<{ stream: ReadableStream }> => ({
      stream: late(clock, [...opening, empty, part, part, end]),
    });
    await readAll((await wrapStream({ doStream, params: {}, model })).stream);
    assert.deepEqual(times(), [[50, 80]], part.type);
  }
  const doStream = async (): Promise<{ stream: ReadableStream }> => ({ stream: late(clock, [...opening, empty, end]) });
  await readAll((await wrapStream({ doStream, params: {}, model })).stream);
  await wrapGenerate({ doGenerate: async () => ({ usage: {} }), params: {}, model });
  assert.deepEqual(times(), [
    [undefined, 60],
    [undefined, 0],
  ]);
});

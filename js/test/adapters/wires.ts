/** Answers as providers write them, in the seven formats whose usage is read: whole, and as a stream. */

export interface Wire {
  readonly name: string;
  readonly path: string;
  /** What a request sends beside its model. */
  readonly request: object;
  /** The whole answer. */
  readonly json: object;
  /** A streamed one, an event each; the last that matters may be followed by others. None: the format has no streams. */
  readonly events?: readonly string[];
  readonly streamType: string;
  readonly usage: { promptTokens: number; outputTokens: number; cachedTokens?: number };
  /** What is known after so many events. */
  readonly partial: Readonly<Record<number, object | undefined>>;
}

const SSE = 'text/event-stream; charset=utf-8';
const text = 'a “quoted” \\"usage\\": {\\"prompt_tokens\\": 999} tökeñ 漢字 🦀';
const data = (event: object): string => `data: ${JSON.stringify(event)}\n\n`;
const named = (event: { type: string }): string => `event: ${event.type}\n${data(event)}`;

const chatUsage = {
  prompt_tokens: 19,
  completion_tokens: 11,
  total_tokens: 30,
  prompt_tokens_details: { cached_tokens: 4 },
};
const chunk = (choices: object[], usage: object | null): string =>
  data({ id: 'chatcmpl-1', object: 'chat.completion.chunk', model: 'm', choices, usage });
const chat: Wire = {
  name: 'OpenAI chat',
  path: '/v1/chat/completions',
  request: { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 100 },
  json: { object: 'chat.completion', choices: [{ message: { role: 'assistant', content: text } }], usage: chatUsage },
  events: [
    chunk([{ index: 0, delta: { role: 'assistant', content: '' } }], null),
    chunk([{ index: 0, delta: { content: text } }], null),
    chunk([{ index: 0, delta: {}, finish_reason: 'stop' }], null),
    chunk([], chatUsage),
    'data: [DONE]\n\n',
  ],
  streamType: SSE,
  usage: { promptTokens: 19, outputTokens: 11, cachedTokens: 4 },
  partial: { 2: undefined, 4: { promptTokens: 19, outputTokens: 11, cachedTokens: 4 } },
};

const responsesUsage = {
  input_tokens: 37,
  input_tokens_details: { cached_tokens: 2 },
  output_tokens: 11,
  total_tokens: 48,
};
const responses: Wire = {
  name: 'OpenAI responses',
  path: '/v1/responses',
  request: { input: 'Hello', max_output_tokens: 100 },
  json: {
    object: 'response',
    output: [{ type: 'message', content: [{ type: 'output_text', text }] }],
    usage: responsesUsage,
  },
  events: [
    named({ type: 'response.created', response: { object: 'response', usage: null } } as { type: string }),
    named({ type: 'response.output_text.delta', delta: text } as { type: string }),
    named({
      type: 'response.completed',
      response: { object: 'response', output: [{ text }], usage: responsesUsage },
    } as { type: string }),
  ],
  streamType: SSE,
  usage: { promptTokens: 37, outputTokens: 11, cachedTokens: 2 },
  partial: { 2: undefined },
};

const anthropic: Wire = {
  name: 'Anthropic messages',
  path: '/v1/messages',
  request: { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 100 },
  json: {
    type: 'message',
    content: [{ type: 'text', text }],
    usage: { input_tokens: 50, cache_creation_input_tokens: 249, cache_read_input_tokens: 1800, output_tokens: 503 },
  },
  events: [
    named({
      type: 'message_start',
      message: {
        type: 'message',
        usage: { input_tokens: 50, cache_creation_input_tokens: 249, cache_read_input_tokens: 1800, output_tokens: 1 },
      },
    } as { type: string }),
    named({ type: 'ping' }),
    named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } } as { type: string }),
    named({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 503 } } as {
      type: string;
    }),
    named({ type: 'message_stop' }),
  ],
  streamType: SSE,
  usage: { promptTokens: 2099, outputTokens: 503, cachedTokens: 1800 },
  // One token is what its first event always says of the output: the estimate stands.
  partial: { 1: { promptTokens: 2099, cachedTokens: 1800 }, 3: { promptTokens: 2099, cachedTokens: 1800 } },
};

const candidates = [{ content: { role: 'model', parts: [{ text }] } }];
const gemini: Wire = {
  name: 'Gemini',
  path: '/v1beta/models/m:generateContent',
  request: { contents: [{ parts: [{ text: 'Hello' }] }], generationConfig: { maxOutputTokens: 100 } },
  json: {
    candidates,
    usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 12, thoughtsTokenCount: 3, totalTokenCount: 22 },
  },
  // Its server-sent events end their lines with CRLF.
  events: [
    { candidates, usageMetadata: { promptTokenCount: 7, totalTokenCount: 7 } },
    {
      candidates,
      usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 5, thoughtsTokenCount: 3, totalTokenCount: 15 },
    },
    {
      candidates,
      usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 12, thoughtsTokenCount: 3, totalTokenCount: 22 },
    },
  ].map((event) => data(event).replaceAll('\n', '\r\n')),
  streamType: 'text/event-stream',
  usage: { promptTokens: 7, outputTokens: 15 },
  partial: { 1: { promptTokens: 7, outputTokens: 0 }, 2: { promptTokens: 7, outputTokens: 8 } },
};

const mistralUsage = { prompt_tokens: 40, total_tokens: 52, completion_tokens: 12 };
const mistral: Wire = {
  name: 'Mistral',
  path: '/v1/chat/completions',
  request: { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 100 },
  json: { object: 'chat.completion', choices: [{ message: { content: text } }], usage: mistralUsage },
  events: [
    data({ object: 'chat.completion.chunk', choices: [{ delta: { role: 'assistant', content: '' } }] }),
    data({ object: 'chat.completion.chunk', choices: [{ delta: { content: text } }] }),
    data({
      object: 'chat.completion.chunk',
      choices: [{ delta: { content: '' }, finish_reason: 'stop' }],
      usage: mistralUsage,
    }),
    'data: [DONE]\n\n',
  ],
  streamType: 'text/event-stream',
  usage: { promptTokens: 40, outputTokens: 12 },
  partial: { 2: undefined, 3: { promptTokens: 40, outputTokens: 12 } },
};

const cohereUsage = {
  billed_units: { input_tokens: 5, output_tokens: 38 },
  tokens: { input_tokens: 66, output_tokens: 38 },
};
const cohere: Wire = {
  name: 'Cohere v2',
  path: '/v2/chat',
  request: { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 100 },
  json: { id: 'x', message: { role: 'assistant', content: [{ type: 'text', text }] }, usage: cohereUsage },
  // Lines of JSON, as its streams are without server-sent events.
  events: [
    { type: 'message-start', id: 'x' },
    { type: 'content-delta', index: 0, delta: { message: { content: { text } } } },
    { type: 'message-end', delta: { finish_reason: 'COMPLETE', usage: cohereUsage } },
  ].map((event) => `${JSON.stringify(event)}\n`),
  streamType: 'application/stream+json',
  usage: { promptTokens: 66, outputTokens: 38 },
  partial: { 2: undefined },
};

const embeddings: Wire = {
  name: 'embeddings',
  path: '/v1/embeddings',
  request: { input: 'Hello' },
  json: {
    object: 'list',
    // Longer than what is kept of a body.
    data: Array.from({ length: 40 }, (_, index) => ({ index, embedding: Array.from({ length: 768 }, () => 0.0123) })),
    usage: { prompt_tokens: 8, total_tokens: 8 },
  },
  streamType: '',
  usage: { promptTokens: 8, outputTokens: 0 },
  partial: {},
};

export const wires: readonly Wire[] = [chat, responses, anthropic, gemini, mistral, cohere, embeddings];

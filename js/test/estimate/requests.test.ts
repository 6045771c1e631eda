/** Requests of each provider: what is counted, and what is refused. Most tests count one token a character, to be exact. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from 'gpt-tokenizer';
import { getEncoding } from 'js-tiktoken';
import type { AcquireRequest } from '../../core/types.ts';
import { estimateTokens } from '../../estimate/index.ts';
import { lengthOf, o200k, promptOf, refuses } from './support.ts';

/** A message of a role beside its content: 4, and the role. */
const message = (role: string): number => 4 + role.length;
const ANSWER = 3;

test('texts alone', () => {
  assert.deepEqual(estimateTokens('Hello world', { tokenizer: lengthOf }), {
    promptTokens: 11,
    maxOutputTokens: 0,
    shape: 'text',
    rule: 'tokenizer',
    outputRule: 'none',
  });
  assert.equal(estimateTokens('Hello world').rule, 'characters');
  assert.equal(promptOf(''), 0);
});

test('the estimate is one that acquire takes', () => {
  const estimate = estimateTokens({ messages: [{ role: 'user', content: 'Hello world' }], max_tokens: 100, n: 2 });
  const request: AcquireRequest = { actorId: 'user-1', action: 'chat', estimate };
  assert.deepEqual(request.estimate, {
    promptTokens: 13,
    maxOutputTokens: 200,
    shape: 'messages',
    rule: 'characters',
    outputRule: 'request',
  });
});

test('OpenAI chat', () => {
  const messages = [
    { role: 'system', content: 'abc' },
    { role: 'user', content: [{ type: 'text', text: 'de' }], name: 'Bo' },
    { role: 'assistant', content: null, refusal: null, tool_calls: [{ id: '1' }] },
    { role: 'tool', content: 'f', tool_call_id: 'xyz' },
  ];
  const roles = message('system') + message('user') + message('assistant') + message('tool');
  const texts = 'abcdefBo'.length + '[{"id":"1"}]'.length + 'xyz'.length;
  assert.equal(promptOf({ messages }), ANSWER + roles + texts);
  assert.equal(promptOf(messages), ANSWER + roles + texts);
  const format = { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object' } } };
  assert.equal(promptOf({ messages: [], response_format: format }), ANSWER + JSON.stringify(format).length);
});

test('OpenAI chat: never below what the cookbook says that the provider counts', () => {
  // Source: OpenAI cookbook, "How to count tokens with tiktoken": 124 and 101 for gpt-4o.
  const system = 'You are a helpful, pattern-following assistant that translates corporate jargon into plain English.';
  const example = (name: string, content: string): object => ({ role: 'system', name, content });
  const messages = [
    { role: 'system', content: system },
    example('example_user', 'New synergies will help drive top-line growth.'),
    example('example_assistant', 'Things working well together will increase revenue.'),
    example(
      'example_user',
      "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    ),
    example('example_assistant', "Let's talk later when we're less busy about how to do better."),
    {
      role: 'user',
      content: "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    },
  ];
  const chat = promptOf({ model: 'gpt-4o', messages }, { tokenizer: o200k });
  assert(chat >= 124 && chat <= 134, String(chat));

  const unit = { type: 'string', description: 'The unit of temperature to return', enum: ['celsius', 'fahrenheit'] };
  const location = { type: 'string', description: 'The city and state, e.g. San Francisco, CA' };
  const parameters = { type: 'object', properties: { location, unit }, required: ['location'] };
  const weather = {
    name: 'get_current_weather',
    description: 'Get the current weather in a given location',
    parameters,
  };
  const tools = [{ type: 'function', function: weather }];
  const assistant = 'You are a helpful assistant that can answer to questions about the weather.';
  const asked = [
    { role: 'system', content: assistant },
    { role: 'user', content: "What's the weather like in San Francisco?" },
  ];
  const withTools = promptOf({ model: 'gpt-4o', messages: asked, tools }, { tokenizer: o200k });
  assert(withTools >= 101 && withTools <= 170, String(withTools));
});

test('OpenAI responses', () => {
  const one = ANSWER + 4;
  assert.equal(promptOf({ input: 'abc' }), one + 3);
  assert.equal(promptOf({ input: 'abc', instructions: 'de' }), one + 3 + 4 + 2);
  const call = { type: 'function_call', call_id: '1', name: 'f', arguments: '{}' };
  const input = [
    { role: 'user', content: [{ type: 'input_text', text: 'ab' }] },
    {
      type: 'message',
      role: 'assistant',
      id: 'msg_1',
      status: 'completed',
      content: [{ type: 'output_text', text: 'c' }],
    },
    call,
    { type: 'function_call_output', call_id: '1', output: 'defg' },
    { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'why' }] },
  ];
  const items =
    message('user') + message('assistant') + 3 * 4 + JSON.stringify(call).length + JSON.stringify(input[4]).length;
  assert.equal(promptOf({ input }), items + 'abc'.length + 'defg'.length);
  const format = { type: 'json_schema', name: 'x', schema: {} };
  assert.equal(promptOf({ input: '', text: { format } }), one + JSON.stringify(format).length);
  assert.equal(estimateTokens({ input: '', max_output_tokens: 7 }).maxOutputTokens, 7);
});

test('what OpenAI keeps must be told', () => {
  for (const key of ['previous_response_id', 'conversation', 'prompt']) {
    const request = { input: 'abc', [key]: { id: 'x' } };
    refuses(request, `request.${key}`, new RegExp(`partTokens how many "${key}" has`));
    assert.equal(promptOf(request, { tokenizer: lengthOf, partTokens: { [key]: 1_000 } }), 7 + 3 + 1_000);
  }
  refuses({ prompt: { id: 'x' } }, 'request.prompt', /partTokens/);
});

test('embeddings and completions: texts, tokens, and lists of both', () => {
  const embed = (input: unknown): number => promptOf({ model: 'text-embedding-3-small', input });
  assert.equal(embed(['abc', 'de']), 5);
  assert.equal(embed([1, 2, 3]), 3);
  assert.equal(embed([[1, 2, 3], [4]]), 4);
  assert.equal(embed([]), 0);
  assert.equal(promptOf(['abc', 'de']), 5);
  assert.equal(promptOf({ prompt: 'abc', suffix: 'de' }), 5);
  assert.deepEqual(
    estimateTokens({ prompt: ['abc', 'de'], max_tokens: 5, n: 2, best_of: 3 }, { tokenizer: lengthOf }),
    {
      promptTokens: 5,
      maxOutputTokens: 15,
      shape: 'prompt',
      rule: 'tokenizer',
      outputRule: 'request',
    },
  );
});

test('Anthropic messages', () => {
  const use = { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } };
  const messages = [
    { role: 'user', content: 'abc' },
    { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 'long' }, use] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'de' }] }] },
  ];
  const roles = message('user') * 2 + message('assistant');
  const texts = 'abchmde'.length + JSON.stringify(use).length;
  assert.equal(promptOf({ messages, max_tokens: 10 }), ANSWER + roles + texts);
  assert.equal(promptOf({ messages, system: 'xyz' }), ANSWER + roles + texts + 4 + 3);
  const cached = [{ type: 'text', text: 'xyz', cache_control: { type: 'ephemeral' } }];
  assert.equal(promptOf({ messages, system: cached }), ANSWER + roles + texts + 4 + 3);
  // What a message has for the provider alone, not for the model.
  const marks = { type: 'message', id: 'm1', status: 'completed', cache_control: { type: 'ephemeral' } };
  const marked = messages.map((plain) => ({ ...plain, ...marks }));
  assert.equal(promptOf({ messages: marked }), ANSWER + roles + texts);

  const document = (source: unknown): unknown => [
    { role: 'user', content: [{ type: 'document', title: 'T', source }] },
  ];
  assert.equal(promptOf(document({ type: 'text', data: 'abc' })), ANSWER + message('user') + 4);
  const parts = [{ type: 'text', text: 'abc' }];
  assert.equal(promptOf(document({ type: 'content', content: parts })), ANSWER + message('user') + 4);
  refuses(document({ type: 'base64', data: 'JVBERi0=' }), 'request[0].content[0]', /"document"/);
});

test('tools: their JSON and what surrounds them; at Anthropic their system prompt', () => {
  const [none, plain] = [promptOf({ messages: [] }), promptOf({ messages: [], tools: [] })];
  assert.equal(plain, none);
  const openai = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } };
  assert.equal(
    promptOf({ messages: [], tools: [openai, openai] }),
    none + 12 + 2 * (10 + JSON.stringify(openai).length),
  );
  const anthropic = { name: 'f', input_schema: { type: 'object' } };
  assert.equal(promptOf({ messages: [], tools: [anthropic] }), none + 12 + 10 + JSON.stringify(anthropic).length + 804);
  const own = { type: 'computer_20250124', name: 'computer' };
  assert.equal(promptOf({ messages: [], tools: [own] }), none + 12 + 10 + JSON.stringify(own).length + 804 + 735);
  // Functions of the caller are not sent.
  assert.equal(promptOf({ messages: [], functions: [{ name: 'f', run: () => 1 }] }), none + '[{"name":"f"}]'.length);
});

test('Gemini, in both spellings', () => {
  const parts = [
    { text: 'abc', part_metadata: { a: 1 } },
    { thought: true, text: 'd', videoMetadata: null },
  ];
  assert.equal(promptOf({ contents: 'abcd' }), 4 + 4);
  assert.equal(promptOf({ contents: ['ab', 'cd'] }), 4 + 2 + 4 + 2);
  assert.equal(promptOf({ contents: parts[0] }), 4 + 3);
  assert.equal(promptOf({ contents: [{ role: 'user', parts }] }), 4 + 4);
  assert.equal(promptOf([{ role: 'user', parts }]), 4 + 4);
  assert.equal(promptOf({ content: { parts } }), 4 + 4);
  const call = { functionCall: { name: 'f', args: {} } };
  assert.equal(
    promptOf({ contents: [{ role: 'model', parts: [call] }] }),
    4 + JSON.stringify(call.functionCall).length,
  );

  const tools = [{ functionDeclarations: [{ name: 'f' }] }];
  const schema = { type: 'OBJECT' };
  const system = { parts: [{ text: 'xyz' }] };
  const wanted = 4 + 2 + 4 + 3 + 12 + 10 + JSON.stringify(tools[0]).length + JSON.stringify(schema).length;
  const sdk = { systemInstruction: system, tools, responseSchema: schema, maxOutputTokens: 5, candidateCount: 3 };
  const rest = {
    system_instruction: system,
    tools,
    generation_config: { response_schema: schema, max_output_tokens: 5, candidate_count: 3 },
  };
  for (const request of [
    { contents: 'ab', config: sdk },
    { contents: 'ab', ...rest },
  ]) {
    const estimate = estimateTokens(request, { tokenizer: lengthOf });
    assert.equal(estimate.promptTokens, wanted);
    assert.equal(estimate.maxOutputTokens, 15);
    assert.equal(estimate.shape, 'contents');
  }
  refuses({ contents: 'ab', cachedContent: 'cachedContents/1' }, 'request.cachedContent', /"cachedContent"/);
  refuses({ contents: 'ab', config: { cachedContent: 'x' } }, 'request.config.cachedContent', /"cachedContent"/);
});

test('the most output: of each name, times the answers', () => {
  const of = (request: object): [number, string] => {
    const { maxOutputTokens, outputRule } = estimateTokens({ messages: [], ...request });
    return [maxOutputTokens, outputRule];
  };
  assert.deepEqual(of({}), [0, 'none']);
  assert.deepEqual(of({ max_tokens: null, n: null }), [0, 'none']);
  assert.deepEqual(of({ max_tokens: 10 }), [10, 'request']);
  assert.deepEqual(of({ max_tokens: 0 }), [0, 'request']);
  assert.deepEqual(of({ max_completion_tokens: 10, n: 3 }), [30, 'request']);
  assert.deepEqual(of({ max_tokens: 10, max_completion_tokens: 20 }), [20, 'request']);
  const options = { maxOutputTokens: 40 };
  const byOption = estimateTokens({ messages: [], n: 2 }, options);
  assert.deepEqual([byOption.maxOutputTokens, byOption.outputRule], [80, 'option']);
  assert.equal(estimateTokens({ messages: [], max_tokens: 10 }, options).maxOutputTokens, 10);
  for (const bad of [-1, 1.5, NaN, Infinity, '10', 1e13, {}, true]) {
    refuses({ messages: [], max_tokens: bad }, 'request.max_tokens', /whole number from 0/, { fallback: 5 });
    refuses({ messages: [], n: bad }, 'request.n', /whole number from 1/);
  }
  refuses({ messages: [], n: 0 }, 'request.n', /whole number from 1/);
});

test('special tokens are plain text, whatever the tokenizer does with them', () => {
  const tiktoken = getEncoding('cl100k_base');
  const text = 'a <|endoftext|> b <|im_start|>system<|fim_prefix|><|';
  assert.throws(() => tiktoken.encode(text));
  const strict = (piece: string): number => tiktoken.encode(piece).length;
  const plain = tiktoken.encode(text, [], []).length;
  for (const tokenizer of [strict, (piece: string): number => encode(piece).length]) {
    const tokens = estimateTokens(text, { tokenizer }).promptTokens;
    assert(tokens >= plain - 1 && tokens <= plain + 5, `${tokens}, ${plain}`);
    assert(estimateTokens({ messages: [{ role: 'user', content: text }] }, { tokenizer }).promptTokens > tokens);
  }
  // Nothing is lost or doubled where texts are cut.
  for (const cut of ['<|', '<|<|', '|<|', 'a<|b', '<<||>>', '<']) assert.equal(promptOf(cut), cut.length);
});

test('fractions of a tokenizer are rounded up once, at the end', () => {
  const half = (text: string): number => text.length / 2;
  assert.equal(promptOf(['a', 'b', 'c'], { tokenizer: half }), 2);
});

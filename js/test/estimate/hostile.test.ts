/** Requests that nobody should send, and options that are none: a typed error, or the fallback; never a guess. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../../core/errors.ts';
import { estimateTokens, type EstimateOptions } from '../../estimate/index.ts';
import { lengthOf, promptOf, refuses } from './support.ts';

const chat = (content: unknown): object => ({ messages: [{ role: 'user', content }] });

test('what is no request', () => {
  for (const request of [
    undefined,
    null,
    5,
    NaN,
    true,
    5n,
    Symbol('x'),
    () => 1,
    {},
    { model: 'gpt-4o' },
    new Map(),
    new Date(0),
  ]) {
    refuses(request, 'request', /OpenAI \(messages, input, prompt\), Anthropic \(messages\) or Gemini \(contents\)/);
    const { promptTokens, rule } = estimateTokens(request, { fallback: 12.5 });
    assert.deepEqual([promptTokens, rule], [13, 'fallback']);
  }
});

test('fields of another kind', () => {
  refuses({ messages: 'hi' }, 'request.messages', /a list of messages/);
  refuses({ messages: [5] }, 'request.messages[0]', /role and content/);
  refuses({ messages: [null] }, 'request.messages[0]', /role and content/);
  refuses({ messages: [{ role: 5, content: '' }] }, 'request.messages[0].role', /a string/);
  refuses({ messages: [{ content: 'no role' }] }, 'request.messages[0].type', /a string/);
  refuses(chat(5), 'request.messages[0].content', /a string/);
  refuses(chat({ type: 'text', text: 'x' }), 'request.messages[0].content', /a string/);
  refuses({ messages: [], tools: {} }, 'request.tools', /a list of tools/);
  refuses({ input: 5 }, 'request.input', /a text, or an object/);
  refuses({ input: ['a', true] }, 'request.input[1]', /a text, or an object/);
  refuses({ contents: 5 }, 'request.contents', /a string/);
  refuses([5n], 'request[0]', /a text, or an object/);
});

test('options that are none', () => {
  const bad: [field: string, options: unknown][] = [
    ['options', 5],
    ['options', 'o200k'],
    ['options.tokenizer', { tokenizer: 'o200k' }],
    ['options.model', { model: 5 }],
    ['options.partTokens', { partTokens: 5 }],
    ['options.partTokens.file', { partTokens: { file: -1 } }],
    ['options.partTokens.file', { partTokens: { file: '5' } }],
    ['options.fallback', { fallback: NaN }],
    ['options.fallback', { fallback: 1e13 }],
    ['options.maxOutputTokens', { maxOutputTokens: -1 }],
    ['options.tokeniser', { tokeniser: (text: string) => text.length }],
  ];
  for (const [field, options] of bad) refuses('text', field, /./, options as EstimateOptions);
  const nothing = { tokenizer: null, model: null, partTokens: null, maxOutputTokens: null, fallback: null };
  assert.deepEqual(estimateTokens('text', nothing), estimateTokens('text'));
  assert.deepEqual(estimateTokens('text', null), estimateTokens('text'));
  refuses('text', 'options.fallBack', /tokenizer, model, partTokens, .*, fallback/, { fallBack: 5 } as EstimateOptions);
});

test('a tokenizer that fails is not covered up by a fallback', () => {
  for (const tokens of [-1, NaN, Infinity, '5', undefined, [1, 2], Promise.resolve(1)]) {
    const tokenizer = (() => tokens) as (text: string) => number;
    refuses('text', 'options.tokenizer', /returns a number of tokens/, { tokenizer, fallback: 5 });
  }
  const boo = new Error('boo');
  const throwing = (): number => {
    throw boo;
  };
  assert.throws(() => estimateTokens('text', { tokenizer: throwing, fallback: 5 }), boo);
});

test('getters and proxies: what they throw names the place', () => {
  const boo = new Error('boo');
  const throwing = (): never => {
    throw boo;
  };
  const getter = Object.defineProperty({}, 'content', { get: throwing, enumerable: true });
  const cases: [field: string, request: unknown][] = [
    ['request', new Proxy({}, { get: throwing })],
    ['request.messages[0]', { messages: [Object.assign(getter, { role: 'user' })] }],
    ['request.messages', { messages: new Proxy([], { get: throwing }) }],
    ['request.tools[0]', { messages: [], tools: [new Proxy({}, { ownKeys: throwing })] }],
  ];
  for (const [field, request] of cases) {
    assert.throws(
      () => estimateTokens(request),
      (error) => InputError.isInstance(error) && error.field === field && error.cause === boo,
      field,
    );
    // Where not even a maximum of the output can be read, a fallback for the prompt does not help.
    if (field === 'request') assert.throws(() => estimateTokens(request, { fallback: 3 }), InputError);
    else assert.equal(estimateTokens(request, { fallback: 3 }).promptTokens, 3);
  }
});

test('cycles, depth and shared parts end', () => {
  const cycle: { type: string; input: Record<string, unknown> } = { type: 'tool_use', input: {} };
  cycle.input['self'] = cycle;
  assert.throws(() => estimateTokens(chat([cycle])), /nested at most 100 levels deep/);
  const list: unknown[] = [];
  list.push(list, list);
  assert.throws(() => estimateTokens({ input: list }), /nested at most 100|at most 1000000 values/);
  const tools: object[] = [{ a: 1 }];
  for (let level = 0; level < 60; level += 1) tools[0] = { a: tools[0], b: tools[0] };
  assert.throws(() => estimateTokens({ messages: [], tools }), /at most 1000000 values/);

  const nested = (depth: number): unknown => {
    let content: unknown = 'x';
    for (let level = 0; level < depth; level += 1) content = [{ type: 'tool_result', content }];
    return content;
  };
  assert.equal(promptOf(chat(nested(20))), 3 + 4 + 4 + 1);
  assert.throws(() => estimateTokens(chat(nested(50_000))), /nested at most 100 levels deep/);
  const parsed: unknown = JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`);
  assert.throws(() => estimateTokens({ messages: [], tools: [{ parsed }] }), /nested at most 100/);
  assert.equal(estimateTokens({ messages: [], tools: [{ parsed }] }, { fallback: 4 }).promptTokens, 4);
});

test('large requests: long texts, many messages, many tokens, holes', () => {
  const text = 'word '.repeat(1_000_000);
  assert.equal(promptOf(chat(text)), 3 + 4 + 4 + text.length);
  assert.equal(promptOf('<|'.repeat(500_000)), 1_000_000);
  const messages = Array.from({ length: 20_000 }, () => ({ role: 'user', content: 'abc' }));
  assert.equal(promptOf({ messages }), 3 + 20_000 * 11);
  assert.equal(promptOf({ input: new Array(3_000_000).fill(1) }), 3_000_000);
  assert.throws(() => estimateTokens({ input: new Array(4_000_000_000) }), InputError);
  assert.throws(() => estimateTokens({ messages: new Array(3) }), InputError);
});

test('nothing is written, and properties of prototypes are no fields of messages', () => {
  const request = { messages: [{ role: 'user', content: [{ type: 'text', text: 'abc' }] }], tools: [{ name: 'f' }] };
  const copy = structuredClone(request);
  const freeze = (value: object): void => {
    for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) freeze(inner as object);
    Object.freeze(value);
  };
  freeze(request);
  estimateTokens(request, Object.freeze({ tokenizer: lengthOf }));
  assert.deepEqual(request, copy);
  const bare = Object.assign(Object.create(null) as object, { role: 'user', content: 'abc' });
  assert.equal(promptOf({ messages: [bare] }), 3 + 4 + 4 + 3);
});

test('JSON of tools is that of JSON.stringify', () => {
  const tool = {
    a: [1, 'x"\n\u2028', null, true, [], {}, undefined, -0, 1e21, NaN],
    b: undefined,
    c: () => 1,
    '"': { d: Symbol('s') },
  };
  const seen: string[] = [];
  const tokenizer = (text: string): number => {
    seen.push(text);
    return text.length;
  };
  estimateTokens({ messages: [], tools: [tool] }, { tokenizer });
  assert.deepEqual(JSON.parse(seen.join('')), JSON.parse(JSON.stringify(tool)));
});

test('more tokens than a governor counts are refused', () => {
  const refused = (request: object, options?: EstimateOptions): void =>
    assert.throws(
      () => estimateTokens(request, options),
      (error) => InputError.isInstance(error) && error.field === 'request',
    );
  refused({ input: 'x', max_tokens: 1e12, n: 3 });
  refused({ input: 'x', n: 3 }, { maxOutputTokens: 1e12 });
  refused({ input: 'x' }, { tokenizer: () => 1e300 });
  assert.equal(estimateTokens({ input: 'x' }, { tokenizer: () => 1e300, fallback: 7 }).promptTokens, 7);
});

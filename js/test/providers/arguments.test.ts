/** What callers hand over to `throttleai/providers`: every form that is taken, and errors that name what is wrong. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  ConfigError,
  defineDialect,
  detectDialect,
  dialects,
  dialectTable,
  InputError,
  readAnswer,
  readUsage,
  type DialectName,
  type DialectTable,
  type HeadersInput,
} from 'throttleai/providers';
import { BODY_MAX } from '../../providers/input.ts';
import { createAsk } from '../../providers/instance.ts';

const now = 1_790_000_000_000;
const web = globalThis as unknown as {
  Headers: new (init: Record<string, string>) => HeadersInput;
  Response: new (body: string, init: object) => { status: number; headers: HeadersInput; url: string };
  WebAssembly: { Module: new (bytes: Uint8Array) => object };
};
const file = new URL('../../../dist/providers/providers.wasm', import.meta.url);

const inputError =
  (field: string) =>
  (error: unknown): boolean =>
    InputError.isInstance(error) && error.field === field;
const configError =
  (field: string, value: string) =>
  (error: unknown): boolean =>
    ConfigError.isInstance(error) &&
    error.field === field &&
    error.value === value &&
    error.message.includes(error.allowed);

describe('answers', () => {
  test('a Response is one, and is not read', () => {
    const headers = { 'x-ratelimit-remaining-tokens': '7', 'retry-after': '3' };
    const response = new web.Response('{"error":{"code":"insufficient_quota"}}', { status: 429, headers });
    const reading = readAnswer(response, { dialect: 'openai', now });
    assert.deepEqual([reading.kind, reading.retryAt, reading.limits[0]?.remaining], ['transient', now + 3000, 7]);
    assert.equal((response as unknown as { bodyUsed: boolean }).bodyUsed, false);
  });

  test('headers of Node: lists, numbers and what is missing', () => {
    const headers = { 'retry-after': 3, 'x-ratelimit-limit-tokens': ['5', '5'], date: undefined, etag: null };
    const reading = readAnswer({ status: 429, headers }, { dialect: 'openai', now });
    assert.deepEqual([reading.retryAt, reading.limits[0]?.limit, reading.ignored], [now + 3000, 5, []]);
  });

  test('a Headers joins what came twice', () => {
    const headers = new web.Headers({ 'x-ratelimit-limit-tokens': '5, 5' });
    assert.equal(readAnswer({ headers }, { dialect: 'openai' }).limits[0]?.limit, 5);
  });

  test('a function is asked for the headers of the dialect of the host', () => {
    const asked: string[] = [];
    const headers = (name: string): undefined => void asked.push(name);
    readAnswer({ headers, url: 'https://api.anthropic.com/v1/messages' });
    assert.ok(asked.includes('anthropic-ratelimit-input-tokens-remaining') && asked.includes('date'));
    assert.ok(!asked.includes('x-ratelimit-limit-tokens'));
  });

  test('the clock of the platform is the default', () => {
    const before = Date.now();
    const { retryAt = 0 } = readAnswer({ status: 429, headers: { 'retry-after': '60' } });
    assert.ok(retryAt >= before + 60_000 && retryAt <= Date.now() + 60_001);
  });

  test('options are an object without misspelt fields, or none', () => {
    for (const [options, field] of [
      [5, 'options'],
      ['openai', 'options'],
      [{ dialec: 'openai' }, 'options.dialec'],
    ] as const) {
      assert.throws(() => readAnswer({ status: 200 }, options as never), inputError(field));
      assert.throws(() => readUsage('{}', options as never), inputError(field));
    }
    assert.throws(() => readUsage('{}', { body: '{}' } as never), inputError('options.body'));
    assert.equal(readAnswer({ status: 200 }, null).kind, 'ok');
    assert.equal(readUsage('{}', { dialect: undefined }), undefined);
  });

  test('what is no argument is named', () => {
    const answers = [
      [null, 'answer'],
      [{ status: '429' }, 'status'],
      [{ status: 42 }, 'status'],
      [{ url: new URL('https://api.openai.com') }, 'url'],
      [{ headers: 'retry-after: 3' }, 'headers'],
      [{ headers: ['retry-after: 3'] }, 'headers'],
      [{ headers: [[3, '3']] }, 'headers'],
      [{ headers: { 'retry-after': {} } }, 'headers["retry-after"]'],
    ] as const;
    for (const [answer, field] of answers) assert.throws(() => readAnswer(answer as never), inputError(field), field);
    for (const value of [Number.NaN, -1, Infinity, '0'])
      assert.throws(() => readAnswer({}, { now: value as number }), inputError('now'));
    for (const dialect of ['OpenAI', '', 3, null, {}])
      assert.throws(() => readAnswer({}, { dialect: dialect as DialectName }), inputError('dialect'));
    assert.throws(() => detectDialect(3 as never), inputError('urlOrHost'));
    assert.throws(() => dialectTable('x' as DialectName), inputError('name'));
  });
});

describe('bodies', () => {
  const usage = { prompt_tokens: 5, total_tokens: 5 };

  test('text and parsed are one', () => {
    assert.deepEqual(readUsage({ usage }), { inputTokens: 5, totalTokens: 5 });
    assert.deepEqual(readUsage(JSON.stringify({ usage })), { inputTokens: 5, totalTokens: 5 });
    for (const body of [undefined, null, '', '{}', 'data: [DONE]']) assert.equal(readUsage(body), undefined);
  });

  test('of a list of events the last one counts, however many there are', () => {
    for (const length of [20, 64, 65, 1000]) {
      const events = Array.from({ length }, (_, at) => ({
        usageMetadata: { promptTokenCount: 10, candidatesTokenCount: at + 1, totalTokenCount: at + 11 },
      }));
      const wanted = { inputTokens: 10, outputTokens: length, totalTokens: length + 10 };
      for (const body of [events, JSON.stringify(events)])
        assert.deepEqual(readUsage(body, { dialect: 'gemini' }), wanted, `${length}`);
    }
  });

  test('long lists of a parsed answer are left out', () => {
    const data = [{ embedding: Array.from({ length: 100_000 }, (_, index) => index) }];
    assert.deepEqual(readUsage({ data, usage }), { inputTokens: 5, totalTokens: 5 });
  });

  test('what cannot be JSON is an error, and what is too long is ignored', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    for (const body of [cycle, { big: 1n }, 3, true, () => 0]) assert.throws(() => readUsage(body), inputError('body'));
    const { ignored } = readAnswer({ status: 200 }, { body: ' '.repeat(BODY_MAX + 1) });
    assert.deepEqual(
      ignored.map((part) => part.reason),
      ['too-long'],
    );
    assert.equal(readUsage(`${' '.repeat(BODY_MAX - 30)}{"usage":{"prompt_tokens":5}}`)?.inputTokens, 5);
  });

  test('any text crosses as it is', () => {
    const value = 'é😀\u0000"\\';
    const { ignored } = readAnswer({ headers: { 'x-ratelimit-limit-tokens': value } }, { dialect: 'openai' });
    assert.equal(ignored[0]?.value, value);
    assert.equal(readAnswer({ status: 429 }, { body: { error: { code: value } } }).code, value);
  });
});

describe('dialects', () => {
  const ask = createAsk(() => new web.WebAssembly.Module(readFileSync(file)));

  test('their names are those of the core', () => {
    assert.deepEqual(dialects, JSON.parse(ask(1, '{}')));
    for (const name of dialects) assert.equal(dialectTable(name).name, name);
  });

  test('a table of the package is one that a user could have written', () => {
    for (const name of dialects) {
      const { json } = defineDialect(dialectTable(name));
      assert.deepEqual(JSON.parse(json), dialectTable(name));
    }
  });

  test('the host tells, and nothing that looks like one', () => {
    assert.equal(detectDialect('https://eu.api.openai.com/v1'), 'openai');
    assert.equal(detectDialect('api.groq.com'), 'groq');
    assert.equal(detectDialect('https://api.openai.com.example.com'), undefined);
    assert.equal(detectDialect(''), undefined);
  });
});

describe('dialects of the user', () => {
  const acme: DialectTable = {
    name: 'acme',
    meters: [
      { header: 'x-acme-*', metric: 'pages', window: 'day', pool: 'eu', reset: 'clock', full: true, roundedTo: 10 },
      { header: 'x-acme-left', says: 'remaining', metric: 'requests' },
    ],
    retry: [{ body: 'sorry', after: 'back in ', format: 'duration|seconds' }],
    errors: [{ status: 420, body: 'sorry', contains: 'enhance', kind: 'terminal', why: 'quota', until: 'utc' }],
    usage: [{ header: 'x-acme-cost', count: 'costUsd' }],
    counts: { settle: 'headers', refused: true },
  };

  test('one of the user’s is read as it says', () => {
    const headers = {
      'x-acme-limit': '100',
      'x-acme-reset': '00:01:30',
      'x-acme-left': '3',
      'x-acme-cost': '0.0000001',
    };
    const body = { sorry: 'Enhance your calm, back in 90.' };
    assert.deepEqual(readAnswer({ status: 420, headers }, { dialect: defineDialect(acme), now, body }), {
      dialect: 'acme',
      kind: 'terminal',
      why: 'quota',
      retryAt: Date.UTC(2026, 8, 22),
      retryFrom: 'midnight',
      limits: [
        {
          metric: 'pages',
          window: 'day',
          pool: 'eu',
          limit: 100,
          resetAt: now + 90_000,
          resetIsFull: true,
          from: ['x-acme-limit', 'x-acme-reset'],
        },
        { metric: 'requests', remaining: 3, from: ['x-acme-left'] },
      ],
      usage: { costUsd: 0.000001 },
      ignored: [],
      counts: { settle: 'headers', refused: true, cachedInput: true },
    });
  });

  test('one can be kept as text', () => {
    const { name, json } = defineDialect(acme);
    assert.equal(readAnswer({ headers: { 'x-acme-left': '3' } }, { dialect: { name, json } }).limits.length, 1);
  });

  test('mistakes name field, value and range', () => {
    const define = (table: unknown) => (): unknown => defineDialect(table as DialectTable);
    assert.throws(define({ ...acme, nmae: 'x' }), configError('dialect', '"nmae"'));
    const window = 31_622_400_001;
    const row = { header: 'x-*', metric: 'requests', window };
    assert.throws(define({ name: 'acme', meters: [row] }), configError('meters[0].window', String(window)));
    assert.throws(
      define({ ...acme, retry: [{ header: 'a', format: 'soon' }] }),
      configError('retry[0].format', '"soon"'),
    );
    for (const table of [undefined, null, 'x', () => 0, { name: 1n }, { name: 'x'.repeat(70_000) }])
      assert.throws(define(table), (error) => ConfigError.isInstance(error) && error.field === 'dialect');
    const tampered = { name: 'x', json: '{"name":3}' };
    assert.throws(() => readAnswer({}, { dialect: tampered }), configError('name', '3'));
  });
});

describe('the instance', () => {
  test('a trap is told, and the next call has a new instance', () => {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: { Instance: new (module: object) => object } };
    const { Instance } = WebAssembly;
    const module = new web.WebAssembly.Module(readFileSync(file));
    let made = 0;
    WebAssembly.Instance = function (compiled: object): object {
      const { exports } = new Instance(compiled) as { exports: Record<string, unknown> };
      made += 1;
      const trap = (): never => {
        throw new Error('unreachable');
      };
      return { exports: made === 1 ? { ...exports, providers_call: trap } : exports };
    } as never;
    try {
      const ask = createAsk(() => module);
      assert.throws(() => ask(1, '{}'), { code: 'poisoned', message: /unreachable/ });
      assert.deepEqual(JSON.parse(ask(1, '{}')), dialects);
      assert.equal(made, 2);
    } finally {
      WebAssembly.Instance = Instance;
    }
  });

  test('where nothing can be compiled the error says so', () => {
    const refused = createAsk(() => {
      throw new Error('refused by policy');
    });
    assert.throws(() => refused(1, '{}'), { code: 'unsupported', message: /wasm-unsafe-eval.*refused by policy/ });
  });
});

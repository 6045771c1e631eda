/** What `withRetry` makes of answers and errors: of statuses, codes, errors of SDKs, and of what the dialects know. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { APIConnectionError, APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai';
import { createTestClock, type WithRetryOptions } from 'throttleai';
import { readAnswer, type DialectName, type ProviderReading } from 'throttleai/providers';
import { NOW, once, refusal, sdkError, throwing, tried } from './retry-support.ts';
import { ask, bench, granted } from './support.ts';

/** How many calls are made where the first fails so. */
async function calls(first: () => unknown, options: WithRetryOptions = {}): Promise<number> {
  return (await tried(once(first, 'answer'), options)).at.length;
}

for (const status of [408, 409, 425, 429, 500, 502, 503, 504, 522, 529])
  test(`${status} is retried, returned or thrown`, async () => {
    assert.equal(await calls(() => refusal(status)), 2);
    assert.equal(await calls(throwing(sdkError(status))), 2);
  });

for (const status of [400, 401, 402, 403, 404, 405, 413, 415, 422, 501, 505])
  test(`${status} is not retried, returned or thrown, whatever else it says`, async () => {
    assert.equal(await calls(() => refusal(status, { 'retry-after': '1' })), 1);
    assert.equal(await calls(throwing(sdkError(status, { 'retry-after': '1' }))), 1);
  });

for (const code of ['insufficient_quota', 'credit_balance_exhausted', 'project_spend_limit_exceeded']) {
  const error = { message: 'You have spent it.', type: 'requests', code };
  test(`429 for ${code} is not retried`, async () => {
    assert.equal(await calls(() => refusal(429, {}, { error })), 1);
    assert.equal(await calls(throwing(APIError.generate(429, { error }, undefined, new Headers()))), 1);
    assert.equal(await calls(throwing(sdkError(429, {}, { body: JSON.stringify({ error }) }))), 1);
    assert.equal(await calls(throwing(sdkError(429, {}, { responseBody: JSON.stringify({ error }) }))), 1);
  });
}

test('what a server forbids to retry is not retried', async () => {
  assert.equal(await calls(() => refusal(500, { 'x-should-retry': 'false' })), 1);
});

/** Errors of SDKs and clients that carry an answer, as each keeps it. */
const CARRIED: [string, object][] = [
  ['OpenAI, Anthropic, Groq', { status: 429, headers: new Headers({ 'retry-after': '7' }) }],
  ['Mistral', { statusCode: 429, headers: new Headers({ 'retry-after': '7' }), body: '{}' }],
  ['AI SDK', { statusCode: 429, responseHeaders: { 'retry-after': '7' }, responseBody: 'busy' }],
  ['Cohere', { statusCode: 429, rawResponse: { headers: new Headers({ 'retry-after': '7' }) } }],
  ['axios', { code: 'ERR_BAD_REQUEST', response: { status: 429, headers: { 'Retry-After': '7' }, data: {} } }],
  ['AWS', { $metadata: { httpStatusCode: 429 }, $response: { headers: { 'retry-after': '7' } } }],
  ['wrapped', { cause: { status: 429, headers: { 'retry-after': '7' } } }],
];

for (const [name, error] of CARRIED)
  test(`the answer in an error is found: ${name}`, async () => {
    const { at, reports } = await tried(once(throwing(Object.assign(new Error(name), error)), 'answer'));
    assert.equal(reports[0]!.status, 429);
    assert.ok(at[1]! - NOW >= 7_000, `${at[1]! - NOW} ms`);
  });

const coded = (code: string): Error => Object.assign(new TypeError('fetch failed'), { cause: { code } });

const FAILED: [string, unknown, number][] = [
  ['a connection that was refused', coded('ECONNREFUSED'), 2],
  ['a socket that was closed', coded('UND_ERR_SOCKET'), 2],
  ['a name that was not found', coded('EAI_AGAIN'), 2],
  ['no connection in a browser', new TypeError('Failed to fetch'), 2],
  ['no connection of an SDK', new APIConnectionError({ message: 'Connection error.' }), 2],
  ['a time-out of an SDK', new APIConnectionTimeoutError(), 2],
  ['a time-out of the platform', new DOMException('late', 'TimeoutError'), 2],
  ['an abort of the platform', new DOMException('no', 'AbortError'), 1],
  ['an abort of an SDK', new APIUserAbortError(), 1],
  ['a mistake in the program', new TypeError('x is not a function'), 1],
  ['anything else', new Error('no'), 1],
  ['no error at all', 'no', 1],
  ['nothing', undefined, 1],
];

for (const [name, error, expected] of FAILED)
  test(`${expected === 2 ? 'retried' : 'not retried'}: ${name}`, async () => {
    assert.equal(await calls(throwing(error)), expected);
  });

test('errors of other kinds are retried if retryIf says so; answers are not asked about', async () => {
  const mine = new Error('mine');
  const asked: unknown[] = [];
  const retryIf = (error: unknown): boolean => asked.push(error) > 0 && error === mine;
  assert.equal(await calls(throwing(mine), { retryIf }), 2);
  assert.equal(await calls(throwing(sdkError(400)), { retryIf }), 1);
  assert.deepEqual(asked, [mine]);
  const { error } = await tried(throwing(mine), { retryIf: throwing(new Error('broken')) });
  assert.equal(error, mine);
});

test('results that only resemble answers are results', async () => {
  for (const value of [{ status: 500 }, { status: 'failed' }, { ok: false }, 429, null, { decision: 'no' }])
    assert.equal(await calls(() => value), 1);
});

test('an answer whose properties throw is what it is', async () => {
  const hostile = new Proxy(new Error('no'), { get: throwing(new Error('hostile')) });
  const { error, at } = await tried(throwing(hostile));
  assert.deepEqual([error === hostile, at.length], [true, 1]);
  assert.equal(
    await calls(() => new Proxy({}, { get: (_, name) => (name === 'then' ? undefined : hostile.message) })),
    1,
  );
});

test('what a reader says goes beside what the headers say: the later instant counts', async () => {
  const reading = { kind: 'transient', retryAt: NOW + 9_000 } as const;
  for (const [seconds, least] of [
    ['5', 9_000],
    ['12', 12_000],
  ] as const) {
    const first = (): Response => refusal(429, { 'retry-after': seconds });
    const { at } = await tried(once(first, 'answer'), { readAnswer: () => reading });
    assert.ok(at[1]! - NOW >= least && at[1]! - NOW <= least + 1_001);
  }
  assert.equal(await calls(() => refusal(429), { readAnswer: () => ({ kind: 'terminal' }) }), 1);
  assert.equal(await calls(() => refusal(429), { readAnswer: throwing(new Error('broken')) }), 2);
});

test('the reader of the governor is asked, in the dialect of the model; the option beats it', async (t) => {
  const asked: unknown[] = [];
  const { governor } = bench(t, {
    models: { mine: { dialect: 'gemini' } },
    readAnswer: (_answer, options) => {
      asked.push(options);
      return { kind: 'terminal' };
    },
  });
  assert.equal(await calls(() => refusal(429), { governor, model: 'mine' }), 1);
  assert.deepEqual(asked, [{ dialect: 'gemini', now: NOW, body: '{}' }]);
  const readAnswer = (): { kind: 'transient' } => ({ kind: 'transient' });
  assert.equal(await calls(() => refusal(429), { governor, readAnswer }), 2);
  assert.equal(asked.length, 1);
});

interface Fixture {
  name: string;
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
  now?: number;
  reading: Partial<ProviderReading>;
}

const folder = new URL('../../../vectors/providers/', import.meta.url);
for (const file of readdirSync(folder)) {
  const { dialect, cases } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
    dialect: DialectName;
    cases: Fixture[];
  };
  const refusals = cases.filter(
    ({ status = 0, now = NOW }) => [408, 409, 425, 429, 500, 503, 529].includes(status) && now === NOW,
  );
  for (const { name, status, headers, body, reading } of refusals)
    test(`recorded, ${dialect}: ${name}`, async () => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const answer = (): Response => new Response(text ?? null, { status: status!, headers: headers ?? {} });
      const { at, value } = await tried(once(answer, 'answer'), {
        maxWaitMs: Infinity,
        readAnswer: (given, options) => readAnswer(given, { ...options, dialect }),
      });
      const forbidden = headers?.['x-should-retry'] === 'false';
      if (reading.kind === 'terminal' || forbidden) return assert.equal(at.length, 1);
      assert.equal(value, 'answer');
      assert.ok(at[1]! >= (reading.retryAt ?? NOW), `${at[1]} before ${reading.retryAt}`);
    });
}

// The last two are an instant in place of a delay, and what stands for "never": they would close a gate for decades.
const UNCLEAR = [
  '-45',
  '+45',
  'in 45',
  '-32',
  '45s',
  '1e3',
  '0x10',
  '5, 5',
  '1800000000',
  'Fri, 31 Dec 9999 23:59:59 GMT',
];
for (const header of UNCLEAR)
  test(`a pause that says nothing clearly is none: ${header}`, async (t) => {
    const { at } = await tried(once(() => refusal(429, { 'retry-after': header }), 'answer'));
    assert.ok(at[1]! - NOW <= 1_000, `${at[1]! - NOW} ms`);
    const { governor, clock } = bench(t, {}, createTestClock(NOW));
    const leaseId = granted(governor.acquire(ask('a', { model: 'm' })));
    governor.release(leaseId, { outcome: 'error' });
    governor.observe({ status: 429, headers: { 'retry-after': header } }, { model: 'm' });
    clock.advance(60_000);
    granted(governor.acquire(ask('a', { model: 'm' })));
  });

for (const date of ['Fri, 06 Nov 2026 08:49:37 GMT', 'Friday, 06-Nov-26 08:49:37 GMT', 'Fri Nov  6 08:49:37 2026'])
  test(`each of the dates of HTTP is one: ${date}`, async () => {
    const { reports } = await tried(() => refusal(429, { 'retry-after': date }), {
      maxWaitMs: Infinity,
      maxAttempts: 2,
    });
    assert.ok(reports[0]?.outcome === 'retry');
    const early = Date.UTC(2026, 10, 6, 8, 49, 37) - NOW - reports[0].delayMs;
    assert.ok(early <= 0 && early > -2_000, `${early} ms`);
  });

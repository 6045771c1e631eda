/** governedFetch: what it asks for, what a denied call is told, and that request and answer are left as they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock, DeniedError, InputError, type AcquireRequest } from 'throttleai';
import { governedFetch, type GovernedFetchOptions } from 'throttleai/adapters/fetch';
import { estimateTokens } from 'throttleai/estimate';
import { gate, JSON_TYPE, listen, notedGovernor, settle } from './support.ts';
import { wires } from './wires.ts';

/** An object that grants everything and notes what it was asked. */
function noting(): { asked: AcquireRequest[]; governor: { acquire(request: AcquireRequest): never; release(): void } } {
  const asked: AcquireRequest[] = [];
  const acquire = (request: AcquireRequest): never => {
    asked.push(request);
    return { granted: true, leaseId: 'lease-1', expiresAt: 1e15 } as never;
  };
  return { asked, governor: { acquire, release() {} } };
}

const answering = async (): Promise<Response> => new Response('{}');
const url = 'https://api.example.com/v1/chat/completions?x=1';
const post = (body: object): RequestInit => ({ method: 'POST', body: JSON.stringify(body) });

test('a call asks for the model and the output that its body names', async () => {
  for (const { name, path, request } of wires) {
    const { asked, governor } = noting();
    const body = { model: 'm', ...request };
    const input = `https://api.example.com${path}`;
    const headers = { 'content-type': 'application/json' };
    const governed = governedFetch(governor, { fetch: answering, wait: false });
    await governed(input, post(body));
    await governed(new URL(input), { method: 'POST', body: new TextEncoder().encode(JSON.stringify(body)) });
    await governed(new Request(input, { ...post(body), headers }));
    const { maxOutputTokens } = estimateTokens(body);
    const estimate = maxOutputTokens > 0 ? { estimate: { maxOutputTokens } } : {};
    const wanted = { actorId: 'default', action: path, priority: 'interactive', model: 'm', ...estimate };
    assert.deepEqual(asked, [wanted, wanted, wanted], name);
  }
});

test('a model is also found in the paths of Gemini, Azure OpenAI and Bedrock; a call without a body has none', async () => {
  const { asked, governor } = noting();
  const governed = governedFetch(governor, { fetch: answering, wait: false });
  for (const path of [
    '/v1beta/models/gemini-2.5-pro:generateContent',
    '/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse',
    '/openai/deployments/my%20gpt/chat/completions?api-version=1',
    '/model/anthropic.claude-v2%3A0/invoke',
  ])
    await governed(`https://example.com${path}`, post({}));
  await governed('https://example.com/v1/models');
  await governed('https://example.com/v1/models/gpt-4o');
  const models = asked.map(({ model }) => model);
  assert.deepEqual(models, [
    'gemini-2.5-pro',
    'gemini-2.5-pro',
    'my gpt',
    'anthropic.claude-v2:0',
    undefined,
    undefined,
  ]);
});

test('options may be values or functions of the call; nothing stands for the default', async () => {
  const { asked, governor } = noting();
  const body = { model: 'm', messages: [{ role: 'user', content: 'Hello world' }], max_tokens: 50, user: 'ada' };
  const options: GovernedFetchOptions[] = [
    {
      actorId: 'a',
      tenant: 't',
      priority: 'background',
      action: 'chat',
      model: 'other',
      estimate: { promptTokens: 3 },
    },
    {
      actorId: (call) => call.body?.['user'] as string,
      tenant: () => null,
      priority: () => undefined,
      action: (call) => `${call.method} ${new URL(call.url).host}`,
      estimate: (call) => estimateTokens(call.body),
      idempotencyKey: () => 'key',
    },
    { actorId: () => null, model: () => null, estimate: () => null },
  ];
  for (const option of options)
    await governedFetch(governor, { fetch: answering, wait: false, ...option })(url, post(body));
  const estimate = estimateTokens(body);
  const action = '/v1/chat/completions';
  assert.deepEqual(asked, [
    {
      actorId: 'a',
      action: 'chat',
      priority: 'background',
      tenant: 't',
      model: 'other',
      estimate: { promptTokens: 3 },
    },
    {
      actorId: 'ada',
      action: 'POST api.example.com',
      priority: 'interactive',
      model: 'm',
      estimate,
      idempotencyKey: 'key',
    },
    { actorId: 'default', action, priority: 'interactive', model: 'm', estimate: { maxOutputTokens: 50 } },
  ]);
});

test('request and answer are left as they are: the very arguments, the very bytes', async (t) => {
  const { governor } = notedGovernor(t);
  const seen: unknown[] = [];
  const body = '{ "model": "m", "seed": 12345678901234567890 }';
  const init = { method: 'POST', body };
  const governed = governedFetch(governor, {
    fetch: async (...given) => {
      seen.push(...given);
      return new Response(body, { status: 201, headers: { 'x-id': '7' } });
    },
  });
  const response = await governed(url, init);
  assert.ok(seen[0] === url && seen[1] === init);
  assert.deepEqual([response.status, response.headers.get('x-id'), await response.text()], [201, '7', body]);
});

test('includeUsage adds stream_options to streamed chat completions that say nothing about it, and to nothing else', async (t) => {
  const { governor } = notedGovernor(t);
  const bodies: unknown[] = [];
  let authorization: string | undefined;
  const origin = await listen(t, (req, res) => {
    let text = '';
    authorization = req.headers.authorization;
    req.on('data', (piece: Buffer) => (text += String(piece)));
    req.on('end', () => {
      assert.equal(Number(req.headers['content-length']), Buffer.byteLength(text));
      bodies.push(JSON.parse(text));
      res.end();
    });
  });
  const governed = governedFetch(governor, { includeUsage: true });
  const chat = `${origin}/v1/chat/completions`;
  const asking = { stream: true, text: '漢', stream_options: { include_usage: true } };
  const json = JSON.stringify({ stream: true, text: '漢' });
  const headers = { ...JSON_TYPE, 'content-length': String(Buffer.byteLength(json)) };
  await governed(chat, { method: 'POST', body: json, headers });
  await governed(new Request(chat, { method: 'POST', body: json, headers: JSON_TYPE }));
  const secret = new Request(chat, { method: 'POST', body: 'x', headers: { ...JSON_TYPE, authorization: 'Bearer k' } });
  await governed(secret, { body: json });
  assert.equal(authorization, 'Bearer k', 'headers of a request whose body is another one');
  await governed(chat, post({ stream: true, stream_options: { other: 1 } }));
  for (const same of [{ stream: true, stream_options: { include_usage: false } }, { stream: false }])
    await governed(chat, post(same));
  await governed(`${origin}/v1/messages`, post({ stream: true }));
  assert.deepEqual(bodies, [
    asking,
    asking,
    asking,
    { stream: true, stream_options: { other: 1, include_usage: true } },
    { stream: true, stream_options: { include_usage: false } },
    { stream: false },
    { stream: true },
  ]);
});

test('a denied call is a response with status 429 that says when to come back', async (t) => {
  const clock = createTestClock(1_000_000);
  const { governor } = notedGovernor(t, { clock, rate: { requestsPerMinute: 1, tokensPerMinute: 100 } });
  const governed = governedFetch(governor, { fetch: answering, wait: false });
  await governed(url);
  clock.advance(500);
  const denied = await governed(url);
  assert.equal(denied.status, 429);
  assert.equal(denied.headers.get('retry-after'), '60');
  assert.equal(denied.headers.get('x-should-retry'), null);
  const body = (await denied.json()) as { error: { message: string; code: string }; reason: string };
  assert.equal(body.reason, 'rate');
  assert.equal(body.error.code, 'throttled');
  const never = await governed(url, post({ max_tokens: 101 }));
  assert.deepEqual([never.headers.get('retry-after'), never.headers.get('x-should-retry')], [null, 'false']);
});

test('onDenied: "throw" rejects with the decision, a function answers', async (t) => {
  const { governor } = notedGovernor(t, { rate: { requestsPerMinute: 1 } });
  governor.acquire({ actorId: 'x', action: 'y' });
  const about = { fetch: answering, wait: false } as const;
  await assert.rejects(governedFetch(governor, { ...about, onDenied: 'throw' })(url), (error) => {
    assert.ok(DeniedError.isInstance(error));
    return error.decision.reason === 'rate';
  });
  const answer = governedFetch(governor, {
    ...about,
    onDenied: (decision, call) => Response.json([decision.cause, call.url], { status: 503 }),
  });
  const response = await answer(url);
  assert.deepEqual([response.status, await response.json()], [503, ['limit', url]]);
});

test('a call that cannot be counted is a response with status 400 that says why, or rejects with the error', async (t) => {
  const limits = { costUsd: '1/m' };
  const { governor } = notedGovernor(t, { limits, models: { priced: { prices: { input: 1, output: 2 } } } });
  let sent = 0;
  const fetch = async (): Promise<Response> => Response.json({ sent: ++sent });
  const about = { fetch, wait: false } as const;
  const message = /request\.model must be a model with prices/;
  const response = await governedFetch(governor, about)(url, post({ model: 'm' }));
  assert.deepEqual([response.status, response.headers.get('x-should-retry')], [400, 'false']);
  const body = (await response.json()) as { error: { message: string; code: string } };
  assert.equal(body.error.code, 'uncountable');
  assert.match(body.error.message, message);
  for (const onDenied of ['throw', () => new Response()] as const) {
    const call = governedFetch(governor, { ...about, onDenied })(url, post({ model: 'm' }));
    await assert.rejects(call, (error) => InputError.isInstance(error) && message.test(error.message));
  }
  assert.equal(sent, 0);
  // What the call itself throws is the caller's.
  const wrong = new InputError({ field: 'x', value: 1, allowed: 'another one' });
  const throwing = governedFetch(governor, {
    fetch: () => Promise.reject(wrong),
    estimate: { metrics: { costUsd: 0.1 } },
  });
  await assert.rejects(throwing(url), (error) => error === wrong);
});

test('by default a call waits for its lease, at most a minute; its own signal ends the wait', async (t) => {
  const clock = createTestClock();
  const { governor } = notedGovernor(t, { clock, concurrency: { maxInFlight: 1 }, leaseTtlMs: 1e6 });
  const first = governor.acquire({ actorId: 'x', action: 'y' });
  assert.ok(first.granted);
  const governed = governedFetch(governor, { fetch: answering });
  const leaving = new AbortController();
  const left = governed(url, { signal: leaving.signal });
  const leftToo = governed(new Request(url, { signal: leaving.signal }));
  const late = governed(url);
  await settle();
  leaving.abort('enough');
  await assert.rejects(left, (reason) => reason === 'enough');
  await assert.rejects(leftToo, (reason) => reason === 'enough');
  clock.advance(60_000);
  assert.equal((await late).status, 429);
  const patient = governed(url);
  await settle();
  governor.release(first.leaseId);
  assert.equal((await patient).status, 200);
});

test('usage is read from the answer, and of a broken stream what it had said', async (t) => {
  const { governor, released } = notedGovernor(t);
  for (const { json, usage } of wires) {
    await (await governedFetch(governor, { fetch: async () => Response.json(json) })(url)).text();
    assert.deepEqual(released.at(-1)?.report?.usage, usage);
  }
});

test('a call whose provider is silent gives its lease up after stallMs and goes on; until then it is renewed', async (t) => {
  const clock = createTestClock();
  const { governor, released, untilReleased } = notedGovernor(t, { clock, leaseTtlMs: 60_000 });
  const headers = gate();
  const rest = gate();
  const origin = await listen(t, async (_req, res) => {
    await headers.promise;
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    await rest.promise;
    res.end('data: 2\n\n');
  });
  const answer = governedFetch(governor)(origin);
  await settle();
  for (let minute = 0; minute < 4; minute++) clock.advance(60_000);
  assert.equal(governor.activeLeases, 1, 'renewed while there are no headers');
  headers.open();
  const response = await answer;
  const reader = response.body!.getReader();
  await reader.read();
  const pending = reader.read();
  await settle();
  for (let second = 0; second < 299; second++) clock.advance(1000);
  assert.deepEqual([governor.activeLeases, released.length], [1, 0]);
  clock.advance(1000);
  const [release] = await untilReleased(1);
  assert.equal(release?.report?.outcome, 'timeout');
  rest.open();
  assert.equal(new TextDecoder().decode((await pending).value), 'data: 2\n\n');
  assert.equal((await reader.read()).done, true);
  assert.equal(released.length, 1);
});

test('a governor that follows providers is told each answer, a refusal with its body', async () => {
  const told: [number, string | undefined, unknown][] = [];
  const { governor } = noting();
  const observe = ({ status, body }: { status: number; body?: string }, about: unknown): never => {
    told.push([status, body, about]);
    throw new Error('is no matter of the call');
  };
  const refused = { error: { code: 'insufficient_quota' } };
  const statuses = [200, 429];
  const fetch = async (): Promise<Response> => Response.json(refused, { status: statuses.shift()! });
  const governed = governedFetch({ ...governor, observe }, { fetch, wait: false });
  const about = { leaseId: 'lease-1', model: 'm' };
  const good = await governed(url, post({ model: 'm' }));
  assert.deepEqual(told, [[200, undefined, about]], 'before its body was read');
  await good.text();
  const bad = await governed(url, post({ model: 'm' }));
  assert.deepEqual(await bad.json(), refused);
  assert.deepEqual(told.slice(1), [[429, JSON.stringify(refused), about]]);
});

test('options that cannot be used are refused at once, naming them', () => {
  const { governor } = noting();
  const wrong: [object, RegExp][] = [
    [{ onDenied: 'later' }, /options\.onDenied/],
    [{ includeUsage: 1 }, /options\.includeUsage/],
    [{ fetch: 'x' }, /options\.fetch/],
    [{ wait: { timeout: 1 } }, /wait\.timeout/],
    [{ stallMs: -1 }, /options\.stallMs/],
    [{ actorId: 7 }, /actorId/],
    [{ priority: 'urgent' }, /priority/],
    [{ estimate: { promptTokens: -1 } }, /promptTokens/],
    [{ retries: 3 }, /options\.retries/],
  ];
  for (const [options, message] of wrong)
    assert.throws(
      () => governedFetch(governor, options),
      (error) => {
        assert.ok(InputError.isInstance(error));
        assert.match(error.message, message);
        return true;
      },
    );
  // @ts-expect-error there must be a governor
  assert.throws(() => governedFetch(undefined), InputError);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock, type AcquireDecision, type AcquireRequest } from 'throttleai';
import { classifyOutcome, wrapFetch } from 'throttleai/adapters/fetch';
import { collectUntil, gate, listen, notedGovernor, settle } from './support.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

test('a granted call resolves to its response, under both names, and names its action by the path', async (t) => {
  const { governor, asked } = notedGovernor(t);
  const origin = await listen(t, (_req, res) => res.end('hello'));
  const answer = await wrapFetch(fetch, { governor })(`${origin}/v1/chat?x=1`);
  assert.ok(answer.ok);
  assert.equal(answer.response, answer.result);
  assert.equal(await answer.response.text(), 'hello');
  assert.ok(answer.latencyMs >= 0);
  assert.deepEqual(asked, [{ actorId: 'default', action: '/v1/chat' }]);
});

test('actor, priority, action, estimate and key reach the governor', async () => {
  const asked: AcquireRequest[] = [];
  const governor = {
    acquire(request: AcquireRequest): AcquireDecision {
      asked.push(request);
      return { granted: true, leaseId: 'lease-1', expiresAt: Date.now() + 1000 };
    },
    release() {},
  };
  const reply = async (): Promise<Response> => new Response(null);
  await wrapFetch(reply, { governor })('/relative');
  await wrapFetch(reply, {
    governor,
    actorId: 'a',
    priority: 'background',
    classifyAction: (url, init) => `${init?.method} ${url}`,
    estimate: () => ({ promptTokens: 3 }),
    idempotencyKey: () => 'k',
  })(new URL('https://example.com/x'), { method: 'PUT' });
  assert.deepEqual(asked, [
    { actorId: 'default', priority: 'interactive', action: 'fetch' },
    {
      actorId: 'a',
      priority: 'background',
      action: 'PUT https://example.com/x',
      estimate: { promptTokens: 3 },
      idempotencyKey: 'k',
    },
  ]);
});

test('a denied call is not made', async (t) => {
  const { governor } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  governor.acquire({ actorId: 'a', action: 'b' });
  let calls = 0;
  const answer = await wrapFetch(async () => (calls++, new Response()), { governor })('https://example.com/');
  assert.ok(!answer.ok);
  assert.equal(answer.decision.reason, 'concurrency');
  assert.equal(calls, 0);
});

test('the lease lasts until the last byte has arrived', async (t) => {
  const { governor, released, untilReleased } = notedGovernor(t);
  const rest = gate();
  const origin = await listen(t, async (_req, res) => {
    res.writeHead(200, JSON_TYPE).write('{"a":');
    await rest.promise;
    res.end('1}');
  });
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  assert.equal(released.length, 0);
  assert.equal(governor.activeLeases, 1);
  rest.open();
  assert.deepEqual(await answer.response.json(), { a: 1 });
  const report = (await untilReleased(1))[0]?.report;
  assert.equal(report?.outcome, 'success');
  assert.ok((report.latencyMs ?? 0) >= answer.latencyMs);
});

test('a response that nobody reads ends its lease when its bytes have arrived', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const origin = await listen(t, (_req, res) => res.writeHead(200, JSON_TYPE).end('x'.repeat(500_000)));
  const answer = await wrapFetch(fetch, { governor })(origin);
  const [release] = await untilReleased(1);
  assert.equal(release?.report?.outcome, 'success');
  assert.ok(answer.ok);
  assert.equal((await answer.response.text()).length, 500_000, 'it can still be read');
});

test('at most about 1 MiB is read ahead; then the idle time runs, and reading goes on at the pace of the reader', async (t) => {
  const clock = createTestClock();
  const { governor, released, untilReleased } = notedGovernor(t, { clock, leaseTtlMs: 1e6 });
  const sent = { chunks: 0 };
  const chunk = new Uint8Array(64 * 1024);
  const total = 100;
  const source = async (): Promise<Response> =>
    new Response(
      new ReadableStream(
        {
          pull(controller) {
            if (sent.chunks++ < total) controller.enqueue(chunk);
            else controller.close();
          },
        },
        { highWaterMark: 0 },
      ),
    );
  const answer = await wrapFetch(source, { governor })('https://example.com/');
  assert.ok(answer.ok);
  await settle();
  assert.equal(sent.chunks, 16, '1 MiB of 64 KiB chunks');
  clock.advance(29_999);
  assert.equal(released.length, 0);
  clock.advance(1);
  assert.equal(released[0]?.report?.outcome, 'timeout');
  assert.equal(sent.chunks, 16);
  assert.equal((await answer.response.arrayBuffer()).byteLength, total * chunk.byteLength);
  await untilReleased(1);
  assert.equal(released.length, 1);
});

test('an event stream is not read ahead; unread it gives up its lease after idleMs and can still be read', async (t) => {
  const clock = createTestClock();
  const { governor, released } = notedGovernor(t, { clock });
  const origin = await listen(t, (_req, res) =>
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).end('data: 1\n\n'),
  );
  const answer = await wrapFetch(fetch, { governor, idleMs: 500 })(origin);
  assert.ok(answer.ok);
  await settle();
  clock.advance(499);
  assert.equal(released.length, 0);
  clock.advance(1);
  assert.equal(released[0]?.report?.outcome, 'timeout');
  assert.equal(await answer.response.text(), 'data: 1\n\n');
});

test('once the lease is given up, reading on arms no further timer', async (t) => {
  const clock = createTestClock();
  const armed = new Set<unknown>();
  const counting = {
    now: clock.now,
    setTimeout(callback: () => void, ms: number): unknown {
      const timer = clock.setTimeout(() => {
        armed.delete(timer);
        callback();
      }, ms);
      armed.add(timer);
      return timer;
    },
    clearTimeout(timer: unknown): void {
      armed.delete(timer);
      clock.clearTimeout(timer);
    },
  };
  const { governor } = notedGovernor(t, { clock: counting });
  const origin = await listen(t, (_req, res) =>
    res.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: 1\n\n'),
  );
  const answer = await wrapFetch(fetch, { governor, idleMs: 500 })(origin);
  assert.ok(answer.ok);
  clock.advance(500);
  governor.dispose();
  const reader = answer.response.body!.getReader();
  await reader.read();
  await settle();
  assert.equal(armed.size, 0);
});

test('an event stream that was dropped ends its lease and its connection', async (t) => {
  const { governor, released } = notedGovernor(t);
  const closed = gate();
  const origin = await listen(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    res.on('close', () => closed.open());
  });
  const drop = async (): Promise<boolean> => (await wrapFetch(fetch, { governor })(origin)).ok;
  assert.ok(await drop());
  await collectUntil(() => released.length > 0);
  assert.equal(released[0]?.report?.outcome, 'cancelled');
  await closed.promise;
});

test('waiting for the provider is not idle time', async (t) => {
  const clock = createTestClock();
  const { governor, released } = notedGovernor(t, { clock, leaseTtlMs: 1e6 });
  const second = gate();
  const origin = await listen(t, async (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    await second.promise;
    res.end('data: 2\n\n');
  });
  const answer = await wrapFetch(fetch, { governor, idleMs: 500 })(origin);
  assert.ok(answer.ok);
  const reader = answer.response.body!.getReader();
  await reader.read();
  const pending = reader.read();
  await settle();
  clock.advance(10_000);
  assert.equal(released.length, 0);
  second.open();
  assert.equal(new TextDecoder().decode((await pending).value), 'data: 2\n\n');
  assert.equal((await reader.read()).done, true);
  assert.equal(released[0]?.report?.outcome, 'success');
});

test('the lease is renewed while bytes flow', async (t) => {
  const clock = createTestClock();
  const { governor } = notedGovernor(t, { clock, leaseTtlMs: 1000, reaperIntervalMs: 100 });
  let response!: import('node:http').ServerResponse;
  const origin = await listen(t, (_req, res) => {
    response = res;
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('0');
  });
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  const reader = answer.response.body!.getReader();
  await reader.read();
  for (let i = 1; i <= 5; i++) {
    clock.advance(700);
    response.write(String(i));
    await reader.read();
    assert.equal(governor.activeLeases, 1, `held at ${i * 700} ms`);
  }
  response.end();
  assert.equal((await reader.read()).done, true);
  assert.equal(governor.activeLeases, 0);
});

test('a response without a body ends its lease at once', async (t) => {
  const { governor, released } = notedGovernor(t);
  const origin = await listen(t, (_req, res) => res.writeHead(204).end());
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  assert.equal(answer.response.status, 204);
  assert.equal(released.length, 1);
});

test('url, redirected, type, headers and clone() are those of the original', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const origin = await listen(t, (req, res) => {
    if (req.url === '/from') res.writeHead(302, { location: '/to' }).end();
    else res.writeHead(201, 'Made', { ...JSON_TYPE, 'x-mine': 'yes' }).end('{"a":1}');
  });
  const original = await fetch(`${origin}/from`);
  const answer = await wrapFetch(fetch, { governor })(`${origin}/from`);
  assert.ok(answer.ok);
  for (const response of [answer.response, answer.response.clone(), answer.response.clone().clone()]) {
    assert.ok(response instanceof Response);
    for (const name of ['url', 'redirected', 'type', 'status', 'statusText', 'ok'] as const)
      assert.equal(response[name], original[name], name);
    assert.equal(response.headers.get('x-mine'), 'yes');
    assert.deepEqual(await response.json(), { a: 1 });
  }
  assert.equal((await untilReleased(1)).length, 1);
});

test('a status from 400 on is an error, and the response is handed on', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const origin = await listen(t, (_req, res) => res.writeHead(429).end('slow down'));
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  assert.equal(answer.response.status, 429);
  assert.equal(await answer.response.text(), 'slow down');
  assert.equal((await untilReleased(1))[0]?.report?.outcome, 'error');
});

test('what fetch throws is thrown on after the release', async (t) => {
  const { governor, released } = notedGovernor(t);
  const failure = new Error('no route');
  await assert.rejects(wrapFetch(() => Promise.reject(failure), { governor })('https://example.com/'), failure);
  assert.equal(released[0]?.report?.outcome, 'error');
});

for (const [name, reason, outcome] of [
  ['an abort', undefined, 'cancelled'],
  ['an abort with a reason of its own', 'enough', 'cancelled'],
  ['a time-out', new DOMException('too slow', 'TimeoutError'), 'timeout'],
] as const) {
  test(`${name} before the response is "${outcome}"`, async (t) => {
    const { governor, released } = notedGovernor(t);
    const arrived = gate();
    const origin = await listen(t, () => arrived.open());
    const abort = new AbortController();
    const call = wrapFetch(fetch, { governor })(origin, { signal: abort.signal });
    await arrived.promise;
    abort.abort(reason);
    await assert.rejects(call, (error) => error === abort.signal.reason);
    assert.equal(released[0]?.report?.outcome, outcome);
  });

  test(`${name} in the middle of the body is "${outcome}"`, async (t) => {
    const { governor, untilReleased } = notedGovernor(t);
    const origin = await listen(t, (_req, res) => void res.writeHead(200, JSON_TYPE).write('{'));
    const abort = new AbortController();
    const answer = await wrapFetch(fetch, { governor })(origin, { signal: abort.signal });
    assert.ok(answer.ok);
    abort.abort(reason);
    await assert.rejects(answer.response.text());
    assert.equal((await untilReleased(1))[0]?.report?.outcome, outcome);
  });
}

test('a signal that is aborted already makes no call and takes no lease', async (t) => {
  const { governor, asked } = notedGovernor(t);
  const call = wrapFetch(fetch, { governor })('https://example.com/', { signal: AbortSignal.abort('no') });
  await assert.rejects(call, (error) => error === 'no');
  assert.equal(asked.length, 0);
});

test('a connection that is cut in the middle of the body is an error, for the reader too', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const cut = gate();
  const origin = await listen(t, async (_req, res) => {
    res.writeHead(200, JSON_TYPE).write('{');
    await cut.promise;
    res.destroy();
  });
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  cut.open();
  await assert.rejects(answer.response.text());
  assert.equal((await untilReleased(1))[0]?.report?.outcome, 'error');
});

test('cancelling the body ends the lease and the connection', async (t) => {
  const { governor, released } = notedGovernor(t);
  const closed = gate();
  const origin = await listen(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    res.on('close', () => closed.open());
  });
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  await answer.response.body!.cancel();
  assert.equal(released[0]?.report?.outcome, 'cancelled');
  await closed.promise;
});

test('extractUsage reads the whole body, and its answer settles the lease before the reader hears of the end', async (t) => {
  const { governor, released } = notedGovernor(t, { rate: { tokensPerMinute: 1000 } });
  const origin = await listen(t, (_req, res) =>
    res.writeHead(200, JSON_TYPE).end('{"usage":{"prompt_tokens":7,"completion_tokens":5}}'),
  );
  const answer = await wrapFetch(fetch, {
    governor,
    estimate: { promptTokens: 100, maxOutputTokens: 400 },
    async extractUsage(response) {
      const { usage } = (await response.json()) as { usage: { prompt_tokens: number; completion_tokens: number } };
      return { promptTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens };
    },
  })(origin);
  assert.ok(answer.ok);
  await answer.response.json();
  assert.deepEqual(released[0]?.report?.usage, { promptTokens: 7, outputTokens: 5 });
  assert.equal(governor.tokenRateCount, 12);
});

test('extractUsage gets the last part of a long event stream, and of a response without a body the headers', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const origin = await listen(t, (req, res) => {
    if (req.url === '/empty') res.writeHead(204, { 'x-cost': '3' }).end();
    else
      res
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(`${'data: filler\n\n'.repeat(100_000)}data: 42\n\n`);
  });
  const throttled = wrapFetch(fetch, {
    governor,
    async extractUsage(response) {
      const text = await response.text();
      assert.ok(text.length < 1.2e6, `${text.length} characters kept`);
      return { promptTokens: Number(response.headers.get('x-cost') ?? text.slice(-5).trim().split(' ').at(-1)) };
    },
  });
  const answer = await throttled(origin);
  assert.ok(answer.ok);
  assert.equal((await answer.response.text()).length, 1_400_010);
  await throttled(`${origin}/empty`);
  const releases = await untilReleased(2);
  assert.deepEqual(
    releases.map(({ report }) => report?.usage),
    [{ promptTokens: 42 }, { promptTokens: 3 }],
  );
});

test('an extractUsage that throws costs the report, not the answer', async (t) => {
  const { governor, released } = notedGovernor(t, { rate: { tokensPerMinute: 1000 } });
  const origin = await listen(t, (_req, res) => res.end('no json'));
  const answer = await wrapFetch(fetch, {
    governor,
    estimate: { promptTokens: 100 },
    extractUsage: async (response) => (await response.json()) as { promptTokens: number },
  })(origin);
  assert.ok(answer.ok);
  assert.equal(await answer.response.text(), 'no json');
  assert.equal(released[0]?.report?.outcome, 'success');
  assert.equal(governor.tokenRateCount, 100);
});

test('a release that throws never makes a failure of a call', async (t) => {
  const governor = {
    acquire: (): AcquireDecision => ({ granted: true, leaseId: 'lease-1', expiresAt: Date.now() + 1000 }),
    release(): void {
      throw new Error('[ThrottleAI strict] Double release');
    },
  };
  const origin = await listen(t, (_req, res) => res.end('fine'));
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  assert.equal(await answer.response.text(), 'fine');
});

test('with wait a call waits for a lease, in the order of the calls', async (t) => {
  const { governor } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  const rest = gate();
  const order: string[] = [];
  const origin = await listen(t, async (req, res) => {
    order.push(req.url!);
    res.write('a');
    if (req.url === '/1') await rest.promise;
    res.end('b');
  });
  const throttled = wrapFetch(fetch, { governor, wait: {} });
  const first = await throttled(`${origin}/1`);
  const others = [throttled(`${origin}/2`), throttled(`${origin}/3`)];
  assert.deepEqual(order, ['/1']);
  rest.open();
  for (const answer of [first, ...(await Promise.all(others))]) {
    assert.ok(answer.ok);
    assert.equal(await answer.response.text(), 'ab');
  }
  assert.deepEqual(order, ['/1', '/2', '/3']);
});

test('an abort while it waits consumes nothing', async (t) => {
  const { governor, asked } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  const held = governor.acquire({ actorId: 'a', action: 'b' });
  assert.ok(held.granted);
  const abort = new AbortController();
  const call = wrapFetch(fetch, { governor, wait: {} })('https://example.com/', { signal: abort.signal });
  abort.abort('gone');
  await assert.rejects(call, (error) => error === 'gone');
  governor.release(held.leaseId);
  assert.equal(asked.length, 1);
  assert.equal(governor.activeLeases, 0);
});

test('an object of the user’s is polled, with pauses', async (t) => {
  const denial: AcquireDecision = { granted: false, reason: 'rate', retryAfterMs: 25, recommendation: 'wait' };
  let asked = 0;
  const governor = {
    acquire: (): AcquireDecision =>
      ++asked < 3 ? denial : { granted: true, leaseId: 'lease-1', expiresAt: Date.now() + 1000 },
    release() {},
  };
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const call = wrapFetch(async () => new Response(null), { governor, wait: { timeoutMs: 10_000 } })(
    'https://example.com/',
  );
  for (const pause of [250, 500]) {
    await Promise.resolve();
    t.mock.timers.tick(pause);
    await settle();
  }
  assert.ok((await call).ok);
  assert.equal(asked, 3);
});

test('two calls under one key hold the slot until the last has finished', async (t) => {
  const { governor, asked } = notedGovernor(t, { concurrency: { maxInFlight: 5 } });
  const rest = new Map([
    ['/1', gate()],
    ['/2', gate()],
  ]);
  const origin = await listen(t, async (req, res) => {
    res.write('a');
    await rest.get(req.url!)!.promise;
    res.end();
  });
  const throttled = wrapFetch(fetch, { governor, idempotencyKey: () => 'same' });
  const [first, second] = await Promise.all([throttled(`${origin}/1`), throttled(`${origin}/2`)]);
  assert.ok(first.ok && second.ok);
  assert.equal(asked.length, 1);
  rest.get('/1')!.open();
  await first.response.text();
  assert.equal(governor.activeLeases, 1);
  rest.get('/2')!.open();
  await second.response.text();
  assert.equal(governor.activeLeases, 0);
});

test('an acquire that was replaced on the instance is the one that is called', async (t) => {
  const { governor } = notedGovernor(t);
  const asked: AcquireRequest[] = [];
  const acquire = governor.acquire.bind(governor);
  governor.acquire = (request) => (asked.push(request), acquire(request));
  const throttled = wrapFetch(async () => new Response(null), { governor, wait: {} });
  assert.ok((await throttled('https://example.com/x')).ok);
  assert.equal(asked.length, 1);
});

test('an id that the governor refuses rejects the call and leaves nothing', async (t) => {
  const { governor } = notedGovernor(t);
  const call = wrapFetch(fetch, { governor, actorId: 'x'.repeat(600) })('https://example.com/');
  await assert.rejects(call, { name: 'InputError' });
  assert.equal(governor.activeLeases, 0);
});

test('classifyOutcome', () => {
  assert.equal(classifyOutcome(undefined, 200), 'success');
  assert.equal(classifyOutcome(null, 399), 'success');
  assert.equal(classifyOutcome(undefined, 400), 'error');
  assert.equal(classifyOutcome(new Error('x'), 200), 'error');
  assert.equal(classifyOutcome('x'), 'error');
  assert.equal(classifyOutcome(new DOMException('x', 'AbortError')), 'cancelled');
  assert.equal(classifyOutcome(new DOMException('x', 'TimeoutError')), 'timeout');
  assert.equal(classifyOutcome(new Error('x', { cause: new DOMException('x', 'AbortError') })), 'cancelled');
});

/** wrapFetch: what it asks the governor, and what the caller gets. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { AcquireDecision, AcquireRequest } from 'throttleai';
import { classifyOutcome, wrapFetch } from 'throttleai/adapters/fetch';
import { JSON_TYPE, listen, notedGovernor } from './support.ts';

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

test('answers that no constructor takes are handed on as they are', async (t) => {
  const heads = ['HTTP/1.1 999 Request denied', 'HTTP/1.1 200 Café', 'HTTP/1.1 503 Später'];
  for (const head of heads) {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(`${head}\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nwhy?`));
    });
    const origin = await listenOn(t, server);
    const original = await fetch(origin);
    const { governor, untilReleased } = notedGovernor(t);
    const answer = await wrapFetch(fetch, { governor, extractUsage: async (response) => noted(await response.text()) })(
      origin,
    );
    assert.ok(answer.ok);
    for (const response of [answer.response.clone(), answer.response]) {
      for (const name of ['status', 'statusText', 'ok', 'url'] as const)
        assert.equal(response[name], original[name], `${head}: ${name}`);
      assert.equal(await response.text(), 'why?');
    }
    assert.deepEqual((await untilReleased(1))[0]?.report?.usage, { promptTokens: 4 }, 'usage was read');
  }
});

function noted(text: string): { promptTokens: number } {
  return { promptTokens: text.length };
}

async function listenOn(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

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

test('an acquire that was replaced on the instance is the one that is called', async (t) => {
  const { governor } = notedGovernor(t);
  const asked: AcquireRequest[] = [];
  const acquire = governor.acquire.bind(governor);
  governor.acquire = (request) => (asked.push(request), acquire(request));
  const throttled = wrapFetch(async () => new Response(null), { governor, wait: {} });
  assert.ok((await throttled('https://example.com/x')).ok);
  assert.equal(asked.length, 1);
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

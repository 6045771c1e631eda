import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import express, { type ErrorRequestHandler, type Request, type RequestHandler } from 'express';
import { createTestClock, type AcquireDecision, type AcquireRequest } from 'throttleai';
import { throttleMiddleware, type ThrottleMiddlewareOptions } from 'throttleai/adapters/express';
import { gate, listen, notedGovernor } from './support.ts';

/** An app whose route `/ai/x` is governed; resolves to its address. */
function serve(
  t: TestContext,
  middleware: RequestHandler,
  handler: RequestHandler,
  onError?: ErrorRequestHandler,
): Promise<string> {
  const app = express();
  app.use('/ai', middleware);
  app.use('/ai/x', handler);
  if (onError) app.use(onError);
  return listen(t, app);
}

const hello: RequestHandler = (_req, res) => void res.send('hello');

test('a request holds a lease until its response is sent', async (t) => {
  const { governor, asked, untilReleased } = notedGovernor(t);
  const handler: RequestHandler = (_req, res) => {
    assert.equal(governor.activeLeases, 1);
    res.send('hello');
  };
  const origin = await serve(t, throttleMiddleware({ governor }), handler);
  const response = await fetch(`${origin}/ai/x?y=1`, { headers: { 'x-actor-id': 'ana' } });
  assert.equal(await response.text(), 'hello');
  const [release] = await untilReleased(1);
  assert.equal(release?.report?.outcome, 'success');
  assert.ok((release?.report?.latencyMs ?? -1) >= 0);
  assert.deepEqual(asked, [{ actorId: 'ana', action: '/x' }]);
});

test('the actor is the header, else the address; functions of the options come first', async (t) => {
  const requests: AcquireRequest[] = [];
  const governor = {
    acquire(request: AcquireRequest): AcquireDecision {
      requests.push(request);
      return { granted: true, leaseId: 'lease-1', expiresAt: Date.now() + 1000 };
    },
    release() {},
  };
  const plain = await serve(t, throttleMiddleware({ governor }), hello);
  await fetch(`${plain}/ai/x`);
  const options: ThrottleMiddlewareOptions<Request> = {
    governor,
    getActorId: (req) => `user-${req.query['u'] as string}`,
    getAction: (req) => req.method,
    getPriority: () => 'background',
    getEstimate: () => ({ promptTokens: 5 }),
  };
  const own = await serve(t, throttleMiddleware(options), hello);
  await fetch(`${own}/ai/x?u=7`);
  const fake = { headers: {}, path: '/p' };
  throttleMiddleware({ governor })(fake, { status: () => ({ json() {} }), setHeader() {}, on() {} }, () => {});
  assert.deepEqual(requests, [
    { actorId: '127.0.0.1', action: '/x' },
    { actorId: 'user-7', action: 'GET', priority: 'background', estimate: { promptTokens: 5 } },
    { actorId: 'anonymous', action: '/p' },
  ]);
});

test('a denial is status 429 with Retry-After and the documented body', async (t) => {
  const clock = createTestClock();
  const { governor } = notedGovernor(t, { rate: { requestsPerMinute: 1 }, clock });
  const origin = await serve(t, throttleMiddleware({ governor }), hello);
  await fetch(`${origin}/ai/x`);
  clock.advance(500);
  const response = await fetch(`${origin}/ai/x`);
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('retry-after'), '60', 'the exact instant, rounded up, not the clamped delay');
  const body = (await response.json()) as object;
  assert.deepEqual(body, {
    error: 'Too many requests',
    reason: 'rate',
    retryAfterMs: 5000,
    recommendation: 'Rate limit hit (1/1 req/window). Retry in 5000ms.',
  });
});

test('Retry-After falls back to retryAfterMs, and is absent where waiting cannot help', async (t) => {
  const denial = { granted: false, reason: 'rate', retryAfterMs: 1200, recommendation: 'later' } as const;
  const decisions: AcquireDecision[] = [denial, { ...denial, retryAt: null }];
  const governor = { acquire: () => decisions.shift()!, release() {} };
  const origin = await serve(t, throttleMiddleware({ governor }), hello);
  assert.equal((await fetch(`${origin}/ai/x`)).headers.get('retry-after'), '2');
  assert.equal((await fetch(`${origin}/ai/x`)).headers.get('retry-after'), null);
});

test('onDeny answers instead; what it throws, at once or later, goes to the error handler', async (t) => {
  const { governor } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  governor.acquire({ actorId: 'a', action: 'b' });
  const onError: ErrorRequestHandler = (error: Error, _req, res, _next) => void res.status(500).send(error.message);
  const origins = await Promise.all([
    serve(
      t,
      throttleMiddleware({ governor, onDeny: (_req, res, decision) => res.status(503).json(decision.reason) }),
      hello,
    ),
    serve(
      t,
      throttleMiddleware({
        governor,
        onDeny: () => {
          throw new Error('at once');
        },
      }),
      hello,
      onError,
    ),
    serve(t, throttleMiddleware({ governor, onDeny: () => Promise.reject(new Error('later')) }), hello, onError),
  ]);
  const answers = await Promise.all(
    origins.map(async (origin) => {
      const response = await fetch(`${origin}/ai/x`);
      return [response.status, await response.text()];
    }),
  );
  assert.deepEqual(answers, [
    [503, '"concurrency"'],
    [500, 'at once'],
    [500, 'later'],
  ]);
});

test('a deny handler that rejects without a reason does not let the request through', async (t) => {
  const { governor } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  governor.acquire({ actorId: 'a', action: 'b' });
  const onError: ErrorRequestHandler = (error: Error, _req, res, _next) => void res.status(500).send(error.message);
  for (const onDeny of [() => Promise.reject(), () => Promise.reject(null)]) {
    const origin = await serve(t, throttleMiddleware({ governor, onDeny }), hello, onError);
    const response = await fetch(`${origin}/ai/x`);
    assert.deepEqual([response.status, await response.text()], [500, 'Rejected without a reason']);
  }
});

test('what an option’s function throws is the server’s error, of whatever kind, and no answer 400', async (t) => {
  const { governor } = notedGovernor(t);
  const onError: ErrorRequestHandler = (error: Error, _req, res, _next) => void res.status(500).send(error.name);
  const getActorId = (): string => {
    governor.acquire({ actorId: '', action: 'a mistake of its own' });
    return 'never';
  };
  const origin = await serve(t, throttleMiddleware({ governor, getActorId }), hello, onError);
  const response = await fetch(`${origin}/ai/x`);
  assert.deepEqual([response.status, await response.text()], [500, 'InputError']);
});

test('errors of the options go to the error handler, ids that the governor refuses answer 400', async (t) => {
  const { governor } = notedGovernor(t);
  const onError: ErrorRequestHandler = (error: Error, _req, res, _next) => void res.status(500).send(error.message);
  const getActorId = (): string => {
    throw new Error('who?');
  };
  const failing = await serve(t, throttleMiddleware({ governor, getActorId }), hello, onError);
  assert.equal(await (await fetch(`${failing}/ai/x`)).text(), 'who?');
  const plain = await serve(t, throttleMiddleware({ governor }), hello);
  const response = await fetch(`${plain}/ai/x`, { headers: { 'x-actor-id': 'x'.repeat(600) } });
  assert.equal(response.status, 400);
  assert.match(((await response.json()) as { error: string }).error, /actorId/);
});

test('a status from 400 on and a handler that throws are errors', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const onError: ErrorRequestHandler = (_error, _req, res, _next) => void res.status(500).end();
  const missing = await serve(t, throttleMiddleware({ governor }), (_req, res) => void res.status(404).end());
  await fetch(`${missing}/ai/x`);
  const throwing = await serve(t, throttleMiddleware({ governor }), () => Promise.reject(new Error('x')), onError);
  await fetch(`${throwing}/ai/x`);
  assert.deepEqual(
    (await untilReleased(2)).map(({ report }) => report?.outcome),
    ['error', 'error'],
  );
});

for (const [when, write] of [
  ['before', false],
  ['in the middle of', true],
] as const) {
  test(`a client that vanishes ${when} the response gives its lease back`, async (t) => {
    const { governor, untilReleased } = notedGovernor(t);
    const reached = gate();
    const origin = await serve(t, throttleMiddleware({ governor }), (_req, res) => {
      if (write) res.write('part');
      reached.open();
    });
    const client = httpRequest(`${origin}/ai/x`).end();
    client.on('error', () => {});
    await reached.promise;
    assert.equal(governor.activeLeases, 1);
    client.destroy();
    assert.equal((await untilReleased(1))[0]?.report?.outcome, 'cancelled');
    assert.equal(governor.activeLeases, 0);
  });
}

test('a client that has vanished before the middleware takes no lease', async (t) => {
  const { governor, asked } = notedGovernor(t);
  const closed = gate();
  let calls = 0;
  const app = express();
  app.use((_req, res, next) => {
    res.on('close', () => {
      next();
      closed.open();
    });
  });
  app.use(throttleMiddleware({ governor }));
  app.use(() => void calls++);
  const origin = await listen(t, app);
  const socket = connect(Number(new URL(origin).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n', () => socket.destroy());
  await closed.promise;
  assert.deepEqual([asked.length, calls, governor.activeLeases], [0, 0, 0]);
});

test('with wait a request waits; one whose client vanishes meanwhile consumes nothing', async (t) => {
  const { governor, asked, untilReleased } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  const first = governor.acquire({ actorId: 'a', action: 'b' });
  assert.ok(first.granted);
  const app = express();
  const queued = [gate(), gate()];
  const gone = gate();
  app.use((req, res, next) => {
    next();
    if (req.path === '/leaves') res.on('close', () => gone.open());
    queued[req.path === '/leaves' ? 0 : 1]!.open();
  });
  app.use(throttleMiddleware({ governor, wait: { timeoutMs: 60_000 } }));
  app.use(hello);
  const origin = await listen(t, app);
  const client = httpRequest(`${origin}/leaves`).end();
  client.on('error', () => {});
  await queued[0]!.promise;
  const stays = fetch(`${origin}/stays`);
  await queued[1]!.promise;
  client.destroy();
  await gone.promise;
  governor.release(first.leaseId);
  assert.equal(await (await stays).text(), 'hello');
  await untilReleased(2);
  assert.deepEqual(
    asked.map(({ action }) => action),
    ['b', '/stays'],
  );
  assert.equal(governor.activeLeases, 0);
});

test('two hundred requests with random disconnects leave no lease', async (t) => {
  const { governor, asked, untilReleased } = notedGovernor(t);
  const origin = await serve(t, throttleMiddleware({ governor }), (_req, res) => {
    res.write('a');
    setImmediate(() => res.end('b'));
  });
  await Promise.all(
    Array.from(
      { length: 200 },
      (_, i) =>
        new Promise<void>((resolve) => {
          const client = httpRequest(`${origin}/ai/x`, (response) => {
            if (i % 3 === 0) response.destroy();
            else response.resume();
          }).end();
          client.on('error', () => {});
          client.on('close', () => resolve());
          if (i % 3 === 1) client.on('socket', (socket) => socket.once('connect', () => client.destroy()));
        }),
    ),
  );
  await untilReleased(asked.length);
  assert.equal(governor.activeLeases, 0);
  assert.ok(asked.length > 60);
});

import assert from 'node:assert/strict';
import { createServer, request as httpRequest } from 'node:http';
import { test, type TestContext } from 'node:test';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { stream, streamSSE } from 'hono/streaming';
import { createTestClock, type AcquireDecision, type AcquireRequest } from 'throttleai';
import { throttle } from 'throttleai/adapters/hono';
import { gate, listen, notedGovernor } from './support.ts';

const serve = (t: TestContext, app: Hono): Promise<string> => listen(t, createServer(getRequestListener(app.fetch)));

test('a request holds a lease until its response is over, and the handler finds it', async (t) => {
  const { governor, asked, released, untilReleased } = notedGovernor(t);
  const app = new Hono<{ Variables: { throttleai_leaseId: string } }>();
  app.use('/ai/*', throttle({ governor }));
  app.get('/ai/x', (c) => {
    assert.equal(governor.activeLeases, 1);
    return c.json({ lease: c.get('throttleai_leaseId') });
  });
  const response = await app.request('/ai/x', { headers: { 'x-actor-id': 'ana' } });
  const { lease } = (await response.json()) as { lease: string };
  await untilReleased(1);
  assert.equal(released[0]?.leaseId, lease);
  assert.equal(released[0]?.report?.outcome, 'success');
  assert.deepEqual(asked, [{ actorId: 'ana', action: '/ai/x' }]);
});

test('without a header the actor is anonymous; functions of the options come first', async () => {
  const requests: AcquireRequest[] = [];
  const governor = {
    acquire(request: AcquireRequest): AcquireDecision {
      requests.push(request);
      return { granted: true, leaseId: 'lease-1', expiresAt: Date.now() + 1000 };
    },
    release() {},
  };
  const app = new Hono();
  app.use('/plain', throttle({ governor }));
  app.use(
    '/own',
    throttle({
      governor,
      getActorId: (c) => c.req.header('authorization') ?? 'nobody',
      getAction: () => 'chat',
      getPriority: () => 'background',
      getEstimate: () => ({ weight: 2 }),
    }),
  );
  app.all('*', (c) => c.body(null, 204));
  await app.request('/plain');
  await app.request('/own', { headers: { authorization: 'token' } });
  assert.deepEqual(requests, [
    { actorId: 'anonymous', action: '/plain' },
    { actorId: 'token', action: 'chat', priority: 'background', estimate: { weight: 2 } },
  ]);
});

test('a response that cannot be built again is passed on', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const app = new Hono();
  app.use('*', throttle({ governor }));
  const odd = Object.defineProperty(new Response('why?'), 'status', { value: 999 });
  app.get('/', () => odd);
  const response = await app.request('/');
  assert.equal(response.status, 999);
  assert.equal(await response.text(), 'why?');
  assert.equal((await untilReleased(1))[0]?.report?.outcome, 'error');
});

test('headers, status and cookies of the response are kept', async (t) => {
  const { governor } = notedGovernor(t);
  const app = new Hono();
  app.use(throttle({ governor }));
  app.get('/', (c) => {
    c.header('set-cookie', 'a=1', { append: true });
    c.header('set-cookie', 'b=2', { append: true });
    c.header('x-mine', 'yes');
    return c.text('hello', 201);
  });
  const origin = await serve(t, app);
  const response = await fetch(origin);
  assert.equal(response.status, 201);
  assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(response.headers.get('x-mine'), 'yes');
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  assert.equal(await response.text(), 'hello');
});

test('a denial is status 429 with Retry-After and the documented body; onDeny answers instead', async (t) => {
  const clock = createTestClock();
  const { governor } = notedGovernor(t, { rate: { requestsPerMinute: 1 }, clock });
  governor.acquire({ actorId: 'a', action: 'b' });
  const app = new Hono();
  app.use('/plain', throttle({ governor }));
  app.use('/own', throttle({ governor, onDeny: (c, decision) => c.text(decision.reason, 503) }));
  const response = await app.request('/plain');
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('retry-after'), '60');
  assert.deepEqual(await response.json(), {
    error: 'Too many requests',
    reason: 'rate',
    retryAfterMs: 5000,
    recommendation: 'Rate limit hit (1/1 req/window). Retry in 5000ms.',
  });
  const own = await app.request('/own');
  assert.deepEqual([own.status, await own.text()], [503, 'rate']);
});

test('no Retry-After where waiting cannot help', async () => {
  const denial = { granted: false, reason: 'rate', retryAfterMs: 25, recommendation: 'never', retryAt: null } as const;
  const app = new Hono();
  app.use(throttle({ governor: { acquire: () => denial, release() {} } }));
  assert.equal((await app.request('/')).headers.get('retry-after'), null);
});

test('ids that the governor refuses answer 400', async (t) => {
  const { governor } = notedGovernor(t);
  const app = new Hono();
  app.use(throttle({ governor }));
  const response = await app.request('/', { headers: { 'x-actor-id': 'x'.repeat(600) } });
  assert.equal(response.status, 400);
  assert.match(((await response.json()) as { error: string }).error, /actorId/);
});

test('what an option’s function throws is the server’s error, of whatever kind, and no answer 400', async (t) => {
  const { governor } = notedGovernor(t);
  const app = new Hono();
  const getActorId = (): string => {
    governor.acquire({ actorId: '', action: 'a mistake of its own' });
    return 'never';
  };
  app.use(throttle({ governor, getActorId }));
  app.onError((error, c) => c.text(error.name, 500));
  const response = await app.request('/');
  assert.deepEqual([response.status, await response.text()], [500, 'InputError']);
});

test('a client that has left before the middleware takes no lease, one that leaves in the handler ends it cancelled', async (t) => {
  const { governor, asked, released } = notedGovernor(t);
  const app = new Hono();
  const abort = new AbortController();
  app.use(throttle({ governor }));
  app.get('/', (c) => {
    abort.abort();
    return c.text('nobody reads this');
  });
  await app.request('/', { signal: AbortSignal.abort() });
  assert.equal(asked.length, 0);
  await app.request('/', { signal: abort.signal });
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['cancelled'],
  );
});

test('outcomes: the handler’s error, its status, its abort', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const app = new Hono();
  app.use(throttle({ governor }));
  // The error handler hides the error behind a good status.
  app.onError((_error, c) => c.text('sorry', 200));
  app.get('/throws', () => {
    throw new Error('x');
  });
  app.get('/aborts', () => {
    throw new DOMException('x', 'AbortError');
  });
  app.get('/missing', (c) => c.text('no', 404));
  for (const path of ['/throws', '/aborts', '/missing']) await (await app.request(path)).text();
  assert.deepEqual(
    (await untilReleased(3)).map(({ report }) => report?.outcome),
    ['error', 'cancelled', 'error'],
  );
});

test('a streamed body holds the lease to its end', async (t) => {
  const { governor, released, untilReleased } = notedGovernor(t);
  const rest = gate();
  const app = new Hono();
  app.use(throttle({ governor }));
  app.get('/', (c) =>
    streamSSE(c, async (sse) => {
      await sse.writeSSE({ data: '1' });
      await rest.promise;
      await sse.writeSSE({ data: '2' });
    }),
  );
  const origin = await serve(t, app);
  const response = await fetch(origin);
  const reader = response.body!.getReader();
  await reader.read();
  assert.equal(released.length, 0);
  rest.open();
  while (!(await reader.read()).done);
  assert.equal((await untilReleased(1))[0]?.report?.outcome, 'success');
});

test('a client that vanishes in the middle of a stream gives its lease back', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const app = new Hono();
  const aborted = gate();
  app.use(throttle({ governor }));
  app.get('/', (c) =>
    stream(c, async (out) => {
      out.onAbort(() => aborted.open());
      await out.write('part');
      await aborted.promise;
    }),
  );
  const origin = await serve(t, app);
  const client = httpRequest(origin, (response) => response.once('data', () => client.destroy())).end();
  client.on('error', () => {});
  const [release] = await untilReleased(1);
  assert.equal(release?.report?.outcome, 'cancelled');
  await aborted.promise;
});

test('a client that vanishes before the response gives its lease back when the handler is done', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const app = new Hono();
  const reached = gate();
  const go = gate();
  app.use(throttle({ governor }));
  app.get('/', async (c) => {
    reached.open();
    await go.promise;
    return c.text('too late');
  });
  const origin = await serve(t, app);
  const client = httpRequest(origin).end();
  client.on('error', () => {});
  await reached.promise;
  client.destroy();
  go.open();
  await untilReleased(1);
  assert.equal(governor.activeLeases, 0);
});

test('with wait a request waits; one that is aborted meanwhile consumes nothing', async (t) => {
  const { governor, asked, untilReleased } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  const first = governor.acquire({ actorId: 'a', action: 'b' });
  assert.ok(first.granted);
  const app = new Hono();
  app.use(throttle({ governor, wait: { timeoutMs: 60_000 } }));
  app.get('*', (c) => c.text('hello'));
  const abort = new AbortController();
  const leaves = app.request('/leaves', { signal: abort.signal });
  const stays = app.request('/stays');
  abort.abort();
  await leaves;
  governor.release(first.leaseId);
  assert.equal(await (await stays).text(), 'hello');
  await untilReleased(2);
  assert.deepEqual(
    asked.map(({ action }) => action),
    ['b', '/stays'],
  );
});

test('on Workers a request is kept until its lease has ended, whether or not its client stays', async (t) => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { userAgent: 'Cloudflare-Workers' }, configurable: true });
  t.after(() => {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else Reflect.deleteProperty(globalThis, 'navigator');
  });
  const { governor, released } = notedGovernor(t);
  const app = new Hono();
  app.use(throttle({ governor }));
  app.get('/', (c) =>
    c.body(new ReadableStream({}, { highWaterMark: 0 }), { headers: { 'content-type': 'text/event-stream' } }),
  );
  const kept: Promise<unknown>[] = [];
  const context = {
    waitUntil: (promise: Promise<unknown>) => void kept.push(promise),
    passThroughOnException() {},
    props: {},
  };
  const response = await app.request('/', {}, {}, context);
  assert.equal(released.length, 0);
  assert.equal(kept.length, 1);
  await response.body!.cancel();
  await kept[0];
  assert.equal(released[0]?.report?.outcome, 'cancelled');
  // Tests of users' apps bring no such context.
  await (await app.request('/')).body!.cancel();
  assert.equal(released.length, 2);
});

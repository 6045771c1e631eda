/** wrapHandler: what only bare handlers have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock, type AcquireRequest } from 'throttleai';
import { rateLimitHeaders, wrapHandler } from 'throttleai/adapters/web';
import { gate, notedGovernor, settle } from './support.ts';

const ask = (path = '/a', init?: RequestInit): Request => new Request(`http://localhost${path}`, init);
const hello = (): Response => new Response('hello');

test('the lease lasts to the end of the body, and everybody is one actor', async (t) => {
  const { governor, asked, released } = notedGovernor(t);
  const response = await wrapHandler(hello, { governor })(ask('/a/b?c=1', { headers: { 'x-actor-id': 'somebody' } }));
  assert.equal(await response.text(), 'hello');
  assert.deepEqual(asked, [{ actorId: 'anonymous', action: '/a/b' }]);
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['success'],
  );
});

test('functions of the options get what the handler gets', async () => {
  const asked: AcquireRequest[] = [];
  const governor = {
    acquire: (request: AcquireRequest) => (asked.push(request), { granted: true, leaseId: 'l', expiresAt: 0 }) as never,
    release() {},
  };
  const handler = wrapHandler(
    async (request: Request, { params }: { params: Promise<{ id: string }> }) =>
      new Response(`${request.method} ${(await params).id}`),
    { governor, getActorId: (_request, context) => typeof context.params, getModel: ({ method }) => method },
  );
  const response = await handler(ask(), { params: Promise.resolve({ id: '7' }) });
  assert.equal(await response.text(), 'GET 7');
  assert.deepEqual(asked, [{ actorId: 'object', action: '/a', model: 'GET' }]);
});

test('answers without a body that is read end the lease at once', async (t) => {
  const { governor, released } = notedGovernor(t);
  const cases: [string, () => Response][] = [
    ['HEAD', hello],
    ['GET', () => new Response(null, { status: 304 })],
    ['GET', () => Response.redirect('http://localhost/b', 303)],
    ['GET', () => Response.error()],
    ['GET', () => Object.assign(hello(), { locked: hello().body!.getReader() })],
  ];
  for (const [nth, [method, answer]] of cases.entries()) {
    const response = await wrapHandler(answer, { governor })(ask('/a', { method }));
    await response.body?.cancel();
    assert.equal(released.length, nth + 1);
  }
  assert.equal(governor.activeLeases, 0);
});

test('a response whose body somebody reads already is passed on as it is', async (t) => {
  const { governor, released } = notedGovernor(t);
  const given = hello();
  const reader = given.body!.getReader();
  const headers = rateLimitHeaders({ limits: 'all' });
  const response = await wrapHandler(() => given, { governor, headers })(ask());
  assert.equal(response, given);
  assert.equal(released.length, 1);
  reader.releaseLock();
});

test('headers are added to answers whose own cannot be changed, cookies are kept, and nobody’s response is changed', async (t) => {
  const { governor } = notedGovernor(t, { rate: { requestsPerMinute: 99 } });
  const headers = rateLimitHeaders({ limits: 'all' });
  const redirect = await wrapHandler(() => Response.redirect('http://localhost/b', 303), { governor, headers })(ask());
  assert.deepEqual(
    [redirect.status, redirect.headers.get('location'), redirect.headers.get('ratelimit')],
    [303, 'http://localhost/b', '"requests";r=98;t=60'],
  );
  const shared = new Response(null, {
    status: 204,
    headers: [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ],
  });
  const copy = await wrapHandler(() => shared, { governor, headers })(ask());
  assert.deepEqual([copy.status, copy.headers.getSetCookie()], [204, ['a=1', 'b=2']]);
  assert.match(copy.headers.get('ratelimit')!, /r=97/);
  assert.equal(shared.headers.get('ratelimit'), null);
});

test('denials: the default, one’s own, and ids that are refused', async (t) => {
  const clock = createTestClock(100_000);
  const { governor } = notedGovernor(t, { clock, rate: { requestsPerMinute: 1 } });
  const headers = rateLimitHeaders({ limits: 'all' });
  await (await wrapHandler(hello, { governor })(ask())).text();
  clock.advance(20_500);
  const denied = await wrapHandler(hello, { governor, headers })(ask());
  assert.deepEqual(
    [
      denied.status,
      denied.headers.get('retry-after'),
      denied.headers.get('content-type'),
      denied.headers.get('ratelimit'),
    ],
    [429, '40', 'application/json', '"requests";r=0;t=40'],
  );
  assert.equal(((await denied.json()) as { reason: string }).reason, 'rate');
  const onDeny = (request: Request, { cause }: { cause: string }): Response =>
    new Response(`${request.method} ${cause}`, { status: 503 });
  const own = await wrapHandler(hello, { governor, onDeny, headers })(ask());
  assert.deepEqual(
    [own.status, await own.text(), own.headers.get('ratelimit')],
    [503, 'GET limit', '"requests";r=0;t=40'],
  );
  const refused = await wrapHandler(hello, { governor, getActorId: () => '' })(ask());
  assert.deepEqual([refused.status, /actorId/.test(await refused.text())], [400, true]);
});

test('a governor of the user’s own that says no good pause', async () => {
  for (const retryAt of [NaN, Infinity, 'soon' as never]) {
    const denial = { granted: false, reason: 'rate', retryAfterMs: 5, recommendation: 'Later.', retryAt } as const;
    const governor = { acquire: () => denial, release() {} } as never;
    const denied = await wrapHandler(hello, { governor })(ask());
    assert.deepEqual([denied.status, denied.headers.get('retry-after')], [429, null]);
  }
});

test('headers of one’s own', async (t) => {
  const { governor } = notedGovernor(t, { rate: { requestsPerMinute: 1 } });
  const headers = (own: unknown, { action }: AcquireRequest, seconds?: number): [string, string][] => [
    ['x-told', `${own === governor} ${action} ${seconds}`],
  ];
  const told: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    const response = await wrapHandler(hello, { governor, headers })(ask());
    await response.text();
    told.push([response.headers.get('x-told'), response.headers.get('retry-after')]);
  }
  assert.deepEqual(told, [
    ['true /a undefined', null],
    ['true /a 60', '60'],
  ]);
});

test('on Workers a request is kept until its lease has ended', async (t) => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { userAgent: 'Cloudflare-Workers' }, configurable: true });
  t.after(() => {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else Reflect.deleteProperty(globalThis, 'navigator');
  });
  const { governor, released } = notedGovernor(t);
  const held = (_request: Request, _env: object, _context: object): Response =>
    new Response(new ReadableStream({}, { highWaterMark: 0 }), { headers: { 'content-type': 'text/event-stream' } });
  const handler = wrapHandler(held, { governor });
  const kept: Promise<unknown>[] = [];
  const response = await handler(ask(), {}, { waitUntil: (promise: Promise<unknown>) => kept.push(promise) });
  assert.deepEqual([kept.length, released.length], [1, 0]);
  await response.body!.cancel();
  await kept[0];
  assert.equal(released[0]?.report?.outcome, 'cancelled');
  await (await handler(ask(), {}, {})).body!.cancel();
  assert.equal(released.length, 2, 'a test brings no such context');
});

test('what the handler and the options’ functions throw is thrown on', async (t) => {
  const { governor, released } = notedGovernor(t);
  const failing = (): never => {
    throw new Error('its own');
  };
  await assert.rejects(wrapHandler(failing, { governor })(ask()), /its own/);
  await assert.rejects(wrapHandler(hello, { governor, getAction: failing })(ask()), /its own/);
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['error'],
  );
});

test('clients that leave before, while waiting, and while the handler runs', async (t) => {
  const { governor, asked, released } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  const left = await wrapHandler(hello, { governor })(ask('/a', { signal: AbortSignal.abort() }));
  assert.deepEqual([left.status, asked.length], [499, 0]);
  const running = gate();
  const first = new AbortController();
  const handler = wrapHandler(() => running.promise.then(hello), { governor, wait: {} });
  const answer = handler(ask('/running', { signal: first.signal }));
  await settle();
  const second = new AbortController();
  const waiting = handler(ask('/waiting', { signal: second.signal }));
  second.abort();
  assert.equal((await waiting).status, 499);
  first.abort();
  assert.equal(governor.activeLeases, 1, 'the handler has not returned');
  running.open();
  await answer;
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['cancelled'],
  );
  assert.equal(asked.length, 1);
});

test('a body that nobody reads gives up its lease after idleMs', async (t) => {
  const clock = createTestClock();
  const { governor, released } = notedGovernor(t, { clock, leaseTtlMs: 3_600_000 });
  const stream = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(8)) });
  const headers = { 'content-type': 'text/event-stream' };
  const response = await wrapHandler(() => new Response(stream, { headers }), { governor, idleMs: 500 })(ask());
  clock.advance(499);
  assert.equal(governor.activeLeases, 1);
  clock.advance(1);
  assert.equal(governor.activeLeases, 0);
  assert.equal(released[0]?.report?.outcome, 'timeout');
  await response.body?.cancel();
});

test('options that cannot be used', () => {
  const governor = { acquire() {}, release() {} };
  assert.throws(() => wrapHandler(undefined as never, { governor } as never), { field: 'handler' });
  assert.throws(() => wrapHandler(hello, { governor, idleMs: -1 } as never), { field: 'options.idleMs' });
  assert.throws(() => wrapHandler(hello, { governor, headers: 'all' } as never), { field: 'options.headers' });
  assert.throws(() => wrapHandler(hello, { governor, onError: hello } as never), { field: 'options.onError' });
});

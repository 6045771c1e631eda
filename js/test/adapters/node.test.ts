/** wrapListener: what only bare listeners of Node have. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { clientAddress, rateLimitHeaders, wrapListener } from 'throttleai/adapters/node';
import { listen, notedGovernor } from './support.ts';

const hello = (_req: IncomingMessage, res: ServerResponse): void => void res.end('hello');

test('the actor is the connection, whatever the header says, and the action the path', async (t) => {
  const { governor, asked } = notedGovernor(t);
  const origin = await listen(t, wrapListener(hello, { governor }));
  await fetch(`${origin}/a/b?c=1`, { headers: { 'x-actor-id': 'somebody', 'x-forwarded-for': '203.0.113.9' } });
  // As a proxy is asked.
  const { port, hostname } = new URL(origin);
  const [response] = (await once(
    request({ port, hostname, path: 'http://example.com/whole?c=1' }).end(),
    'response',
  )) as [IncomingMessage];
  assert.equal(await text(response), 'hello');
  assert.deepEqual(asked, [
    { actorId: '127.0.0.1', action: '/a/b' },
    { actorId: '127.0.0.1', action: '/whole' },
  ]);
});

test('clientAddress for getActorId, over a socket', async (t) => {
  const { governor, asked } = notedGovernor(t);
  const getActorId = clientAddress({ trustedProxy: ['127.0.0.0/8'] });
  const origin = await listen(t, wrapListener(hello, { governor, getActorId }));
  const { port, hostname } = new URL(origin);
  for (const headers of [
    { 'X-Forwarded-For': ['6.6.6.6', '203.0.113.9'] },
    { 'X-Forwarded-For': '6.6.6.6, 2001:db8:1:2::3' },
    {},
  ]) {
    const [response] = (await once(request({ port, hostname, headers }).end(), 'response')) as [IncomingMessage];
    await text(response);
  }
  assert.deepEqual(
    asked.map(({ actorId }) => actorId),
    ['203.0.113.9', '2001:db8:1:2::/64', '127.0.0.1'],
  );
});

test('ids that are too long or missing are answered 400', async (t) => {
  const { governor, asked } = notedGovernor(t);
  const getActorId = ({ headers }: IncomingMessage): string => headers['x-user'] as string;
  const origin = await listen(t, wrapListener(hello, { governor, getActorId }));
  for (const headers of [{}, { 'x-user': '' }, { 'x-user': 'x'.repeat(513) }] as Record<string, string>[]) {
    const response = await fetch(origin, { headers });
    assert.equal(response.status, 400);
    assert.equal(response.headers.get('content-type'), 'application/json');
    assert.match(((await response.json()) as { error: string }).error, /actorId/);
  }
  assert.equal((await fetch(origin, { headers: { 'x-user': 'x'.repeat(512) } })).status, 200);
  assert.equal(asked.length, 1);
});

test('what the options’ functions and the listener throw goes to onError', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const seen: unknown[] = [];
  const onError = (error: unknown, _req: IncomingMessage, res: ServerResponse): void => {
    seen.push((error as Error).message);
    res.writeHead(500).end();
  };
  const failing = (message: string) => (): never => {
    throw new Error(message);
  };
  const listeners = [
    wrapListener(hello, { governor, onError, getAction: failing('action') }),
    wrapListener(failing('at once'), { governor, onError }),
    wrapListener(() => Promise.reject(new Error('later')), { governor, onError }),
    wrapListener(failing('after a wait'), { governor, onError, wait: {} }),
  ];
  for (const listener of listeners) assert.equal((await fetch(await listen(t, listener))).status, 500);
  assert.deepEqual(seen, ['action', 'at once', 'later', 'after a wait']);
  const outcomes = (await untilReleased(3)).map(({ report }) => report?.outcome);
  assert.deepEqual(outcomes, ['error', 'error', 'error']);
});

test('without onError it is thrown to who has called the listener', (t) => {
  const { governor } = notedGovernor(t);
  const failing = (): never => {
    throw new Error('its own');
  };
  const res = { on() {}, setHeader() {}, end() {}, statusCode: 200 };
  const req = { headers: {}, url: '/' };
  assert.throws(() => wrapListener<typeof req, typeof res>(failing, { governor })(req, res), /its own/);
  assert.throws(
    () => wrapListener<typeof req, typeof res>(() => {}, { governor, getActorId: failing })(req, res),
    /its own/,
  );
});

test('an upgrade takes no lease, and requests beside it do', async (t) => {
  const { governor, asked, untilReleased } = notedGovernor(t);
  const server = createServer(wrapListener(hello, { governor }));
  server.on('upgrade', (_req, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n'));
  const origin = await listen(t, server);
  const socket = connect(Number(new URL(origin).port), '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  assert.match(await text(socket), /^HTTP\/1.1 101/);
  assert.equal(asked.length, 0);
  assert.equal(await (await fetch(origin)).text(), 'hello');
  await untilReleased(1);
  assert.equal(asked.length, 1);
});

test('headers that the listener writes itself are not lost, nor are ours', async (t) => {
  const { governor } = notedGovernor(t, { limits: [{ metric: 'requests', limit: 9, window: '1m', per: 'actor' }] });
  const headers = rateLimitHeaders();
  for (const answer of [
    (_req: IncomingMessage, res: ServerResponse): void => void res.writeHead(201, { 'x-own': 'a' }).end('hello'),
    (_req: IncomingMessage, res: ServerResponse): void => void res.writeHead(201, 'Made', ['x-own', 'a']).end('hello'),
    (_req: IncomingMessage, res: ServerResponse): void => {
      res.statusCode = 201;
      res.setHeader('x-own', 'a').write('hel');
      res.end('lo');
    },
    (_req: IncomingMessage, res: ServerResponse): void => {
      res.statusCode = 201;
      res.setHeader('x-own', 'a').flushHeaders();
      res.end('hello');
    },
  ]) {
    const response = await fetch(await listen(t, wrapListener(answer, { governor, headers })));
    const { status } = response;
    assert.deepEqual([status, response.headers.get('x-own'), await response.text()], [201, 'a', 'hello']);
    assert.match(response.headers.get('ratelimit')!, /^"requests\/1m\/actor";r=\d;t=60$/);
  }
});

test('a governor that knows no limits, and one that is closed, tell none', async (t) => {
  const granted = { granted: true, leaseId: 'lease-1', expiresAt: Date.now() + 1000 } as const;
  const own = { acquire: () => granted, release() {} };
  const headers = rateLimitHeaders({ limits: 'all' });
  const { governor } = notedGovernor(t, { rate: { requestsPerMinute: 9 } });
  const closing = (_req: IncomingMessage, res: ServerResponse): void => {
    governor.close();
    res.end('hello');
  };
  for (const listener of [
    wrapListener(hello, { governor: own, headers }),
    wrapListener(closing, { governor, headers }),
  ]) {
    const response = await fetch(await listen(t, listener));
    assert.deepEqual([response.status, response.headers.get('ratelimit')], [200, null]);
  }
});

test('HTTP/2: streams of one connection, some of them cancelled', async (t) => {
  const limits = [{ metric: 'requests', limit: 99, window: '1m', per: 'actor' } as const];
  const { governor, asked, released, untilReleased } = notedGovernor(t, { limits });
  const server = createHttp2Server(
    wrapListener(
      (req, res) => {
        if (req.url === '/held') res.write('part');
        else res.end('hello');
      },
      { governor, headers: rateLimitHeaders() },
    ),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    server.close();
  });
  const answered = session.request({ ':path': '/json' });
  const [head] = (await once(answered, 'response')) as [Record<string, string>];
  assert.equal(head['ratelimit'], '"requests/1m/actor";r=98;t=60');
  assert.equal(await text(answered), 'hello');
  const held = session.request({ ':path': '/held' });
  await once(held, 'data');
  assert.equal(governor.activeLeases, 1);
  held.on('error', () => {}).close(8);
  await untilReleased(2);
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['success', 'cancelled'],
  );
  assert.deepEqual(asked[0], { actorId: '127.0.0.1', action: '/json' });
});

test('options that cannot be used', () => {
  const governor = { acquire() {}, release() {} };
  assert.throws(() => wrapListener(undefined as never, { governor } as never), { field: 'listener' });
  assert.throws(() => wrapListener(hello, { governor, headers: {} } as never), { field: 'options.headers' });
  assert.throws(() => wrapListener(hello, { governor, onError: 1 } as never), { field: 'options.onError' });
  assert.throws(() => wrapListener(hello, { governor, idleMs: 1 } as never), { field: 'options.idleMs' });
});

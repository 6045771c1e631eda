/** throttleHook and throttlePlugin: what only Fastify has, in both majors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fastify5 from 'fastify';
import fastify4 from 'fastify4';
import { createTestClock, type AcquireRequest } from 'throttleai';
import { clientAddress, rateLimitHeaders, throttleHook, throttlePlugin } from 'throttleai/adapters/fastify';
import { notedGovernor } from './support.ts';

const majors = { 'Fastify 4': fastify4 as unknown as typeof fastify5, 'Fastify 5': fastify5 };

for (const [name, fastify] of Object.entries(majors)) {
  test(`${name}: a plugin governs the scope that registers it, and no other`, async (t) => {
    const { governor, asked, untilReleased } = notedGovernor(t);
    const app = fastify();
    t.after(() => app.close());
    app.get('/free', async () => `${governor.activeLeases}`);
    app.register(
      async (ai) => {
        ai.register(throttlePlugin, { governor });
        ai.get('/chat', async () => `${governor.activeLeases}`);
      },
      { prefix: '/ai' },
    );
    assert.equal((await app.inject('/free')).body, '0');
    assert.equal((await app.inject('/ai/chat?x=1')).body, '1');
    assert.equal((await untilReleased(1))[0]?.report?.outcome, 'success');
    assert.deepEqual(asked, [{ actorId: '127.0.0.1', action: '/ai/chat' }]);
  });

  test(`${name}: a hook of a route, which can read the body`, async (t) => {
    const asked: AcquireRequest[] = [];
    const governor = {
      acquire: (request: AcquireRequest) =>
        (asked.push(request), { granted: true, leaseId: 'l', expiresAt: 0 }) as never,
      release() {},
    };
    const app = fastify();
    t.after(() => app.close());
    const preHandler = throttleHook({
      governor,
      getActorId: (request) => request.headers.authorization ?? '',
      getEstimate: (request) => ({ promptTokens: (request.body as { prompt: string }).prompt.length }),
      getModel: (request) => request.routeOptions.url ?? '',
    });
    app.post('/complete', { preHandler }, async () => 'done');
    const payload = { prompt: 'four' };
    const { body } = await app.inject({ method: 'POST', url: '/complete', payload, headers: { authorization: 'ann' } });
    assert.equal(body, 'done');
    assert.deepEqual(asked, [
      { actorId: 'ann', action: '/complete', model: '/complete', estimate: { promptTokens: 4 } },
    ]);
  });

  test(`${name}: denials, refused ids and errors of the options`, async (t) => {
    const clock = createTestClock(100_000);
    const limits = [{ metric: 'requests', limit: 1, window: '1m', per: 'actor' } as const];
    const { governor } = notedGovernor(t, { clock, limits });
    const app = fastify();
    t.after(() => app.close());
    const getActorId = clientAddress({ trustedProxy: 1, ipv6Prefix: 128 });
    app.get(
      '/told',
      { onRequest: throttleHook({ governor, getActorId, headers: rateLimitHeaders() }) },
      async () => 'ok',
    );
    app.get('/long', { onRequest: throttleHook({ governor, getActorId: () => 'x'.repeat(600) }) }, async () => 'ok');
    const failing = (): never => {
      throw new Error('who?');
    };
    app.get('/fails', { onRequest: throttleHook({ governor, getActorId: failing }) }, async () => 'ok');
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    const first = await app.inject({ url: '/told', headers });
    assert.deepEqual([first.statusCode, first.headers['ratelimit']], [200, '"requests/1m/actor";r=0;t=60']);
    clock.advance(500);
    const denied = await app.inject({ url: '/told', headers });
    assert.deepEqual(
      [denied.statusCode, denied.headers['ratelimit'], denied.headers['retry-after']],
      [429, '"requests/1m/actor";r=0;t=60', '60'],
    );
    assert.equal(denied.json<{ reason: string }>().reason, 'rate');
    assert.equal((await app.inject({ url: '/told', headers: { 'x-forwarded-for': '203.0.113.10' } })).statusCode, 200);
    const long = await app.inject('/long');
    assert.deepEqual([long.statusCode, /actorId/.test(long.json<{ error: string }>().error)], [400, true]);
    const fails = await app.inject('/fails');
    assert.deepEqual([fails.statusCode, fails.json<{ message: string }>().message], [500, 'who?']);
    assert.equal(governor.activeLeases, 0);
  });

  test(`${name}: a reply that is sent by hand holds its lease to its end`, async (t) => {
    const { governor, untilReleased } = notedGovernor(t);
    const app = fastify();
    t.after(() => app.close());
    app.addHook('onRequest', throttleHook({ governor }));
    app.get('/', (_request, reply) => {
      reply.hijack();
      reply.raw.write(`${governor.activeLeases}`);
      setImmediate(() => reply.raw.end(`${governor.activeLeases}`));
    });
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    assert.equal(await (await fetch(origin)).text(), '11');
    assert.equal((await untilReleased(1))[0]?.report?.outcome, 'success');
  });

  test(`${name}: options that cannot be used fail the start`, async () => {
    const app = fastify();
    app.register(throttlePlugin, { governor: {} } as never);
    await assert.rejects(async () => void (await app.ready()), { code: 'input', field: 'options.governor' });
  });
}

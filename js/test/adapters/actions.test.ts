/** Default actions are labels: a long one is cut to what the governor takes, and never fails a call. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import express from 'express';
import { Hono } from 'hono';
import { throttleMiddleware } from 'throttleai/adapters/express';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { throttle } from 'throttleai/adapters/hono';
import { listen, notedGovernor } from './support.ts';

const LONG = `/${'a'.repeat(600)}`;
const CUT = LONG.slice(0, 512);

test('fetch: long paths, data: URLs, a smaller cap', async (t) => {
  const { governor, asked } = notedGovernor(t);
  const answer = (): Promise<Response> => Promise.resolve(new Response('x'));
  const throttled = wrapFetch(answer, { governor });
  assert.ok((await throttled(`https://api.test${LONG}`)).ok);
  assert.ok((await throttled(`data:text/plain,${'b'.repeat(1e6)}`)).ok);
  assert.deepEqual(
    asked.map(({ action }) => [action.slice(0, 20), action.length]),
    [
      [CUT.slice(0, 20), 512],
      ['text/plain,bbbbbbbbb', 512],
    ],
  );
  const small = notedGovernor(t, { caps: { idBytes: 10 } });
  assert.ok((await wrapFetch(answer, { governor: small.governor })('https://api.test/long/path')).ok);
  assert.deepEqual(small.asked, [{ actorId: 'default', action: '/long/path' }]);
  assert.ok((await wrapFetch(answer, { governor: small.governor })('https://api.test/long/path/')).ok);
  assert.equal(small.asked[1]?.action, '/long/path');
  // An action that somebody chose is not cut: it says what is wrong instead.
  await assert.rejects(
    wrapFetch(answer, { governor, classifyAction: () => LONG })('https://api.test/'),
    /request.action/,
  );
});

test('Hono and Express: long paths, cut between characters', async (t) => {
  const { governor, asked } = notedGovernor(t);
  const app = new Hono();
  app.use(throttle({ governor }));
  app.get('*', (c) => c.text('x'));
  assert.equal((await app.request(LONG)).status, 200);
  const server = express();
  server.use(throttleMiddleware({ governor, getActorId: () => 'anonymous' }), (_req, res) => void res.send('x'));
  assert.equal((await fetch((await listen(t, server)) + LONG)).status, 200);
  const paths = [`/${'é'.repeat(300)}`, `/${'€'.repeat(300)}`, `/${'😀'.repeat(300)}`];
  const res = { status: () => ({ json: assert.fail }), setHeader() {}, on() {} };
  for (const path of paths) {
    let called = false;
    throttleMiddleware({ governor })({ headers: {}, path }, res, (error) => {
      assert.equal(error, undefined);
      called = true;
    });
    assert.ok(called);
  }
  assert.deepEqual(
    asked.map(({ action }) => action),
    [CUT, CUT, `/${'é'.repeat(255)}`, `/${'€'.repeat(170)}`, `/${'😀'.repeat(127)}`],
  );
});

test('Express: what next throws after a wait reaches the error handlers, and rejects nothing', async (t) => {
  const { governor } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  const held = governor.acquire({ actorId: 'a', action: 'x' });
  assert.ok(held.granted);
  const broken = new Error('a framework that throws');
  const errors: unknown[] = [];
  const called = new Promise<void>((resolve) => {
    const next = (error?: unknown): void => {
      if (error === undefined) throw broken;
      errors.push(error);
      resolve();
    };
    const res = { status: () => ({ json() {} }), setHeader() {}, on() {} };
    throttleMiddleware({ governor, wait: {} })({ headers: {}, path: '/' }, res, next);
  });
  governor.release(held.leaseId);
  await called;
  assert.deepEqual(errors, [broken]);
});

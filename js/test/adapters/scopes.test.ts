/** Whose calls they are, and which model they are for: what limits per tenant and per model count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hono } from 'hono';
import type { AcquireDecision, AcquireRequest, GovernorLike } from 'throttleai';
import { throttleMiddleware } from 'throttleai/adapters/express';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { throttle } from 'throttleai/adapters/hono';
import { wrapChatCompletions } from 'throttleai/adapters/openai';
import { wrapTool } from 'throttleai/adapters/tools';

/** Denies everything, and notes model and tenant of what it is asked. */
function noting(): GovernorLike & { asked: (string | null | undefined)[][] } {
  const asked: (string | null | undefined)[][] = [];
  return {
    asked,
    acquire({ model, tenant }: AcquireRequest): AcquireDecision {
      asked.push([model, tenant]);
      return { granted: false, reason: 'rate', retryAfterMs: 25, recommendation: 'later' };
    },
    release() {},
  };
}

const never = (): never => assert.fail('a denied call is not made');

test('wrapped functions say their tenant and model', async () => {
  const governor = noting();
  await wrapTool(never, { governor, toolId: 't', tenant: 'acme' })();
  await wrapChatCompletions(never, { governor, tenant: 'acme' })({ model: 'gpt-4o' } as never);
  await wrapFetch(never, { governor, tenant: 'acme', model: 'gpt-4o' })('https://api.test/');
  const model = (_input: unknown, init?: { body?: unknown }): string => JSON.parse(String(init?.body)).model;
  await wrapFetch(never, { governor, model })('https://api.test/', { body: '{"model":"o3"}' });
  await wrapFetch(never, { governor, model: () => null })('https://api.test/');
  assert.deepEqual(governor.asked, [
    [undefined, 'acme'],
    ['gpt-4o', 'acme'],
    ['gpt-4o', 'acme'],
    ['o3', undefined],
    [undefined, undefined],
  ]);
});

test('the servers read tenant and model of a request', async () => {
  const governor = noting();
  const res = { status: () => ({ json() {} }), setHeader() {}, on() {} };
  const express = throttleMiddleware({
    governor,
    getTenant: ({ headers }: { headers: Record<string, string | string[] | undefined> }) => String(headers['tenant']),
    getModel: () => 'gpt-4o',
  });
  express({ headers: { tenant: 'acme' }, path: '/' }, res, never);
  const app = new Hono();
  app.use(throttle({ governor, getTenant: (c) => c.req.header('tenant'), getModel: () => null }));
  await app.request('/', { headers: { tenant: 'acme' } });
  assert.deepEqual(governor.asked, [
    ['gpt-4o', 'acme'],
    [undefined, 'acme'],
  ]);
});

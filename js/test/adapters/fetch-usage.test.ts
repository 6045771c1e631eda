/** wrapFetch: usage that is read from the answer settles the lease. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { JSON_TYPE, listen, notedGovernor } from './support.ts';

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

test('extractUsage sees what arrived, whatever the reader does with its chunks', async (t) => {
  const { governor, released } = notedGovernor(t);
  const headers = { 'content-type': 'text/event-stream' };
  const throttled = wrapFetch(async () => new Response('data: 42\n\n', { headers }), {
    governor,
    extractUsage: async (response) => ({ promptTokens: Number((await response.text()).slice(6)) }),
  });
  const answer = await throttled('https://example.com/');
  assert.ok(answer.ok);
  const reader = answer.response.body!.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) read.value.fill(0);
  assert.deepEqual(released[0]?.report?.usage, { promptTokens: 42 });
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

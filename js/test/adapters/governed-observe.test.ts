/** governedFetch and a governor that follows what providers answer, over real sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock } from 'throttleai';
import { governedFetch } from 'throttleai/adapters/fetch';
import { readAnswer } from 'throttleai/providers';
import { createMockProvider } from 'throttleai/testing';
import { JSON_TYPE, listen, notedGovernor } from './support.ts';

const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 20 });

test('a terminal refusal, which only its body tells, spends one request; then calls are refused here', async (t) => {
  let requests = 0;
  const origin = await listen(t, (_req, res) => {
    requests++;
    res.writeHead(429, { ...JSON_TYPE, 'openai-organization': 'x' });
    res.end(
      JSON.stringify({ error: { code: 'insufficient_quota', type: 'insufficient_quota', message: 'Pay first.' } }),
    );
  });
  const { governor } = notedGovernor(t, { readAnswer });
  const governed = governedFetch(governor);
  const first = await governed(origin, { method: 'POST', body });
  assert.match(await first.text(), /Pay first/);
  for (let call = 0; call < 5; call++) {
    const denied = await governed(origin, { method: 'POST', body });
    assert.deepEqual([denied.status, denied.headers.get('x-should-retry')], [429, 'false']);
    assert.match(await denied.text(), /throttled/);
  }
  assert.equal(requests, 1);
});

test('a transient refusal holds the others until the instant that the provider names', async (t) => {
  const clock = createTestClock(1_790_000_000_000);
  const provider = await createMockProvider({ clock, limits: { requestsPerMinute: 2, burst: 0.5 } });
  t.after(() => provider.close());
  const { governor } = notedGovernor(t, { clock, readAnswer });
  const governed = governedFetch(governor, { wait: false });
  const url = `${provider.baseURL}/chat/completions`;
  const send = async (): Promise<number> => {
    const response = await governed(url, { method: 'POST', body });
    await response.text();
    return response.status;
  };
  assert.deepEqual([await send(), await send(), await send()], [200, 429, 429]);
  const { received, refused } = provider.stats();
  assert.ok(received <= 2 && refused <= 1, `${received} received, ${refused} refused`);
});

/** `withRetry` with a real SDK, real sockets and a provider that refuses, breaks off or is down, in the time of a test clock. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import OpenAI from 'openai';
import { createGovernor, createTestClock, withRetry, type AttemptReport, type TestClock } from 'throttleai';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { createMockProvider, type MockProviderOptions } from 'throttleai/testing';
import { readAnswer } from 'throttleai/providers';

const params = { model: 'mock-small', messages: [{ role: 'user' as const, content: 'Hello' }], max_tokens: 5 };

async function world(t: TestContext, options: MockProviderOptions) {
  const clock = createTestClock(1_790_000_000_000);
  const provider = await createMockProvider({ clock, ...options });
  t.after(() => provider.close());
  const openai = new OpenAI({ apiKey: 'none', baseURL: provider.baseURL, maxRetries: 0 });
  const reports: AttemptReport[] = [];
  return { clock, provider, openai, reports, onAttempt: goingOn(clock, reports) };
}

/** Notes each attempt, and lets the pause after it go by once it has begun. */
const goingOn = (clock: TestClock, reports: AttemptReport[]) => (report: AttemptReport) => {
  reports.push(report);
  if (report.outcome === 'retry') setImmediate(() => clock.advance(Math.ceil(report.delayMs)));
};

test('a call that the provider refuses for now goes through at its instant', async (t) => {
  const { clock, openai, reports, onAttempt } = await world(t, {
    limits: { requestsPerMinute: 2, countRefused: false },
  });
  const call = (): Promise<unknown> =>
    withRetry(() => openai.chat.completions.create(params), { clock, readAnswer, onAttempt, seed: 1 });
  const start = clock.time;
  for (let i = 0; i < 3; i++) await call();
  const refused = reports.filter(({ outcome }) => outcome !== 'success');
  assert.deepEqual(
    refused.map(({ status, outcome }) => [status, outcome]),
    [[429, 'retry']],
  );
  // The bucket gains one call in 30 s.
  assert.ok(clock.time - start >= 30_000, `${clock.time - start} ms`);
});

test('a provider that is down gets each call as often as it may be tried', async (t) => {
  for (const faults of [{ unavailable: 1 }, { serverError: 1 }, { drop: 1 }]) {
    const { clock, provider, openai, reports, onAttempt } = await world(t, { faults });
    const options = { clock, onAttempt, maxAttempts: 4, seed: 1 };
    await assert.rejects(
      withRetry(() => openai.chat.completions.create(params), options),
      OpenAI.APIError,
    );
    assert.equal(reports.length, 4);
    assert.equal(provider.stats().received, 4, JSON.stringify(faults));
  }
});

test('what is retried through an adapter holds no lease', async (t) => {
  const { clock, provider, reports, onAttempt } = await world(t, { faults: { unavailable: 1 } });
  const governor = createGovernor({ clock, concurrency: { maxInFlight: 1 } });
  t.after(() => governor.close());
  const governed = wrapFetch(fetch, { governor });
  const body = JSON.stringify(params);
  const url = `${provider.baseURL}/chat/completions`;
  const result = await withRetry(() => governed(url, { method: 'POST', body }), { governor, onAttempt, seed: 1 });
  assert.ok(result.ok);
  assert.equal(result.response.status, 503);
  await result.response.text();
  assert.deepEqual(
    reports.map(({ status, outcome }) => [status, outcome]),
    [
      [503, 'retry'],
      [503, 'retry'],
      [503, 'failure'],
    ],
  );
  assert.equal(governor.activeLeases, 0);
});

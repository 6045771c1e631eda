/** Many calls of every kind against a provider with faults, many of them left early: nothing may be left over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { wrapChatCompletions } from 'throttleai/adapters/openai';
import { createMockProvider } from 'throttleai/testing';
import { createRandom } from '../../testing/random.ts';
import { notedGovernor } from './support.ts';

const CALLS = 400;
const AT_ONCE = 40;
const MAX_IN_FLIGHT = 8;
const seed = Number(process.env['SEED'] ?? 20_261_122);

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test(`a storm of calls leaves no lease (SEED=${seed})`, async (t) => {
  const faults = { drop: 0.05, dropMidBody: 0.1, serverError: 0.05, unavailable: 0.05 };
  const provider = await createMockProvider({ seed, faults, latency: { medianMs: 1, tokensPerSecond: 5000 } });
  t.after(() => provider.close());
  const { governor, released, asked } = notedGovernor(t, {
    concurrency: { maxInFlight: MAX_IN_FLIGHT },
    fairness: true,
    strict: true,
  });
  const random = createRandom(seed);
  const openai = new OpenAI({ apiKey: 'mock', baseURL: provider.baseURL, maxRetries: 0 });
  const chat = wrapChatCompletions(openai.chat.completions, { governor, wait: {} });
  const throttledFetch = wrapFetch(fetch, {
    governor,
    wait: {},
    extractUsage: async (response) => void (await response.text()),
  });

  const call = async (nth: number): Promise<void> => {
    const params = { model: 'm', max_tokens: 16, messages: [{ role: 'user' as const, content: `Call ${nth}` }] };
    const abort = new AbortController();
    const { signal } = abort;
    if (random() < 0.2) void turns(Math.floor(random() * 20)).then(() => abort.abort());
    const leaveAfter = random() < 0.2 ? Math.floor(random() * 8) : Infinity;
    const style = random();
    if (style < 0.3) {
      await chat(params, null, { signal });
    } else if (style < 0.7) {
      const answer = await chat({ ...params, stream: true }, null, { signal });
      assert.ok(answer.ok);
      let chunks = 0;
      for await (const _chunk of answer.result) if (chunks++ >= leaveAfter) break;
    } else {
      const body = JSON.stringify({ ...params, stream: style < 0.85 });
      const answer = await throttledFetch(`${provider.baseURL}/chat/completions`, { method: 'POST', body, signal });
      assert.ok(answer.ok);
      if (leaveAfter < Infinity) await answer.response.body?.cancel();
      else await answer.response.text();
    }
  };

  let next = 0;
  let failed = 0;
  const worker = async (): Promise<void> => {
    while (next < CALLS) await call(next++).catch(() => failed++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  assert.equal(governor.activeLeases, 0);
  assert.equal(governor.snapshot().waiting, 0);
  assert.equal(new Set(released.map(({ leaseId }) => leaseId)).size, asked.length);
  assert.equal(released.length, asked.length, 'each lease was released once');
  for (const outcome of ['success', 'error', 'cancelled'] as const)
    assert.ok(
      released.some(({ report }) => report?.outcome === outcome),
      outcome,
    );
  assert.ok(failed > 0 && failed < CALLS / 2, `${failed} failed`);
});

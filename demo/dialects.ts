/**
 * The same traffic against providers that speak like OpenAI, Anthropic and Gemini: `node --import tsx demo/dialects.ts`, after a build.
 * Nobody tells the governor of a limit. It finds out from what the answers say: headers of two dialects, refusals of the third. Ends
 * with status 1 if a provider refuses a governed run as often as the run without, or answers fewer than nine tenths of its calls.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createGovernor } from 'throttleai';
import { governedFetch } from 'throttleai/adapters/fetch';
import { readAnswer, type DialectName } from 'throttleai/providers';
import { createMockProvider, type MockProviderOptions } from 'throttleai/testing';

const RUN_MS = 12_000;
const WORKERS = 12;
/** Who is refused asks again after this; a program that obeyed each answer would be a governor already. */
const AGAIN_MS = 100;
const PROVIDER: MockProviderOptions = {
  limits: { requestsPerMinute: 600, burst: 0.05, countRefused: false },
  latency: { medianMs: 60, tokensPerSecond: 2000 },
};

const messages = [{ role: 'user', content: 'What is a lease?' }];
const dialects: readonly { dialect: DialectName; path: string; body: object }[] = [
  { dialect: 'openai', path: '/v1/chat/completions', body: { model: 'm', messages, max_tokens: 40 } },
  { dialect: 'anthropic', path: '/v1/messages', body: { model: 'm', messages, max_tokens: 40, stream: true } },
  {
    dialect: 'gemini',
    path: '/v1beta/models/m:streamGenerateContent?alt=sse',
    body: { contents: [{ parts: [{ text: 'What is a lease?' }] }], generationConfig: { maxOutputTokens: 40 } },
  },
];

/** @returns calls done, and refusals of the provider */
async function play(
  path: string,
  body: object,
  fetch: typeof globalThis.fetch,
): Promise<[done: number, refused: number]> {
  const provider = await createMockProvider(PROVIDER);
  const until = performance.now() + RUN_MS;
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const response = await fetch(provider.origin + path, { method: 'POST', body: JSON.stringify(body) });
      await response.arrayBuffer();
      if (!response.ok) await sleep(AGAIN_MS);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  const { done, refused } = provider.stats();
  await provider.close();
  return [done, refused];
}

console.log(
  `${WORKERS} workers, ${RUN_MS / 1000} s each way; each provider allows 10 calls a second, and 30 at once.\n`,
);
console.log('              without              governed');
const shown = ([done, refused]: readonly [number, number]): string => `${done} done, ${refused} 429s`.padEnd(20);

/** @returns what is to be said of a dialect, and whether the governed run is no worse */
async function compare({ dialect, path, body }: (typeof dialects)[number]): Promise<[text: string, good: boolean]> {
  const without = await play(path, body, fetch);
  const governor = createGovernor({ readAnswer, models: { m: { dialect } } });
  const governed = await play(path, body, governedFetch(governor));
  const found = governor.snapshot().limits?.map(({ name, limit }) => `${name} = ${limit}`) ?? [];
  const good = governor.activeLeases === 0 && governed[1] < without[1] && governed[0] >= 0.9 * without[0];
  governor.close();
  const told = `found: ${found.join(', ') || 'nothing but when to come back'}`;
  return [`${dialect.padEnd(12)}  ${shown(without)} ${shown(governed)}\n${' '.repeat(14)}${told}`, good];
}

const results = await Promise.all(dialects.map(compare));
for (const [text] of results) console.log(text);
const good = results.every(([, good]) => good);
console.log(good ? '\nThe governed runs are better.' : '\nThe governed runs are NOT better.');
process.exitCode = good ? 0 : 1;

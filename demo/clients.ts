/**
 * The users' programs, once as they are and once under a governor. Apart from the wrapping they are the same: the same
 * `openai` SDK with its default of two retries, and a plain `fetch` that retries as often.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import type { Governor } from 'throttleai';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { estimateTokensFromMessages, wrapChatCompletions } from 'throttleai/adapters/openai';
import type { Task, User } from './scenario.ts';

/** Sends one call and reads its answer to the end. Throws if it was given up. */
export type Ask = (task: Task, signal: AbortSignal) => Promise<void>;

/** When the latest attempt of the call at hand left: what came before was waiting. */
export const attempt = new AsyncLocalStorage<{ sentAt: number }>();

const notedFetch: typeof fetch = (input, init) => {
  const call = attempt.getStore();
  if (call) call.sentAt = performance.now();
  return fetch(input, init);
};

/** The SDK's default. */
const RETRIES = 2;

/** A `fetch` that repeats what the provider refused, after the delay it asked for, as careful programs do. */
const retryingFetch: typeof fetch = async (input, init) => {
  for (let left = RETRIES; ; left--) {
    const response = await notedFetch(input, init);
    if (response.status !== 429 || left === 0) return response;
    await response.body?.cancel();
    await sleep(
      Number(response.headers.get('retry-after-ms') ?? 1000),
      undefined,
      init?.signal ? { signal: init.signal } : {},
    );
  }
};

const sdk = (baseURL: string): OpenAI =>
  new OpenAI({ apiKey: 'mock', baseURL, fetch: notedFetch, maxRetries: RETRIES });

async function readStream(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _chunk of stream);
}

async function readResponse(response: Response): Promise<void> {
  if (!response.ok) throw new Error(`Status ${response.status}`);
  await response.json();
}

const post = (task: Task, signal: AbortSignal): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(task),
  signal,
});

/** What a call is expected to need. */
const estimateOf = (task: Task): { promptTokens: number; maxOutputTokens: number } => ({
  promptTokens: estimateTokensFromMessages(task.messages),
  maxOutputTokens: task.max_tokens,
});

/** The program of a user without a governor. */
export function plainClient(user: User, baseURL: string): Ask {
  const { completions } = sdk(baseURL).chat;
  switch (user.style) {
    case 'sdk':
      return async (task, signal) => void (await completions.create(task, { signal }));
    case 'sdk stream':
      return async (task, signal) => readStream(await completions.create({ ...task, stream: true }, { signal }));
    case 'fetch':
      return async (task, signal) =>
        readResponse(await retryingFetch(`${baseURL}/chat/completions`, post(task, signal)));
  }
}

/** The same program with its calls wrapped. The wait has no bound: the end of the run is its signal. */
export function governedClient(user: User, baseURL: string, governor: Governor): Ask {
  const options = { governor, actorId: user.name, wait: {} };
  if (user.style === 'fetch') return governedFetchClient(baseURL, options);
  const chat = wrapChatCompletions(sdk(baseURL).chat.completions, options);
  if (user.style === 'sdk') {
    return async (task, signal) => {
      const answer = await chat(task, estimateOf(task), { signal });
      if (!answer.ok) throw new Error(answer.decision.recommendation);
    };
  }
  return async (task, signal) => {
    const streamed = { ...task, stream: true as const, stream_options: { include_usage: true } };
    const answer = await chat(streamed, estimateOf(task), { signal });
    if (!answer.ok) throw new Error(answer.decision.recommendation);
    await readStream(answer.result);
  };
}

function governedFetchClient(baseURL: string, options: { governor: Governor; actorId: string; wait: object }): Ask {
  const throttledFetch = wrapFetch(retryingFetch, {
    ...options,
    estimate: (_input, init) => estimateOf(JSON.parse(String(init?.body)) as Task),
    async extractUsage(response) {
      const { usage } = (await response.json()) as OpenAI.ChatCompletion;
      return { promptTokens: usage?.prompt_tokens, outputTokens: usage?.completion_tokens };
    },
  });
  return async (task, signal) => {
    const answer = await throttledFetch(`${baseURL}/chat/completions`, post(task, signal));
    if (!answer.ok) throw new Error(answer.decision.recommendation);
    await readResponse(answer.response);
  };
}

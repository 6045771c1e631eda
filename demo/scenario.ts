/** What the demo plays: the provider's limits, the users, what they ask. The same for both runs. */
import { readdirSync, readFileSync } from 'node:fs';
import type { MockProviderOptions } from 'throttleai/testing';

/** Length of the provider's "minute" in ms, so that a run lives through several. */
export const MINUTE_MS = 2000;

/** Length of one run in ms. */
export const RUN_MS = 16_000;

/** What the provider allows; the governor is told the same numbers. */
export const LIMITS = { requestsPerMinute: 50, tokensPerMinute: 10_500, maxInFlight: 10 };

export const PROVIDER: MockProviderOptions = {
  seed: 2026,
  // Charges are corrected to real usage at the end of a call (as Anthropic, Mistral and Bedrock do), and refused calls
  // count against the requests (as at OpenAI).
  limits: { ...LIMITS, windowMs: MINUTE_MS, settle: 'actual', countRefused: true },
  latency: { medianMs: 120, sigma: 0.4, tokensPerSecond: 500 },
};

/**
 * Two calls may reach the provider this much closer together than they left. Without the allowance, a call that leaves
 * the moment the window has room would now and then arrive a little too early.
 */
const JITTER_MS = 40;

/** The governor's configuration: the provider's limits, and nobody may hold everything. */
export const GOVERNOR = {
  concurrency: { maxInFlight: LIMITS.maxInFlight },
  rate: {
    requestsPerMinute: LIMITS.requestsPerMinute,
    tokensPerMinute: LIMITS.tokensPerMinute,
    windowMs: MINUTE_MS + JITTER_MS,
  },
  fairness: { softCapRatio: 0.3 },
  strict: true,
};

/** How a user's program calls the provider. */
export type Style = 'sdk' | 'sdk stream' | 'fetch';

export interface User {
  name: string;
  /** Calls it keeps going at once. */
  workers: number;
  style: Style;
}

/** One user wants everything; the others want an answer. */
export const USERS: readonly User[] = [
  { name: 'crawler', workers: 24, style: 'sdk' },
  { name: 'ana', workers: 3, style: 'sdk stream' },
  { name: 'ben', workers: 3, style: 'sdk' },
  { name: 'chloe', workers: 3, style: 'sdk stream' },
  { name: 'dmitri', workers: 3, style: 'fetch' },
  { name: 'emma', workers: 3, style: 'fetch' },
];

/** What one call asks. */
export interface Task {
  model: string;
  user: string;
  messages: { role: 'system' | 'user'; content: string }[];
  max_tokens: number;
}

/** Answers are at most this long, in tokens; a different bound a prompt. */
const ANSWER_TOKENS = [60, 120, 200, 280];

/** The prompts of `prompts/*.txt`, in the order of their names. */
export function loadPrompts(): string[] {
  const folder = new URL('./prompts/', import.meta.url);
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort();
  return names.map((name) => readFileSync(new URL(name, folder), 'utf8').trim());
}

/** The `nth` call of a user. Users start at different prompts and go through all of them. */
export function taskOf(prompts: readonly string[], user: User, nth: number): Task {
  const at = USERS.indexOf(user) * 5 + nth;
  return {
    model: 'mock-small',
    user: user.name,
    messages: [
      { role: 'system', content: 'Answer briefly and precisely.' },
      { role: 'user', content: prompts[at % prompts.length]! },
    ],
    max_tokens: ANSWER_TOKENS[at % ANSWER_TOKENS.length]!,
  };
}

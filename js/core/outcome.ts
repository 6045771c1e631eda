/** How a call that threw has ended: one rule for helpers and adapters. */
import type { LeaseOutcome, SignalLike } from './types.ts';

const TIMEOUTS = new Set<unknown>([
  'TimeoutError',
  'APIConnectionTimeoutError',
  'RequestTimeoutError',
  'CohereTimeoutError',
  'ETIMEDOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const ABORTS = new Set<unknown>(['AbortError', 'APIUserAbortError', 'ABORT_ERR']);

/** SDKs wrap an abort in an error of their own and keep it as the cause; deeper than this nobody does. */
const CAUSES_MAX = 8;

/** An error and what caused it, outermost first. Never throws. */
export function causesOf(error: unknown): object[] {
  const causes: object[] = [];
  try {
    for (let at = error; typeof at === 'object' && at !== null && causes.length < CAUSES_MAX; at = (at as Error).cause)
      causes.push(at);
  } catch {
    // What throws has no cause that could be told.
  }
  return causes;
}

/** By what an error says that it is: names and codes, which errors of other realms and packages share. May throw. */
export function wordsOf(error: object): unknown[] {
  const { name, code } = error as { name?: unknown; code?: unknown };
  // The SDK's errors leave `name` as "Error"; only their class tells.
  return [name, code, error.constructor?.name];
}

/** An abort is `cancelled`, a time-out `timeout`, anything else `error`. */
export function outcomeOfError(error: unknown): LeaseOutcome {
  try {
    for (const at of causesOf(error)) {
      const words = wordsOf(at);
      if (words.some((word) => TIMEOUTS.has(word))) return 'timeout';
      if (words.some((word) => ABORTS.has(word))) return 'cancelled';
    }
  } catch {
    // An error whose properties throw is an error all the same.
  }
  return 'error';
}

/** As `outcomeOfError`, for a call that had a signal: its reason may be any value, so the error alone does not tell. */
export function outcomeOfCall(error: unknown, signal?: SignalLike | null): LeaseOutcome {
  if (signal?.aborted !== true) return outcomeOfError(error);
  return outcomeOfError(signal.reason) === 'timeout' ? 'timeout' : 'cancelled';
}

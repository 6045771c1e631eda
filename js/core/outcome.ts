/** How a call that threw has ended: one rule for helpers and adapters. */
import type { LeaseOutcome, SignalLike } from './types.ts';

const TIMEOUTS = new Set<unknown>([
  'TimeoutError',
  'APIConnectionTimeoutError',
  'ETIMEDOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const ABORTS = new Set<unknown>(['AbortError', 'APIUserAbortError', 'ABORT_ERR']);

/** SDKs wrap an abort in an error of their own and keep it as the cause; deeper than this nobody does. */
const CAUSES_MAX = 8;

/**
 * An abort is `cancelled`, a time-out `timeout`, anything else `error`. Goes by names and codes, which errors of other
 * realms and packages share.
 */
export function outcomeOfError(error: unknown): LeaseOutcome {
  try {
    let at = error;
    for (let depth = 0; depth < CAUSES_MAX && typeof at === 'object' && at !== null; depth++) {
      const { name, code, cause } = at as { name?: unknown; code?: unknown; cause?: unknown };
      // The SDK's errors leave `name` as "Error"; only their class tells.
      const words = [name, code, at.constructor?.name];
      if (words.some((word) => TIMEOUTS.has(word))) return 'timeout';
      if (words.some((word) => ABORTS.has(word))) return 'cancelled';
      at = cause;
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

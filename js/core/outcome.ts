/** How a call that threw has ended: one rule for helpers and adapters. */
import type { LeaseOutcome } from './types.ts';

/** An abort is `cancelled`, a time-out `timeout`, anything else `error`. Looks at names, as errors of other realms have none else. */
export function outcomeOfError(error: unknown): LeaseOutcome {
  const seen = new Set<unknown>();
  // SDKs wrap the abort in an error of their own and keep it as the cause.
  for (let at: unknown = error; typeof at === 'object' && at !== null && !seen.has(at); at = (at as { cause?: unknown }).cause) {
    seen.add(at);
    const { name, code } = at as { name?: unknown; code?: unknown };
    if (name === 'TimeoutError' || code === 'ETIMEDOUT' || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT'
      || name === 'APIConnectionTimeoutError') return 'timeout';
    if (name === 'AbortError' || name === 'APIUserAbortError' || code === 'ABORT_ERR') return 'cancelled';
  }
  return 'error';
}

/** How a call ended, in one of the four documented words. */
import { outcomeOfError } from '../../core/outcome.ts';
import type { LeaseOutcome } from '../../core/types.ts';

/**
 * The outcome that an error or a status stands for: an abort is `cancelled`, a time-out `timeout`, any other error and
 * any status from 400 on `error`, the rest `success`.
 *
 * @param error what was thrown; `undefined` or `null` if nothing was
 * @param status the HTTP status, if there is one
 * @example
 * classifyOutcome(undefined, 200); // "success"
 * classifyOutcome(undefined, 429); // "error"
 * classifyOutcome(new DOMException('aborted', 'AbortError')); // "cancelled"
 */
export function classifyOutcome(error?: unknown, status?: number): LeaseOutcome {
  return error === undefined || error === null ? outcomeOfStatus(status) : outcomeOfError(error);
}

/** What an answer stands for; one without a status is a success. */
export function outcomeOfStatus(status = 200): LeaseOutcome {
  return status >= 400 ? 'error' : 'success';
}

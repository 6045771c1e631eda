/** How a server tells its client that a call was denied. */
import { readClockOr } from '../../core/clock.ts';
import { InputError } from '../../core/errors.ts';
import { clockOf } from '../../core/internals.ts';
import type { AcquireDenied } from '../../core/types.ts';
import type { AdapterGovernor } from './types.ts';

/** Body of status 429. */
export interface DenialBody {
  error: string;
  reason: string;
  retryAfterMs: number;
  recommendation: string;
}

export function denialBody({ reason, retryAfterMs, recommendation }: AcquireDenied): DenialBody {
  return { error: 'Too many requests', reason, retryAfterMs, recommendation };
}

/** `Retry-After` in whole seconds, from the exact instant where it is known; `undefined`: never, no header. */
export function retryAfter(governor: AdapterGovernor, { retryAt, retryAfterMs }: AcquireDenied): number | undefined {
  if (retryAt === null) return undefined;
  const ms = retryAt === undefined ? retryAfterMs : retryAt - readClockOr(clockOf(governor), retryAt);
  // A governor of the user's own may say anything, NaN too.
  return ms < Infinity ? Math.max(0, Math.ceil(ms / 1000)) : undefined;
}

/** Body of status 400 if `error` says that the client's ids or estimate cannot be used. */
export function badRequest(error: unknown): { error: string } | undefined {
  return InputError.isInstance(error) ? { error: error.message } : undefined;
}

/** How a server tells its client that a call was denied, and what is left of its limits. */
import { readClockOr } from '../../core/clock.ts';
import { InputError } from '../../core/errors.ts';
import { clockOf, internalsOf } from '../../core/internals.ts';
import type { AcquireDenied, AcquireRequest, LimitDiagnosis } from '../../core/types.ts';
import type { RateLimitHeaders } from './limit-headers.ts';
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
  return Math.max(0, Math.ceil(ms / 1000));
}

/** The headers of an answer that tell of limits, as of now. Only a governor of this package knows what is left of them. */
export function limitHeaders(
  { governor, headers }: { governor: AdapterGovernor; headers?: RateLimitHeaders | undefined },
  request: AcquireRequest,
  seconds?: number,
): ReturnType<RateLimitHeaders> {
  const internals = internalsOf(governor);
  if (!headers || !internals?.rooms) return [];
  let limits: readonly LimitDiagnosis[];
  try {
    ({ limits } = internals.rooms(request));
  } catch {
    return []; // A closed governor: the answer itself is good.
  }
  return headers(limits, readClockOr(internals.clock, 0), seconds);
}

/** Body of status 400 if `error` says that the client's ids or estimate cannot be used. */
export function badRequest(error: unknown): { error: string } | undefined {
  return InputError.isInstance(error) ? { error: error.message } : undefined;
}

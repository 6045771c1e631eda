/**
 * Ends leases for helpers and adapters: once, without ever throwing, and when several calls share a lease under one
 * idempotency key, with the last of them. A raw `release` ends the lease at once; that is the user's word.
 */
import { internalsOf } from './internals.ts';
import type { AcquireRequest, GovernorLike, ReleaseReport } from './types.ts';

/** Counts for objects of the user's, which have no internals of ours. */
const foreign = new WeakMap<object, Map<string, number>>();

function holdersOf(governor: object): Map<string, number> {
  const own = internalsOf(governor)?.holders ?? foreign.get(governor);
  if (own !== undefined) return own;
  const fresh = new Map<string, number>();
  foreign.set(governor, fresh);
  return fresh;
}

/** Gives up one hold of a lease. Idempotent, never throws: a call that succeeded stays a success. */
export type EndHold = (report?: ReleaseReport) => void;

/**
 * Takes a hold of a granted lease. Call it right after the grant.
 *
 * @param request the request that was granted; its `idempotencyKey` says whether the lease may be shared
 * @returns ends the hold; the lease is released, with that report, when its last hold ends
 *
 * @example
 * const end = holdLease(governor, request, decision.leaseId);
 * try { await call(); end({ outcome: 'success' }); } catch (error) { end({ outcome: 'error' }); throw error; }
 */
export function holdLease(governor: GovernorLike, request: AcquireRequest, leaseId: string): EndHold {
  const shared = request.idempotencyKey === undefined || request.idempotencyKey === null ? undefined : holdersOf(governor);
  shared?.set(leaseId, (shared.get(leaseId) ?? 0) + 1);
  let ended = false;
  return (report) => {
    if (ended) return;
    ended = true;
    const others = shared === undefined ? 0 : (shared.get(leaseId) ?? 1) - 1;
    if (others > 0) {
      shared?.set(leaseId, others);
      return;
    }
    shared?.delete(leaseId);
    try {
      governor.release(leaseId, report);
    } catch {
      // Strict mode's lost lease, a closed governor: the call itself is over and its result stands.
    }
  };
}

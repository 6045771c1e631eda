/**
 * Ends leases for helpers and adapters: once, without ever throwing, and when several calls share a lease under one
 * idempotency key, with the last of them. A raw `release` ends the lease at once; that is the user's word.
 */
import { internalsOf } from './internals.ts';
import type { AcquireGranted, AcquireRequest, GovernorLike, ReleaseReport } from './types.ts';

/** The holds of one governor's shared leases. */
export interface Holders {
  /** Calls that have not ended, by lease id. */
  readonly counts: Map<string, number>;
  /** Grants whose hold was counted when they were given; see `reserveHold`. */
  readonly reserved: WeakSet<AcquireGranted>;
}

export function newHolders(): Holders {
  return { counts: new Map(), reserved: new WeakSet() };
}

/** For objects of the user's, which have no internals of ours. */
const foreign = new WeakMap<object, Holders>();

function holdersOf(governor: object): Holders {
  const own = internalsOf(governor)?.holders ?? foreign.get(governor);
  if (own !== undefined) return own;
  const fresh = newHolders();
  foreign.set(governor, fresh);
  return fresh;
}

/**
 * Counts a hold at the instant of the grant, for a caller that hears of it through a promise: in between, the other holders
 * may end. The caller's `holdLease` takes this hold over.
 */
export function reserveHold(holders: Holders, grant: AcquireGranted): void {
  countHold(holders, grant);
  holders.reserved.add(grant);
}

function countHold({ counts }: Holders, { leaseId }: AcquireGranted): void {
  counts.set(leaseId, (counts.get(leaseId) ?? 0) + 1);
}

/** @returns whether others still hold the lease */
function leaveHold({ counts }: Holders, { leaseId }: AcquireGranted): boolean {
  const others = (counts.get(leaseId) ?? 1) - 1;
  if (others > 0) counts.set(leaseId, others);
  else counts.delete(leaseId);
  return others > 0;
}

/** Gives up one hold of a lease. Idempotent, never throws: a call that succeeded stays a success. */
export type EndHold = (report?: ReleaseReport) => void;

/**
 * Takes a hold of a granted lease. Call it right after the grant.
 *
 * @param request the request that was granted; its `idempotencyKey` says whether the lease may be shared
 * @param grant the very object that the governor gave
 * @returns ends the hold; the lease is released, with that report, when its last hold ends
 *
 * @example
 * const end = holdLease(governor, request, decision);
 * try { await call(); end({ outcome: 'success' }); } catch (error) { end({ outcome: 'error' }); throw error; }
 */
export function holdLease(governor: GovernorLike, request: AcquireRequest, grant: AcquireGranted): EndHold {
  const shared =
    request.idempotencyKey === undefined || request.idempotencyKey === null ? undefined : holdersOf(governor);
  if (shared !== undefined && !shared.reserved.delete(grant)) countHold(shared, grant);
  let ended = false;
  return (report) => {
    if (ended) return;
    ended = true;
    if (shared !== undefined && leaveHold(shared, grant)) return;
    try {
      governor.release(grant.leaseId, report);
    } catch {
      // Strict mode's lost lease, a closed governor: the call itself is over and its result stands.
    }
  };
}

/**
 * Ends leases for helpers and adapters: once, without ever throwing, and when several calls share a lease under one
 * idempotency key, with the last of them. A raw `release` ends the lease at once; that is the user's word.
 */
import { internalsOf } from './internals.ts';
import type { AcquireRequest, GovernorLike, ReleaseReport } from './types.ts';

/** Holds of one shared lease. */
export interface Holders {
  /** Calls that have not ended. */
  count: number;
  /** How many of them were counted at the grant, in the governor, and have not taken their hold yet. */
  reserved: number;
}

/** By lease id. */
export type HolderMap = Map<string, Holders>;

/** For objects of the user's, which have no internals of ours. */
const foreign = new WeakMap<object, HolderMap>();

function holdersOf(governor: object): HolderMap {
  const own = internalsOf(governor)?.holders ?? foreign.get(governor);
  if (own !== undefined) return own;
  const fresh: HolderMap = new Map();
  foreign.set(governor, fresh);
  return fresh;
}

/**
 * Counts a hold at the instant of the grant, for a caller that hears of it through a promise: in between, another holder
 * may end. The caller's `holdLease` takes this hold over.
 */
export function reserveHold(holders: HolderMap, leaseId: string): void {
  const entry = holders.get(leaseId);
  if (entry === undefined) holders.set(leaseId, { count: 1, reserved: 1 });
  else {
    entry.count++;
    entry.reserved++;
  }
}

function takeHold(holders: HolderMap, leaseId: string): void {
  const entry = holders.get(leaseId);
  if (entry === undefined) holders.set(leaseId, { count: 1, reserved: 0 });
  else if (entry.reserved > 0) entry.reserved--;
  else entry.count++;
}

/** @returns whether others still hold the lease */
function leaveHold(holders: HolderMap, leaseId: string): boolean {
  const entry = holders.get(leaseId);
  if (entry !== undefined && --entry.count > 0) return true;
  holders.delete(leaseId);
  return false;
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
  const shared =
    request.idempotencyKey === undefined || request.idempotencyKey === null ? undefined : holdersOf(governor);
  if (shared !== undefined) takeHold(shared, leaseId);
  let ended = false;
  return (report) => {
    if (ended) return;
    ended = true;
    if (shared !== undefined && leaveHold(shared, leaseId)) return;
    try {
      governor.release(leaseId, report);
    } catch {
      // Strict mode's lost lease, a closed governor: the call itself is over and its result stands.
    }
  };
}

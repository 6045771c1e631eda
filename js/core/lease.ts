/// <reference lib="esnext.disposable" preserve="true" />
/** A granted lease as an object that ends with its block: `await using`. */
import { holdLease, type EndHold } from './holders.ts';
import type { Constraints, GovernorLike, AcquireGranted, AcquireRequest, ReleaseReport, TokenUsage } from './types.ts';

/** What a lease needs of its governor. */
interface Renewing extends GovernorLike {
  renew(leaseId: string, ttlMs?: number | null): boolean;
}

/** A lease that is held, from `governor.lease`. */
export class Lease {
  /** For `governor.release` and `governor.renew`. */
  readonly leaseId: string;
  /** When it ends unless renewed or released, in ms. */
  readonly expiresAt: number;
  /** What was granted instead of the estimate: only of a request that `canShrink`. */
  readonly constraints?: Constraints;
  readonly #governor: Renewing;
  readonly #end: EndHold;
  #usage: TokenUsage | undefined;

  /** Releases the lease. There where the platform has it (Node 20 on). */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /** @internal Users get leases from `governor.lease`. */
  constructor(governor: Renewing, request: AcquireRequest, grant: AcquireGranted) {
    this.leaseId = grant.leaseId;
    this.expiresAt = grant.expiresAt;
    if (grant.constraints !== undefined) this.constraints = grant.constraints;
    this.#governor = governor;
    this.#end = holdLease(governor, request, grant);
  }

  static {
    const asyncDispose = (Symbol as { asyncDispose?: symbol }).asyncDispose;
    const value = async function (this: Lease): Promise<void> {
      this.release();
    };
    if (asyncDispose !== undefined)
      Object.defineProperty(this.prototype, asyncDispose, { value, writable: true, configurable: true });
  }

  /** Notes what the call used. It is settled at the release, unless that reports usage itself. */
  use(usage: TokenUsage): void {
    this.#usage = usage;
  }

  /**
   * Ends the lease; only the first time does anything. Calls under one `idempotencyKey` share a lease, which ends with the last
   * of them. Never throws.
   */
  release(report?: ReleaseReport | null): void {
    const usage = this.#usage;
    this.#end(usage === undefined ? (report ?? undefined) : { usage, ...report });
  }

  /** As `governor.renew`. */
  renew(ttlMs?: number | null): boolean {
    return this.#governor.renew(this.leaseId, ttlMs);
  }

  /** The lease as text, for whoever ends it later: `leaseId` and `expiresAt` as JSON. */
  serialize(): string {
    return JSON.stringify({ leaseId: this.leaseId, expiresAt: this.expiresAt });
  }
}

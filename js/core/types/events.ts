import type { DenyCause, DenyReason } from './decision.ts';
import type { LeaseOutcome } from './request.ts';

/** Kinds of events. */
export type GovernorEventType = 'acquire' | 'deny' | 'release' | 'expire' | 'warn';

/** Every field an event may have. `formatEvent` takes any plain object of this shape. */
export interface GovernorEventFields {
  type: GovernorEventType;
  /** When it happened, in ms of the governor's clock. */
  timestamp?: number;
  leaseId?: string;
  actorId?: string;
  action?: string;
  /** Concurrency weight of the call. */
  weight?: number;
  reason?: DenyReason;
  retryAfterMs?: number;
  recommendation?: string;
  cause?: DenyCause;
  retryAt?: number | null;
  limit?: string;
  outcome?: LeaseOutcome;
  message?: string;
}

interface LeaseFields {
  timestamp: number;
  leaseId: string;
  actorId: string;
  action: string;
  weight: number;
}

// Fields that a kind does not have can still be read without narrowing (`event.reason` is undefined then).
interface NoDenial {
  reason?: never;
  retryAfterMs?: never;
  recommendation?: never;
  cause?: never;
  retryAt?: never;
  limit?: never;
}
interface NoOutcome {
  outcome?: never;
}
interface NoMessage {
  message?: never;
}

/** A lease was granted. */
export interface AcquireEvent extends LeaseFields, NoDenial, NoOutcome, NoMessage {
  type: 'acquire';
}
/** A lease ended because its time was up. */
export interface ExpireEvent extends LeaseFields, NoDenial, NoOutcome, NoMessage {
  type: 'expire';
}
/** A lease was released. */
export interface ReleaseEvent extends LeaseFields, NoDenial, NoMessage {
  type: 'release';
  outcome: LeaseOutcome;
}
/** A call was denied. The last three are as in the denial; events of a `Governor` have `cause` and `retryAt`. */
export interface DenyEvent extends NoOutcome, NoMessage {
  type: 'deny';
  timestamp: number;
  leaseId?: never;
  actorId: string;
  action: string;
  weight: number;
  reason: DenyReason;
  retryAfterMs: number;
  recommendation: string;
  /** The finer why. */
  cause?: DenyCause;
  /** Instant in ms at which the call fits if nothing else happens, unclamped; `null`: never. */
  retryAt?: number | null;
  /** Name of the limit that frees last, where one is named. */
  limit?: string;
}
/** Something that deserves a look: a bad report, a lease held long (strict). */
export interface WarnEvent extends LeaseFields, NoDenial, NoOutcome {
  type: 'warn';
  message: string;
}

/** What a governor tells its `onEvent` handler. Narrow it by `type`. */
export type GovernorEvent = AcquireEvent | DenyEvent | ReleaseEvent | ExpireEvent | WarnEvent;

/** Receives events in the order of the calls. It may call the governor; what it throws or rejects with is dropped. */
export type GovernorEventHandler = (event: GovernorEvent) => unknown;

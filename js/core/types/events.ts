import type { DenyCause, DenyReason } from './decision.ts';
import type { Scope } from './limits.ts';
import type { LeaseOutcome } from './request.ts';

/** Kinds of events. */
export type GovernorEventType = 'acquire' | 'deny' | 'release' | 'expire' | 'warn' | 'gate' | 'limit';

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
  model?: string;
  state?: 'open' | 'closed';
  until?: number | null;
  max?: number;
  bounds?: readonly [number, number];
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
}
interface NoOutcome {
  outcome?: never;
}
interface NoMessage extends NoWarning {
  message?: never;
}
interface NoLimit {
  limit?: never;
}
interface NoWarning {
  used?: never;
  max?: never;
  part?: never;
  key?: never;
}

/** One value for each scope of a limit; left out where the calls did not name it. */
export type LimitKey = { readonly [S in Exclude<Scope, 'all'>]?: string };

/** A lease was granted. */
export interface AcquireEvent extends LeaseFields, NoDenial, NoOutcome, NoMessage, NoLimit {
  type: 'acquire';
}
/** A lease ended because its time was up. */
export interface ExpireEvent extends LeaseFields, NoDenial, NoOutcome, NoMessage, NoLimit {
  type: 'expire';
}
/** A lease was released. */
export interface ReleaseEvent extends LeaseFields, NoDenial, NoMessage, NoLimit {
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
export interface WarnEvent extends LeaseFields, NoDenial, NoOutcome, NoLimit, NoWarning {
  type: 'warn';
  message: string;
}
/** What a limit counts has reached one of the parts of `warnAt`. */
export interface LimitWarnEvent extends NoDenial, NoOutcome {
  type: 'warn';
  timestamp: number;
  leaseId?: never;
  actorId?: never;
  action?: never;
  weight?: never;
  message: string;
  /** Its name. */
  limit: string;
  /** What it counts now. */
  used: number;
  /** How much it allows. */
  max: number;
  /** The part of `warnAt` that was reached. */
  part: number;
  /** Whose count it is, by scope and in NFC, where the limit has a `per`; not for those above `caps.keys`, who count together. */
  key?: LimitKey;
}

/** Of what concerns no call alone. */
interface NoCall extends Omit<NoDenial, 'cause'>, NoOutcome {
  timestamp: number;
  leaseId?: never;
  actorId?: never;
  action?: never;
  weight?: never;
  message?: never;
  used?: never;
  part?: never;
  key?: never;
}
/** The gate of a family of models has closed or opened: see `observe`, and `adaptive`. */
export interface GateEvent extends NoCall {
  type: 'gate';
  /** The family; empty: calls without a model, and those whose family has no gate of its own. */
  model: string;
  state: 'open' | 'closed';
  /** Of a closed one: `cooldown` for a refusal, `circuit` for failures in a row or an error that stays. */
  cause?: 'cooldown' | 'circuit';
  /** Until when it is closed, in ms; `null`: until somebody acts, or it is open. */
  until: number | null;
  limit?: never;
  max?: never;
}
/** The provider has told of a limit of its own, or of another amount of it; or refusals have taught more about a hidden one. */
export interface LimitEvent extends NoCall {
  type: 'limit';
  /** Its name. */
  limit: string;
  /** How much it allows now; of a hidden one the estimate. */
  max: number;
  /** How much it allowed before; absent of one that is new. */
  before?: number;
  /** Of a hidden limit: it holds at least and at most so much. */
  bounds?: readonly [number, number];
  cause?: never;
}

/** What a governor tells its `onEvent` handler. Narrow it by `type`. */
export type GovernorEvent =
  AcquireEvent | DenyEvent | ReleaseEvent | ExpireEvent | WarnEvent | LimitWarnEvent | GateEvent | LimitEvent;

/** Receives events in the order of the calls. It may call the governor; what it throws or rejects with is dropped. */
export type GovernorEventHandler = (event: GovernorEvent) => unknown;

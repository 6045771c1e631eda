import type { AcquireDecision, AcquireDenied, DenyReason } from './decision.ts';
import type { GovernorEvent } from './events.ts';
import type { AcquireRequest, LeaseOutcome, ReleaseReport } from './request.ts';

/** Anything that grants and takes back leases: a `Governor`, or an object of the user's with the same two methods. */
export interface GovernorLike {
  /** Grants a lease or denies it, at once. */
  acquire(request: AcquireRequest): AcquireDecision;
  /** Ends a lease. */
  release(leaseId: string, report?: ReleaseReport): void;
}

/** What this package needs of an `AbortSignal`. */
export interface SignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  /** Called once, however many calls of a governor wait under the signal. */
  addEventListener(type: 'abort', listener: () => void): void;
  /** Called when the last of them has its answer. */
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** How long to wait in the queue. Without bounds a call waits until it is granted or can never be. */
export interface Wait {
  /** Ends the wait: the promise rejects with `signal.reason` and nothing was consumed. */
  signal?: SignalLike | null | undefined;
  /** Most time to wait in ms. Default: no bound. Range: from 0; Infinity is no bound. */
  timeoutMs?: number | null | undefined;
  /** Instant in ms of the governor's clock until which to wait. Default: no bound. The earlier of both counts. */
  deadline?: number | null | undefined;
}

/** `deny`: fail at once. `wait`: wait until `maxWaitMs`. `wait-then-deny`: also bounded by `maxAttempts`. */
export type WithLeaseStrategy = 'deny' | 'wait' | 'wait-then-deny';

/** Options of `withLease`. */
export interface WithLeaseOptions {
  /** Default `deny`; an unknown one means `deny` as well. */
  strategy?: WithLeaseStrategy | null | undefined;
  /** @deprecated use `strategy: 'wait'` */
  wait?: boolean | null | undefined;
  /** Most time to wait in ms. Default 10000. Range: from 0; Infinity waits until the call is granted or never can be. */
  maxWaitMs?: number | null | undefined;
  /** For `wait-then-deny`: most attempts, the first acquire counted. Default 3. Range: an integer from 1, or Infinity. */
  maxAttempts?: number | null | undefined;
  /** First pause between attempts in ms, doubling to at most 5000. Default 250. Range: above 0, finite. */
  initialBackoffMs?: number | null | undefined;
  /** Cancels the wait; the promise rejects with `signal.reason`. The function itself is not interrupted. */
  signal?: SignalLike | null | undefined;
}

/** What a governor says when it denies: all of `GovernorDenied` for a `Governor`, else what the object's own type says. */
export type DeniedBy<G extends Pick<GovernorLike, 'acquire'>> = Extract<ReturnType<G['acquire']>, { granted: false }>;

/** What `withLease` resolves to. */
export type WithLeaseResult<T, D extends AcquireDenied = AcquireDenied> =
  { granted: true; result: T } | { granted: false; decision: D };

/** Options of `retryAcquire`. */
export interface RetryOptions {
  /** Most attempts, the first acquire counted. Default 3. Range: an integer from 1, or Infinity. */
  maxAttempts?: number | null | undefined;
  /** Ends the pauses; the promise rejects with `signal.reason`. */
  signal?: SignalLike | null | undefined;
}

/** What a stats collector has counted. */
export interface StatsSnapshot {
  grants: number;
  denials: number;
  /** The same as `denials`. */
  denies: number;
  denialsByReason: Record<DenyReason, number>;
  releases: number;
  expires: number;
  /** Denials over grants and denials; 0 while there are none of either. */
  denyRate: number;
  /** NaN without a sample. */
  avgLatencyMs: number;
  /** Infinity without a sample. */
  minLatencyMs: number;
  /** -Infinity without a sample. */
  maxLatencyMs: number;
  /** How many latencies were recorded. */
  latencySamples: number;
  outcomes: Record<LeaseOutcome, number>;
  totalEvents: number;
}

/** Counts events; made by `createStatsCollector`. All functions work unbound. */
export interface StatsCollector {
  /** Pass it as `onEvent`. */
  readonly handler: (event: GovernorEvent) => void;
  /** Adds a latency in ms. Anything but a finite number from 0 is ignored. */
  readonly recordLatency: (ms: number) => void;
  /** A copy of the counts. */
  readonly snapshot: () => StatsSnapshot;
  /** Starts again at zero. */
  readonly reset: () => void;
}

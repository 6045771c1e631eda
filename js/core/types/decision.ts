/** Why a call was denied: no free weight, a rolling limit, a budget, or fairness and caps. */
export type DenyReason = 'concurrency' | 'rate' | 'budget' | 'policy';

/** The finer why of a denial. */
export type DenyCause =
  | 'slots'
  | 'reserve'
  | 'share'
  | 'limit'
  | 'budget'
  | 'cooldown'
  | 'queue-full'
  | 'queued-ahead'
  | 'deadline'
  | 'too-large'
  | 'cap'
  | 'store'
  | 'circuit';

/** The numbers behind a denial. */
export interface LimitsHint {
  /** Weight in flight (reasons `concurrency` and `policy`). */
  inFlight?: number;
  /** Most weight in flight at present (reasons `concurrency` and `policy`). */
  maxInFlight?: number;
  /** What the window counts now (reason `rate`). */
  rateUsed?: number;
  /** The limit of the window (reason `rate`). */
  rateLimit?: number;
}

/** What a granted call must keep to. Present only where a limit shortens the output. */
export interface Constraints {
  /** Ask the model for at most this many output tokens. */
  maxOutputTokens?: number;
}

/** A granted call. Release the lease when the call has ended. */
export interface AcquireGranted {
  granted: true;
  /** Names the lease; starts with `lease-`. */
  leaseId: string;
  /** Instant in ms at which the lease ends by itself. */
  expiresAt: number;
  /** Only where a limit shortens the output. */
  constraints?: Constraints;
}

/** A denied call: nothing was consumed. */
export interface AcquireDenied {
  granted: false;
  /** Which kind of limit was hit first. */
  reason: DenyReason;
  /** Suggested delay in ms, 25 to 5000. */
  retryAfterMs: number;
  /** For people: what was hit and what to do. */
  recommendation: string;
  /** The numbers behind it. */
  limitsHint?: LimitsHint;
  /** The finer why. */
  cause?: DenyCause;
  /** Name of the limit that frees last. */
  limit?: string;
  /**
   * Instant in ms at which the call fits if nothing else happens, unclamped; `null`: never. Exact for rates; for slots and
   * shares enough leases will have expired by then, a release makes it sooner; behind waiters a guess.
   */
  retryAt?: number | null;
  /** With `retryAt: null`: the largest amount that could ever be granted. */
  maxAllowed?: number;
}

/** The answer to a request. Objects that users build need only the documented fields. */
export type AcquireDecision = AcquireGranted | AcquireDenied;

/** A denial as a `Governor` returns it. */
export interface GovernorDenied extends AcquireDenied {
  cause: DenyCause;
  retryAt: number | null;
}

/** An answer as a `Governor` returns it. */
export type GovernorDecision = AcquireGranted | GovernorDenied;

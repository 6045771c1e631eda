/**
 * What the generated glue of `src/wasm/` exports, as the shell sees it. The only description of the boundary on this
 * side; `entrypoints` hand an implementation to the factory. Only numbers cross per call; strings and objects cross
 * when a governor is made, looked at (`snapshot`) or saved.
 *
 * Times that go in are milliseconds of the caller's clock (fractions allowed); times that come out are milliseconds of
 * the caller's clock, rounded up.
 */

/** One governor inside the wasm instance. Every method may trap; see `port.ts`. */
export interface CoreHandle {
  /** Byte offset of this governor's `f64` view in linear memory. Stable for the life of the handle. */
  view_ptr(): number;
  /**
   * Returns, perhaps with `DUE`, a grant (>= 0: the slot of the lease above `GRANT_*`; `View.GENERATION`, `View.EXPIRES_AT`,
   * `View.ACTOR` are filled), `DENIED` (the `View.DENY_*` fields are filled), or with a deadline `QUEUED` (`View.WAITER`,
   * `View.WAITER_GENERATION` are filled and a `Granted` or `Refused` output follows).
   *
   * @param actor handle from `View.ACTOR` of an earlier grant, or `NO_HANDLE` for an id the core has no handle for
   * @param flags bit 0: background; bit 1: may barge past waiters; those below; the family from `FAMILY_SHIFT` on
   * @param claimSlot, claimGeneration the lease that the shell's table says holds the idempotency key; -1, 0 without.
   *   If it is still live the same slot is returned with `GRANT_REUSED`.
   * @param deadline instant in ms after which a waiter is refused, Infinity for none; NaN: it does not wait
   */
  acquire(
    now: number,
    actor: number,
    flags: number,
    weight: number,
    promptTokens: number,
    outputTokens: number,
    claimSlot: number,
    claimGeneration: number,
    deadline: number,
  ): number;
  /** Takes a waiter out. 1 if it was waiting, 0 if it was already granted, refused or never known. */
  cancel(now: number, waiter: number, generation: number): number;
  /**
   * Ends a lease and settles its tokens. NaN: not reported. Returns a `ReleaseCode`, perhaps with `RELEASE_DUE`.
   * @param outcome 0 success, 1 error, 2 timeout, 3 cancelled; with flags
   */
  release(
    now: number,
    slot: number,
    generation: number,
    outcome: number,
    latencyMs: number,
    promptTokens: number,
    outputTokens: number,
  ): number;
  /** Moves `expiresAt` to `now + ttlMs` (NaN: the configured TTL). 1 if the lease is live, else 0. */
  renew(now: number, slot: number, generation: number, ttlMs: number): number;
  /** Takes back a live lease that nobody was told of, its request included. 1 if it was live, else 0. */
  annul(now: number, slot: number, generation: number): number;
  /** 1 while the lease is live (held, not yet swept), else 0. Changes nothing. */
  is_live(slot: number, generation: number): number;
  /**
   * Takes over another configuration. Limits that are still there go on with what they have counted; places and sets are those
   * of the new one. @throws CoreConfigError; nothing has changed then
   */
  reconfigure(now: number, config: unknown): void;
  /**
   * What `acquire` would say: where it is not granted the `View.DENY_*` fields are filled. Changes nothing else.
   *
   * @param reserved whether to say what leases in flight have reserved, which takes time in proportion to them
   */
  diagnose(
    now: number,
    actor: number,
    flags: number,
    weight: number,
    promptTokens: number,
    outputTokens: number,
    reserved: boolean,
  ): CoreDiagnosis;
  /** The limit at a place allows `amount` from now on; throws as the constructor does. @param money in dollars, counted in millionths */
  set_limit(now: number, place: number, amount: number, money: boolean): void;
  /** Counts a call that was made elsewhere. @param flags only those matter that say what counts it, and what of it */
  record(now: number, flags: number, promptTokens: number, outputTokens: number): void;
  /**
   * Takes in what a provider has answered. `View.OBSERVED` and what follows have so many limits.
   *
   * @param family as in the flags of `acquire`
   * @param answered an index into `ANSWERED`, and `COUNTS_AT_END`, `OBSERVED_KEYS`
   * @param slot, generation the lease; -1, 0 without
   * @param retryAt in ms; NaN: not said
   */
  observe(
    now: number,
    family: number,
    answered: number,
    slot: number,
    generation: number,
    retryAt: number,
    limits: number,
  ): void;
  /** Opens the gate of a family. 1 if it was closed, else 0. */
  reopen(now: number, family: number): number;
  /** Answers `NeedBoundaries`: when the current and the next calendar period of the limit at a place end. NaN: not known. */
  set_boundaries(now: number, limit: number, ends: number, nextEnds: number): void;
  /** Lets due things happen: expiries, waiters. Call it at `View.TIMEOUT`. */
  handle_timeout(now: number): void;
  /** Writes the next output into `View.OUT_*` and returns its `OutputKind`, 0 when there is none. */
  poll_output(): number;
  /** One number of the state, see `Gauge`. Changes nothing. */
  gauge(now: number, which: number): number;
  /** The view that users read, without what only the shell knows (timestamp, lastDeny). Changes nothing. */
  snapshot(now: number): CoreSnapshot;
  /** The whole state as a versioned image. */
  save(): Uint8Array;
  /** Frees the governor's memory. */
  free(): void;
}

export interface CoreSnapshot {
  activeLeases: number;
  concurrency: {
    inFlightWeight: number;
    inFlightCount: number;
    max: number;
    effectiveMax: number;
    available: number;
  } | null;
  requestRate: { current: number; limit: number } | null;
  tokenRate: { current: number; limit: number } | null;
  fairness: boolean;
  adaptive: boolean;
  waiting: number;
  actors: number;
  clock: { stepsClamped: number; changes: number };
}

/** Amounts of money are in dollars. */
export interface CoreDiagnosis {
  granted: boolean;
  limits: {
    place: number;
    used: number;
    limit: number;
    asked: number;
    fits: boolean;
    /** When it would fit by this limit alone, in ms; null: never. */
    freeAt: number | null;
    /** When all of it is free, in ms. */
    resetAt: number;
    /** In which time all of it comes back, in ms; null: a period of the calendar. */
    windowMs: number | null;
    reserved: number;
    owed: number;
  }[];
}

/** What a failed construction, restore or reconfiguration throws: plain data that the shell turns into a `ConfigError`. */
export interface CoreConfigError {
  code: 'config' | 'image';
  field: string;
  value: unknown;
  allowed: string;
  message: string;
}

/** The glue module of one wasm instance. */
export interface Glue {
  Core: {
    /** @throws CoreConfigError; nothing is allocated then */
    new (config: unknown): CoreHandle;
    /** A governor continued from `save()`. @throws CoreConfigError */
    restore(config: unknown, image: Uint8Array): CoreHandle;
  };
  /** 53 random bits from the platform. Throws where there is no source (Node 18, Workers at module scope). */
  random_seed(): number;
  /** The message of the panic that caused the last trap, if it was a panic; clears it. */
  take_panic(): string | undefined;
}

/** Return codes of `acquire` below zero, without `DUE`. */
export const DENIED = -2;
export const QUEUED = -4;
/** The bit below all that `acquire` returns: the shell has something to do, see `View.PENDING` and what follows it. */
export const DUE = 1;
/** `actor` for an id without a handle. */
export const NO_HANDLE = 0xffffffff;

/** A flag of `acquire`. Nothing here sets the other one, to barge. */
export const FLAG_BACKGROUND = 1;
/** Also of `release`, beside the outcome: `View.IN_COST` and what follows have been written. */
export const FLAG_AMOUNTS = 4;
/** Of `release`, beside the outcome: `View.STATUS`, `View.RETRY_AFTER` and `View.FIRST_TOKEN` have been written. */
export const FLAG_ANSWERED = 8;
/**
 * Of `release`, beside the outcome: `View.HELD_US`, `View.TTL_US`, `View.WEIGHT` are to be filled where the lease was held, and
 * `ReleasedLate` to be told from `Released`.
 */
export const FLAG_TELL = 16;
/** Below the slot of a grant: the lease is one that was held already. */
export const GRANT_REUSED = 2;
/** Likewise: `View.ACTOR` is not the handle that was asked with. */
export const GRANT_RENAMED = 4;
/** Where the slot of a grant begins. */
export const SLOT_SHIFT = 3;
/** Beside a `ReleaseCode`: as `DUE`. */
export const RELEASE_DUE = 8;
/** `View.KEYS` and what follows have been written. */
export const FLAG_KEYS = 8;
/** No limit counts the call: concurrency, fairness and the queue do. */
export const FLAG_UNLIMITED = 16;
/** `View.IN_SHARE` has been written. */
export const FLAG_SHARE = 32;
/** The number of the call's family stands above the flags; 0: none. */
export const FAMILY_SHIFT = 8;
/** Families with a gate, at most. */
export const GATES_MAX = 1024;
/** What came of a call. */
export const ANSWERED = ['ok', 'transient', 'overload', 'terminal', 'other'] as const;
/** Beside what came of a call: the provider counts it when it ends. */
export const COUNTS_AT_END = 8;
/** Beside what came of a call: `View.KEYS` and what follows have been written. */
export const OBSERVED_KEYS = 16;
/** Limits of one answer, at most. */
export const OBSERVED_MAX = 8;
/** Sets of limits that count one call apart, at most. */
export const KEYS_MAX = 8;
/** Metrics of the user's own that the core counts, at most. */
export const METRICS_MAX = 4;

/** Fields of the view, as indices into a `Float64Array` over `view_ptr()`. */
export const View = {
  LENGTH: 88,
  /** Outputs waiting to be polled. Valid after every command. */
  PENDING: 0,
  /** Instant (ms) at which `handle_timeout` wants to be called; Infinity: never. Valid after every command. */
  TIMEOUT: 1,
  /** How many wait in the queue (while somebody does, the timer must keep the process alive). Valid after every command. */
  WAITING: 2,
  GENERATION: 3,
  EXPIRES_AT: 4,
  /** Handle of the request's actor, `NO_HANDLE` if the core keeps none (then the shell keeps no string either). */
  ACTOR: 5,
  WAITER: 7,
  WAITER_GENERATION: 8,
  /** After a `release` with `FLAG_TELL`, as the two that follow. */
  HELD_US: 9,
  TTL_US: 10,
  /** In millionths. */
  WEIGHT: 11,
  /** Index into `REASONS`. */
  DENY_REASON: 12,
  /** Index into `CAUSES`. */
  DENY_CAUSE: 13,
  DENY_RETRY_AFTER_MS: 14,
  /** Instant in ms, NaN for never. */
  DENY_RETRY_AT: 15,
  /** One of `TEXT`, of the check that never frees where `DENY_RETRY_AT` is NaN; its words are in `texts.ts`. */
  DENY_TEXT: 16,
  /** What is counted now / the limit, in the unit of the text (weight, requests, tokens, waiters). */
  DENY_USED: 17,
  DENY_LIMIT: 18,
  /** What was asked for where `DENY_RETRY_AT` is NaN, else NaN. */
  DENY_ASKED: 19,
  /** Place of the limit that frees last: requests and tokens of `rate` if configured, then `limits`; -1 none. */
  DENY_BINDING: 20,
  /** The largest amount that could ever be granted where `DENY_RETRY_AT` is NaN, else NaN. */
  DENY_MAX_ALLOWED: 21,
  /** Place of the limit that the text is about, as in `DENY_BINDING`; -1 for those of `rate` and what is no limit. */
  DENY_ABOUT: 22,
  /** Output record: lease slot and generation, or waiter, or handle; see `OutputKind`. */
  OUT_A: 24,
  OUT_B: 25,
  OUT_C: 26,
  OUT_D: 27,
  OUT_E: 28,
  OUT_F: 29,
  /** Written by the shell: the HTTP status of the provider's answer. */
  STATUS: 30,
  /** Written by the shell with it: how long the provider asks for a pause, in ms; NaN: not said. */
  RETRY_AFTER: 31,
  /** Written by the shell: dollars, then the user's own metrics in the order of their first use in `limits`; NaN: none. */
  IN_COST: 32,
  /**
   * Written by the shell: how many keys, then for each the set and its handle, `NO_HANDLE` if it has none. After a grant and
   * after `QUEUED` the core has written in place of the handles those that the keys have now.
   */
  KEYS: 40,
  /** Written by the shell: the share of the actor, in thousandths. It holds until it is written again. */
  IN_SHARE: 58,
  /** Written by the shell with `STATUS`: time to the first part of a stream, in ms; NaN: not said. */
  FIRST_TOKEN: 59,
  /** Written by the shell: limits that an answer tells of, each its place, what is left, when it resets in ms (NaN: not said). */
  OBSERVED: 64,
} as const;

/** What `poll_output` returns. */
export const OutputKind = {
  None: 0,
  /** A = slot, B = generation, C = weight. The lease expired. */
  Expired: 1,
  /** A = waiter, B = waiter generation, C = slot, D = generation, E = expiresAt ms, F = actor handle. */
  Granted: 2,
  /** A = waiter, B = waiter generation; the `View.DENY_*` fields say why. */
  Refused: 3,
  /** A = actor handle that became free: forget its string. */
  ActorFreed: 4,
  /** A = place of a limit that asks for its calendar boundaries: `set_boundaries` answers. */
  NeedBoundaries: 5,
  /** A = handle of a key that became free: forget its string. */
  KeyFreed: 6,
  /** A = place of a limit, B = which of its `warnAt` was reached, C = counted now, D = the limit, E = key handle or `NO_HANDLE`. */
  Warned: 7,
  /** A = family, B = until when in ms (Infinity: until somebody acts), C = 1 if open, D = 1 if for an error that stays. */
  Gate: 8,
  /** A = place of a hidden limit, B = its estimate, C and D = its bounds, E = the estimate before, NaN: none. */
  Learnt: 9,
} as const;

/** What `release` returns. */
export const ReleaseCode = {
  Released: 0,
  /** Released, and the lease had been held for more than 80 % of its TTL. */
  ReleasedLate: 1,
  /** Never issued by this governor, or expired and no longer remembered. */
  Unknown: 2,
  /** Was released before. */
  Double: 3,
  /** Had expired; its charge was corrected. */
  SettledAfterExpiry: 4,
} as const;

/** Arguments of `gauge`. */
export const Gauge = {
  ActiveLeases: 0,
  ConcurrencyActive: 1,
  ConcurrencyAvailable: 2,
  ConcurrencyEffectiveMax: 3,
  RateCount: 4,
  RateLimit: 5,
  TokenRateCount: 6,
  TokenRateLimit: 7,
  /** `caps.idBytes`: the longest id in UTF-8 bytes. */
  IdBytes: 10,
  /** 1 if a rule reads actors: then ids are interned. */
  ReadsActors: 11,
  /** Keys remembered. */
  Keys: 12,
  /** From here on two for each limit by place: what is counted (money in millionths; NaN: by key), and the limit. */
  Limits: 32,
  /** From here on two for each limit by place: the bounds of a hidden one; NaN: nothing is known. */
  Bounds: 4096,
} as const;

/** Documented reasons, by `View.DENY_REASON`. */
export const REASONS = ['concurrency', 'rate', 'budget', 'policy'] as const;
/** Finer causes, by `View.DENY_CAUSE`. */
export const CAUSES = [
  'slots',
  'reserve',
  'share',
  'limit',
  'budget',
  'cooldown',
  'queue-full',
  'queued-ahead',
  'deadline',
  'too-large',
  'cap',
  'store',
  'circuit',
] as const;
/** Which text, by `View.DENY_TEXT`. */
export const TEXT = {
  Slots: 0,
  Share: 1,
  Requests: 2,
  Tokens: 3,
  QueuedAhead: 4,
  TooHeavy: 5,
  TooManyTokens: 6,
  QueueFull: 7,
  Deadline: 8,
  LeaseCap: 9,
  ActorCap: 10,
  Limit: 11,
  Budget: 12,
  TooLarge: 13,
  KeyCap: 14,
  Cooldown: 15,
  Circuit: 16,
} as const;

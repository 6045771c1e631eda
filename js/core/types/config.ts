import type { Clock, ClockWithTimers } from './clock.ts';
import type { GovernorEventHandler } from './events.ts';
import type { HiddenLimit, Limit, LimitRates } from './limits.ts';
import type { ModelsConfig } from './models.ts';
import type { AnswerReader } from './answer.ts';
import type { DiscoveryConfig } from './observe.ts';

/** How much may be in flight at once. */
export interface ConcurrencyConfig {
  /** Most weight in flight at once. Range: above 0 to 1e9, counted in millionths. */
  maxInFlight: number;
  /**
   * Weight that background calls leave free for interactive ones. Default 0. Range: 0 to below `maxInFlight`.
   * An idle governor admits background work all the same, up to `maxInFlight - interactiveReserve`.
   */
  interactiveReserve?: number | null | undefined;
}

/** How much may be admitted in any window of `windowMs`: an exact rolling window, not a calendar minute. */
export interface RateConfig {
  /** Calls per window. Default: no limit. Range: 1 to 2^53 - 1; a fraction of one is none. */
  requestsPerMinute?: number | null | undefined;
  /** Tokens (prompt and output) per window. Default: no limit. Range: 1 to 2^53 - 1; a fraction of one is none. */
  tokensPerMinute?: number | null | undefined;
  /** Length of the window in ms. Default 60000: the limits are per window, so another length changes what they mean. Range: 1 to 366 days. */
  windowMs?: number | null | undefined;
}

/** Keeps one actor from holding everything of `concurrency`. Those who wait are served in the order of what actors have consumed. */
export interface FairnessConfig {
  /** Part of the effective maximum that one actor may hold while the governor is loaded. Default 0.6. Range: above 0 to 1. */
  softCapRatio?: number | null | undefined;
  /** How long, in ms, an actor that was denied below its share counts as starved. Default 5000. Range: 0 to 366 days. */
  starvationWindowMs?: number | null | undefined;
}

/**
 * Moves the effective maximum of `concurrency` with latency and with what the provider refuses, fails or leaves unanswered. Without
 * `concurrency` only gates close after failures in a row.
 */
export interface AdaptiveConfig {
  /** Weight of a new sample in the moving averages. Default 0.2. Range: above 0 to 1. */
  alpha?: number | null | undefined;
  /**
   * Part of the calls that the provider may refuse while its limit is looked for; also the denials tolerated in an interval in which
   * no call ended. Default 0.05. Range: 0 to 1.
   */
  targetDenyRate?: number | null | undefined;
  /** Latency over baseline above which the maximum is lowered. Default 1.5. Range: 1 to 1000. */
  latencyThreshold?: number | null | undefined;
  /**
   * A fifth of this many ms, or a mean latency where that is longer, is the shortest time between two adjustments, unless the evidence
   * is strong; own denials count in one of it in which no call ended. Default 5000. Range: 1 to 366 days.
   */
  adjustIntervalMs?: number | null | undefined;
  /** The maximum is never lowered below this weight. Default 1. Range: above 0 to `maxInFlight`. */
  minConcurrency?: number | null | undefined;
}

/** The queue in which `acquireAsync` and the waiting helpers wait. */
export interface QueueConfig {
  /** Most waiters at once; further ones are denied with cause `queue-full`. Default 10000. Range: 0 to 1000000. */
  max?: number | null | undefined;
  /**
   * Who is refused when so many wait: who comes (`reject`), or who has waited longest of the lowest class that is not above that
   * of who comes (`drop-oldest`). The cause is `queue-full`. Default `reject`.
   */
  overflow?: 'reject' | 'drop-oldest' | null | undefined;
  /**
   * For how long, in ms, after the first time a waiter that does not fit may be passed by others that do. Then what comes free
   * where it waits is kept for it, and background work counts as interactive in the order. Default 5000. Range: 0 (nobody may
   * pass) to 366 days.
   */
  ageingMs?: number | null | undefined;
}

/** Bounds on what the governor remembers, so that made-up ids cannot exhaust memory. */
export interface CapsConfig {
  /** Most actors remembered at once. Default 100000. Range: 1 to 4000000. */
  actors?: number | null | undefined;
  /**
   * Most keys of limits remembered at once: a key is one actor, model, tenant or action, or one combination, that a limit counts
   * apart. Default 100000. Range: 1 to 4000000.
   */
  keys?: number | null | undefined;
  /** What happens to unknown actors or keys above their cap: they count as one together, or are denied. Default `share`. */
  overflow?: 'share' | 'deny' | null | undefined;
  /** Most leases held at once; further calls are denied with cause `cap`. Default 1000000. Range: 1 to 4000000. */
  leases?: number | null | undefined;
  /** Longest actor id, action, model, tenant or idempotency key in UTF-8 bytes; longer ones are an `InputError`. Default 512. Range: 1 to 65536. */
  idBytes?: number | null | undefined;
}

/** How many calls that `withRetry` makes may be retries, in each family of models. */
export interface RetryBudgetConfig {
  /** What each call earns, in retries: 0.1 is one retry in ten calls. Fades within minutes. Default 0.1. Range: 0 to 1. */
  ratio?: number | null | undefined;
  /** Retries a minute that are free, for those who make few calls; so many at once at most. Default 10. Range: 0 to 1e6. */
  minPerMinute?: number | null | undefined;
}

/**
 * What a governor enforces. Every field may be left out or `null`; a governor without configuration has no limits.
 * An invalid value throws a `ConfigError` that names the field, the value and the allowed range.
 *
 * @example
 * const governor = createGovernor({
 *   concurrency: { maxInFlight: 5, interactiveReserve: 1 },
 *   rate: { requestsPerMinute: 60, tokensPerMinute: 100_000 },
 *   fairness: true,
 * });
 */
export interface GovernorConfig {
  /** Most weight in flight. Default: no limit. */
  concurrency?: ConcurrencyConfig | null | undefined;
  /** Calls and tokens per rolling window. Default: no limit. */
  rate?: RateConfig | null | undefined;
  /**
   * Any other limits, at most 1024 with those of `models`, taken all or nothing together with `rate`, which is sugar for two of them. In short:
   * `{ requests: ['50/s', '10k/d'], tokens: '200k/m' }`. Default: none.
   */
  limits?: readonly (Limit | HiddenLimit)[] | LimitRates | null | undefined;
  /** Families of models, their own limits, prices and settlement. Default: every model is of the family that its name says. */
  models?: ModelsConfig | null | undefined;
  /** `true` for the defaults of `FairnessConfig`. Default: off. */
  fairness?: boolean | FairnessConfig | null | undefined;
  /**
   * How much more of the turns in the queue an actor gets than one with a share of 1, by `actorId` or by a function, asked when
   * the governor meets an actor it does not remember and after `reconfigure`. Actors that are not named have 1. Orders the queue
   * by what actors have consumed, as `fairness` does. Default: all have 1. Range: 0.001 to 1000, in thousandths.
   */
  shares?: Readonly<Record<string, number>> | ((actorId: string) => number) | null | undefined;
  /** `true` for the defaults of `AdaptiveConfig`. Default: off. */
  adaptive?: boolean | AdaptiveConfig | null | undefined;
  /**
   * Reads what providers answer, for `observe`: `readAnswer` of `throttleai/providers`. Without it `observe` understands the status
   * and `Retry-After`, and what was read already. Default: none.
   */
  readAnswer?: AnswerReader | null | undefined;
  /**
   * How the provider's own limits come to be known, by `observe`: what goes out before the first answer, or `DiscoveryConfig`.
   * Default `optimistic`.
   */
  discovery?: 'optimistic' | 'probe' | DiscoveryConfig | null | undefined;
  /** A lease that is not released ends after this many ms. Default 60000. Range: 1 to 366 days. */
  leaseTtlMs?: number | null | undefined;
  /** Time between two sweeps of expired leases in ms, while leases are held. Default 5000. Range: 1 to 2^31 - 1. */
  reaperIntervalMs?: number | null | undefined;
  /** Throw on a double release, an unknown lease or a bad report, and warn of leases held long. Default false. */
  strict?: boolean | null | undefined;
  /** Bounds of the queue. */
  queue?: QueueConfig | null | undefined;
  /** Bounds of what is remembered. */
  caps?: CapsConfig | null | undefined;
  /** Bounds retries that `withRetry` makes with this governor. `false`: no bound. Default: the defaults of `RetryBudgetConfig`. */
  retryBudget?: RetryBudgetConfig | false | null | undefined;
  /** Receives every event, in the order of the calls. What it throws or rejects with is dropped. */
  onEvent?: GovernorEventHandler | null | undefined;
  /** Time source in ms. Default: `Date.now`, looked up at each call, with the platform's timers. */
  clock?: Clock | ClockWithTimers | null | undefined;
  /** Makes lease ids repeatable. Default: drawn at the first grant. Range: an integer from 0 to 2^53 - 1. */
  seed?: number | null | undefined;
}

/** How a governor is made, beside its configuration. */
export interface GovernorOptions {
  /** An image from `governor.save()`: the new governor continues where the saved one was. Waiters are not part of it. */
  restore?: Uint8Array | null | undefined;
}

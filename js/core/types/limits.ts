/** A length of time: ms, or a whole number with a unit, e.g. `"250ms"`, `"10s"`, `"1m"`, `"1h"`, `"1d"`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

/** An amount in a time, e.g. `"50/s"`, `"5/10s"`, `"200k/m"`, `"1M/d"`. */
export type RateString = string;

/**
 * What is counted: calls, model tokens (of the prompt, of the answer, or both), dollars, or up to four metrics of your own,
 * which requests name in `estimate.metrics`.
 */
export type Metric = 'requests' | 'tokens' | 'inputTokens' | 'outputTokens' | 'costUsd' | (string & {});

/** What a limit counts apart: every call together, or each actor's, model family's, tenant's or action's calls. */
export type Scope = 'all' | 'actor' | 'model' | 'tenant' | 'action';

/** So much of a metric in each window. A limit is its name: what has another one, or another metric, window, algorithm or `per`, is another limit. */
export interface Limit {
  /**
   * What denials call it. Default: `<metric>/<window>`, then `/<per>` where that is not `all`, e.g. `costUsd/day/actor`. No two
   * limits have one name.
   */
  name?: string | null | undefined;
  /** What is counted. */
  metric: Metric;
  /**
   * How much fits into a window, in whole units; for `costUsd` in dollars, counted in millionths. Range: 1 to 2^53 - 1 (1 to
   * 9007199254740 for a token bucket), in dollars a millionth of that.
   */
  limit: number;
  /**
   * `all` (default), or what has its own count each: `'actor'`, or several, e.g. `['tenant', 'model']` for each pair of the two.
   * Calls that do not name it are counted together. Names are compared in Unicode's NFC.
   */
  per?: Scope | readonly Scope[] | null | undefined;
  /**
   * Parts of the limit, above 0 to 1, at most eight: a `warn` event tells when a grant or report takes what is counted there,
   * e.g. `[0.8, 1]`.
   */
  warnAt?: readonly number[] | null | undefined;
  /** A length of time (1 ms to 366 days), or a calendar period. */
  window: Duration | 'day' | 'month';
  /** IANA zone of the calendar period. Default: `UTC`. */
  timeZone?: string | null | undefined;
  /**
   * `sliding-window` (default): what was admitted in the last `window`, exactly. `token-bucket`: evenly refilled.
   * `fixed-window`: since the last multiple of `window`, as some providers count; calendar periods are always that.
   */
  algorithm?: 'sliding-window' | 'token-bucket' | 'fixed-window' | null | undefined;
  /** See `HiddenLimit`. Default: `false`. */
  hidden?: false | null | undefined;
  /** What a full token bucket holds. Default: `limit`. */
  burst?: number | null | undefined;
  /**
   * How far reported overuse may take it above its limit; what is above that is forgiven. Default: as far as it goes; for a
   * token bucket nine times its burst.
   */
  maxDebt?: number | null | undefined;
}

/**
 * A limit that the provider enforces without saying how much it is: an exact rolling window whose number is learnt from refusals.
 * It counts calls that are admitted; the first refusal makes it bind, each one after that makes it more exact, and from time
 * to time a little more is tried. Report refusals: `release` with `status: 429`, as adapters do, or `observe` with the `leaseId`.
 *
 * @example
 * const governor = createGovernor({ limits: [{ metric: 'requests', window: '1m', hidden: true }] });
 * governor.snapshot().limits; // [{ name: 'requests/1m', metric: 'requests', used: 0, limit: Infinity, bounds: [0, Infinity] }]
 */
export interface HiddenLimit extends Pick<Limit, 'name'> {
  /** What is counted; not `costUsd`. */
  metric: Exclude<Metric, 'costUsd'>;
  /** The window of the provider: 1 ms to 366 days, no calendar period. */
  window: Duration;
  /** The number is learnt. What else a `Limit` may have it cannot have. */
  hidden: true;
  /** What it is at most, whatever is learnt. Range: 1 to 2^53 - 1. Default: no bound. */
  limit?: number | null | undefined;
}

/** Limits in short: a metric and its rates. Without a length, so that the compiler takes no array for one. */
export type LimitRates = { readonly [metric: string]: RateString | readonly RateString[] } & {
  readonly length?: never;
};

/** `interactive`: somebody is watching. `background`: leaves the interactive reserve free. */
export type Priority = 'interactive' | 'background';

/** How a call ended. */
export type LeaseOutcome = 'success' | 'error' | 'timeout' | 'cancelled';

/** What a call is expected to need. Missing parts count as nothing, a missing weight as 1. */
export interface TokenEstimate {
  /** Expected prompt tokens; fractions are rounded up. Default 0. Range: 0 to 1e12. */
  promptTokens?: number | null | undefined;
  /** Most output tokens; fractions are rounded up. Default 0. Range: 0 to 1e12. */
  maxOutputTokens?: number | null | undefined;
  /** Concurrency weight, counted in millionths. Default 1. Range: 0 to 1e9. */
  weight?: number | null | undefined;
  /**
   * What the call is expected to count of metrics that limits name: `costUsd` in dollars (0 to 1e6), of your own whole units
   * (fractions are rounded up; 0 to 1e12). Metrics that no limit counts are ignored. Default: nothing; `costUsd` by the prices
   * of the model, where the configuration has some.
   */
  metrics?: Readonly<Record<string, number>> | null | undefined;
  /** Images that have a price. Default 0. Range: 0 to 1e12. */
  images?: number | null | undefined;
}

/** Who asks for what. */
export interface AcquireRequest {
  /** Who asks; the unit of fairness. 1 to `caps.idBytes` (512) UTF-8 bytes. */
  actorId: string;
  /** What it asks for, e.g. `chat`. Up to `caps.idBytes` (512) UTF-8 bytes. */
  action: string;
  /** Default `interactive`. */
  priority?: Priority | null | undefined;
  /** Which model: limits per model count its family, `models` has its settings. 1 to `caps.idBytes` (512) UTF-8 bytes. */
  model?: string | null | undefined;
  /** For whom the actor asks; limits per tenant count it. 1 to `caps.idBytes` (512) UTF-8 bytes. */
  tenant?: string | null | undefined;
  /** Default: weight 1, nothing else. */
  estimate?: TokenEstimate | null | undefined;
  /**
   * Where only tokens or cost do not fit, and fewer output tokens would, the call is granted with
   * `constraints.maxOutputTokens`, from 1 to below the estimate: ask the model for no more. Default false. A call that waits in
   * the queue waits for all of its estimate, as far as that can ever fit.
   */
  canShrink?: boolean | null | undefined;
  /** While a lease of this actor and tenant under this key is live, it is returned again instead of a second one. */
  idempotencyKey?: string | null | undefined;
}

/** What a call really used. If one part cannot be used, all are dropped. */
export interface TokenUsage {
  /** Prompt tokens. Left out: the estimate stands. Range: 0 to 1e12. */
  promptTokens?: number | null | undefined;
  /** Output tokens. Left out: the estimate stands. Range: 0 to 1e12. */
  outputTokens?: number | null | undefined;
  /** Other metrics, as in the estimate. Left out: the estimate stands; `costUsd` by the prices of the model, if there are some. */
  metrics?: Readonly<Record<string, number>> | null | undefined;
  /** Those of `promptTokens` that came from the provider's cache: they may have a price of their own. Default 0. */
  cachedTokens?: number | null | undefined;
  /** Images that have a price. Left out: the estimate stands. Range: 0 to 1e12. */
  images?: number | null | undefined;
}

/** What is known when a lease ends. A bad part is dropped with a `warn` event; the lease ends all the same. */
export interface ReleaseReport {
  /** Default `success`. */
  outcome?: LeaseOutcome | null | undefined;
  /** Duration of the call in ms. Default: the time the lease was held. Range: 0 to 2^53 - 1. */
  latencyMs?: number | null | undefined;
  /**
   * Of a stream: ms from the start of the call to the first part of the answer. Adaptive concurrency then goes by that, as how
   * long a stream takes says more of its length. What is above the duration of the call counts as that. Default: not
   * known, or no stream. Range: 0 to 2^53 - 1.
   */
  firstTokenMs?: number | null | undefined;
  /**
   * HTTP status of the provider's answer. 429, 503 and 529 are refusals, from which adaptive concurrency learns the
   * provider's own limit; they say nothing of latency. Range: 0 to 599. Default: not known.
   */
  status?: number | null | undefined;
  /** With a refusal: how long the provider asks to stay away, in ms. Calls of the model's family do. Range: 0 to 2^53 - 1. */
  retryAfterMs?: number | null | undefined;
  /** Replaces the estimate, up or down, at the instant of the admission. Default: the estimate stands. */
  usage?: TokenUsage | null | undefined;
  /** What the call really cost, in cents: replaces the estimate of `costUsd`. Range: 0 to 1e8. */
  actualCostCents?: number | null | undefined;
}

/**
 * The provider's door: two token buckets (calls, tokens) and a bound on calls in flight. A call is charged when it is
 * admitted, with max(its maximum of output tokens, an estimate from its characters), which is how OpenAI counts.
 */
import { Bucket } from './bucket.ts';
import type { MockLimits } from './options.ts';

/** Which limit refused a call. */
export type Refusal = 'requests' | 'tokens' | 'concurrency';

/** The answer of the door. */
export type Admission =
  | { admitted: true }
  /** `retryMs`: when to try again; Infinity: never, the call is too large. */
  | { admitted: false; by: Refusal; retryMs: number; used: number; limit: number };

/** What the rate limit headers show of one bucket. */
export interface Gauge {
  limit: number;
  remaining: number;
  resetMs: number;
}

export class Door {
  readonly #limits: Required<MockLimits>;
  readonly #requests: Bucket;
  readonly #tokens: Bucket;
  readonly #busyRetryMs: number;
  #inFlight = 0;

  /** @param busyRetryMs what to tell a call that found all places taken: about the time a call lasts */
  constructor(limits: Required<MockLimits>, busyRetryMs: number, now: number) {
    this.#limits = limits;
    this.#busyRetryMs = busyRetryMs;
    const bucket = (limit: number): Bucket =>
      new Bucket(Math.max(1, limit * limits.burst), limit / limits.windowMs, now);
    this.#requests = bucket(limits.requestsPerMinute);
    this.#tokens = bucket(limits.tokensPerMinute);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Admits and charges a call, or says which limit it met first. */
  enter(now: number, tokens: number): Admission {
    const refused = this.#refuse(now, tokens);
    if (refused) {
      if (this.#limits.countRefused) this.#requests.take(now, Math.min(1, Math.max(0, this.#requests.level(now))));
      return refused;
    }
    this.#requests.take(now, 1);
    this.#tokens.take(now, tokens);
    this.#inFlight++;
    return { admitted: true };
  }

  /** A call has ended: its place is free, and where charges are settled the difference comes back (or is taken). */
  leave(now: number, charged: number, used: number): void {
    this.#inFlight--;
    if (this.#limits.settle === 'actual') this.#tokens.take(now, used - charged);
  }

  /** What the headers say; `undefined` for a limit that is not set. */
  gauges(now: number): { requests?: Gauge; tokens?: Gauge } {
    const gauge = (limit: number, bucket: Bucket): Gauge | undefined =>
      limit === Infinity
        ? undefined
        : { limit, remaining: Math.max(0, Math.floor(bucket.level(now))), resetMs: bucket.untilFull(now) };
    const requests = gauge(this.#limits.requestsPerMinute, this.#requests);
    const tokens = gauge(this.#limits.tokensPerMinute, this.#tokens);
    return { ...(requests && { requests }), ...(tokens && { tokens }) };
  }

  #refuse(now: number, tokens: number): (Admission & { admitted: false }) | undefined {
    const { maxInFlight, requestsPerMinute, tokensPerMinute } = this.#limits;
    if (this.#inFlight >= maxInFlight) {
      return {
        admitted: false,
        by: 'concurrency',
        retryMs: this.#busyRetryMs,
        used: this.#inFlight,
        limit: maxInFlight,
      };
    }
    const full = (
      by: Refusal,
      bucket: Bucket,
      amount: number,
      limit: number,
    ): (Admission & { admitted: false }) | undefined => {
      const retryMs = limit === Infinity ? 0 : bucket.wait(now, amount);
      if (retryMs === 0) return undefined;
      return { admitted: false, by, retryMs, used: Math.round(bucket.capacity - bucket.level(now)), limit };
    };
    return (
      full('requests', this.#requests, 1, requestsPerMinute) ?? full('tokens', this.#tokens, tokens, tokensPerMinute)
    );
  }
}

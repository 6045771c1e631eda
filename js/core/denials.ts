/** Makes denials for users out of the numbers in the view. Reasons, causes and numbers are the core's; texts are `texts.ts`'s. */
import { CAUSES, Gauge, REASONS, TEXT, View } from './binding.ts';
import { denialText } from './texts.ts';
import type { DenyReason, GovernorDenied, LimitsHint } from './types.ts';

/** Names of the limits that `rate` is sugar for. */
type LimitName = 'requests' | 'tokens';

/** Reads a `Gauge` at an instant. */
type ReadGauge = (now: number, which: number) => number;

export class Denials {
  /** By `View.DENY_BINDING`: only limits that are configured are counted there. */
  readonly #limitNames: readonly LimitName[];
  readonly #gauge: ReadGauge;
  // A refused caller that asks again at once gets the same numbers, so the same text.
  #text = -1;
  #used = NaN;
  #limit = NaN;
  #asked = NaN;
  #maxAllowed = NaN;
  #retryAfterMs = NaN;
  #actorId = '';
  #recommendation = '';

  constructor(gauge: ReadGauge) {
    const names: LimitName[] = [];
    if (gauge(0, Gauge.RateLimit) !== Infinity) names.push('requests');
    if (gauge(0, Gauge.TokenRateLimit) !== Infinity) names.push('tokens');
    this.#limitNames = names;
    this.#gauge = gauge;
  }

  /** The denial that the last command left in `view`. */
  make(view: Float64Array, now: number, actorId: string): GovernorDenied {
    const reason = REASONS[view[View.DENY_REASON]! | 0] ?? 'policy';
    const cause = CAUSES[view[View.DENY_CAUSE]! | 0] ?? 'cap';
    const text = view[View.DENY_TEXT]! | 0;
    const used = compact(view[View.DENY_USED]!);
    const limit = compact(view[View.DENY_LIMIT]!);
    const asked = view[View.DENY_ASKED]!;
    const retryAfterMs = view[View.DENY_RETRY_AFTER_MS]! | 0;
    const at = view[View.DENY_RETRY_AT]!;
    const binding = view[View.DENY_BINDING]! | 0;
    const name = binding < 0 ? undefined : this.#limitNames[binding];
    const maxAllowed = view[View.DENY_MAX_ALLOWED]!;
    if (
      text !== this.#text ||
      used !== this.#used ||
      limit !== this.#limit ||
      asked !== this.#asked ||
      !Object.is(maxAllowed, this.#maxAllowed) ||
      retryAfterMs !== this.#retryAfterMs ||
      actorId !== this.#actorId
    ) {
      this.#recommendation = denialText({ text, used, limit, asked, maxAllowed, retryAfterMs }, actorId);
      this.#text = text;
      this.#used = used;
      this.#limit = limit;
      this.#asked = asked;
      this.#maxAllowed = maxAllowed;
      this.#retryAfterMs = retryAfterMs;
      this.#actorId = actorId;
    }
    const limitsHint =
      text === TEXT.Slots || text === TEXT.Share
        ? { inFlight: used, maxInFlight: limit }
        : text === TEXT.Requests || text === TEXT.Tokens
          ? { rateUsed: used, rateLimit: limit }
          : this.#hint(now, reason, name);
    const retryAt = at === at ? at : null;
    const recommendation = this.#recommendation;
    // Two shapes made at once: a property added to a finished object costs the engine an allocation of its own.
    const denied: GovernorDenied =
      name === undefined
        ? { granted: false, reason, retryAfterMs, recommendation, limitsHint, cause, retryAt }
        : { granted: false, reason, retryAfterMs, recommendation, limitsHint, cause, retryAt, limit: name };
    if (maxAllowed === maxAllowed) denied.maxAllowed = maxAllowed;
    return denied;
  }

  /** The documented numbers where those of the denial count something else. */
  #hint(now: number, reason: DenyReason, name: LimitName | undefined): LimitsHint {
    const gauge = (which: number): number => this.#gauge(now, which);
    if (reason !== 'rate')
      return { inFlight: gauge(Gauge.ConcurrencyActive), maxInFlight: gauge(Gauge.ConcurrencyEffectiveMax) };
    return name === 'tokens'
      ? { rateUsed: gauge(Gauge.TokenRateCount), rateLimit: gauge(Gauge.TokenRateLimit) }
      : { rateUsed: gauge(Gauge.RateCount), rateLimit: gauge(Gauge.RateLimit) };
  }
}

/** The same number; engines keep small whole ones in an object without allocating for each. */
function compact(number: number): number {
  const whole = number | 0;
  return whole === number ? whole : number;
}

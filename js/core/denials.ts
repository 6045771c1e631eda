/** Makes denials for users out of the numbers in the view. Reasons, causes and numbers are the core's; texts are `texts.ts`'s. */
import { CAUSES, Gauge, REASONS, TEXT, View } from './binding.ts';
import type { NamedLimit } from './limits.ts';
import { unitOf, type Places, type ReadGauge } from './places.ts';
import { denialText } from './texts.ts';
import type { DenyReason, GovernorDenied, LimitsHint } from './types.ts';

export class Denials {
  readonly #places: Places;
  readonly #gauge: ReadGauge;
  // A refused caller that asks again at once gets the same numbers, so the same text.
  #text = -1;
  #named: NamedLimit | undefined;
  #used = NaN;
  #limit = NaN;
  #asked = NaN;
  #maxAllowed = NaN;
  #retryAfterMs = NaN;
  #actorId = '';
  #recommendation = '';

  constructor(gauge: ReadGauge, places: Places) {
    this.#gauge = gauge;
    this.#places = places;
  }

  /** The denial that the last command left in `view`. */
  make(view: Float64Array, now: number, actorId: string): GovernorDenied {
    const reason = REASONS[view[View.DENY_REASON]! | 0] ?? 'policy';
    const cause = CAUSES[view[View.DENY_CAUSE]! | 0] ?? 'cap';
    const text = view[View.DENY_TEXT]! | 0;
    const about = view[View.DENY_ABOUT]! | 0;
    const named = about < 0 ? undefined : this.#places.at(about);
    const unit = unitOf(named);
    const used = compact(view[View.DENY_USED]! / unit);
    const limit = compact(view[View.DENY_LIMIT]! / unit);
    const asked = view[View.DENY_ASKED]! / unit;
    const retryAfterMs = view[View.DENY_RETRY_AFTER_MS]! | 0;
    const at = view[View.DENY_RETRY_AT]!;
    const binding = view[View.DENY_BINDING]! | 0;
    const name = this.#places.at(binding)?.name;
    const maxAllowed = view[View.DENY_MAX_ALLOWED]! / unit;
    if (
      text !== this.#text ||
      named !== this.#named ||
      used !== this.#used ||
      limit !== this.#limit ||
      !Object.is(asked, this.#asked) ||
      !Object.is(maxAllowed, this.#maxAllowed) ||
      retryAfterMs !== this.#retryAfterMs ||
      actorId !== this.#actorId
    ) {
      this.#recommendation = denialText({ text, used, limit, asked, maxAllowed, retryAfterMs, named }, actorId);
      this.#text = text;
      this.#named = named;
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
        : text === TEXT.Requests || text === TEXT.Tokens || text === TEXT.Limit || text === TEXT.Budget
          ? { rateUsed: used, rateLimit: limit }
          : text === TEXT.Cooldown || text === TEXT.Circuit
            ? {} // What the provider counts is not known.
            : this.#hint(now, reason, binding);
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
  #hint(now: number, reason: DenyReason, binding: number): LimitsHint {
    const gauge = (which: number): number => this.#gauge(now, which);
    if (reason === 'concurrency' || reason === 'policy')
      return { inFlight: gauge(Gauge.ConcurrencyActive), maxInFlight: gauge(Gauge.ConcurrencyEffectiveMax) };
    // Behind waiters for slots nothing binds.
    const place = Math.max(binding, 0);
    const unit = unitOf(this.#places.at(place));
    const which = Gauge.Limits + 2 * place;
    const used = gauge(which) / unit;
    const rateLimit = gauge(which + 1) / unit;
    // What a limit counts by key is not one number.
    if (rateLimit !== rateLimit) return {};
    return used === used ? { rateUsed: used, rateLimit } : { rateLimit };
  }
}

/** The same number; engines keep small whole ones in an object without allocating for each. */
function compact(number: number): number {
  const whole = number | 0;
  return whole === number ? whole : number;
}

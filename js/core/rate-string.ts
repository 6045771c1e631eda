/**
 * Rates and durations as text: `"100000/m"`, `"5/10s"`, `"1M/d"`; `"250ms"`, `"10s"`, `"1h"`.
 *
 * ```text
 * rate     = number [ "k" | "M" ] "/" [ number ] unit     "50/s" is 50 per 1 s
 * duration = number unit
 * unit     = "ms" | "s" | "m" | "h" | "d"
 * number   = "1" to "9", then any digits "0" to "9"
 * ```
 *
 * `k` is a thousand and `M` a million; `m` is always a minute. Nothing else is read: no white space (also not around the
 * text), sign, fraction, exponent, leading zero, separator, other case or digits of other scripts. A rate of nothing or
 * per nothing cannot be written. Results are whole and exact, at most 2^53 - 1; narrower ranges are the configuration's.
 */
import { ConfigError } from './errors.ts';

/** An amount in a span of time. */
export interface Rate {
  /** Amount per window; whole, from 1. */
  limit: number;
  /** Length of the window in ms; whole, from 1. */
  windowMs: number;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const FACTOR: Readonly<Record<string, number>> = { '': 1, k: 1_000, M: 1_000_000 };

const NUMBER = '[1-9][0-9]*';
const UNIT = 'ms|s|m|h|d';
const RATE = new RegExp(`^(${NUMBER})([kM]?)/(${NUMBER})?(${UNIT})$`);
const DURATION = new RegExp(`^(${NUMBER})(${UNIT})$`);

const DURATION_ALLOWED =
  'a duration such as "250ms", "10s", "1m" or "1d" (a whole number from 1 and a unit), "day" or "month"';
const RATE_ALLOWED =
  'a rate such as "50/s", "5/10s", "200k/m" or "1M/d" (a whole number from 1, "k" or "M" if wanted, "/", a duration or its unit)';

/**
 * Reads a rate.
 *
 * @param field what an error calls it, e.g. `limits.tokens`
 * @throws ConfigError if `text` is no rate, or one of its numbers is above 2^53 - 1
 * @example
 * parseRate('5/10s', 'limits.requests'); // { limit: 5, windowMs: 10000 }
 */
export function parseRate(text: unknown, field: string): Rate {
  const [, amount, suffix, count = '1', unit] = matched(RATE, text, field, RATE_ALLOWED);
  return {
    limit: exact(amount, FACTOR[suffix ?? ''], text, field, RATE_ALLOWED),
    windowMs: exact(count, UNIT_MS[unit ?? ''], text, field, RATE_ALLOWED),
  };
}

/**
 * Reads a duration, where a limit has no calendar period: what is allowed names these too.
 *
 * @param field what an error calls it, e.g. `limits[0].window`
 * @returns whole ms, from 1
 * @throws ConfigError if `text` is no duration, or one of more than 2^53 - 1 ms
 * @example
 * parseDuration('10s', 'limits[0].window'); // 10000
 */
export function parseDuration(text: unknown, field: string): number {
  const [, count, unit] = matched(DURATION, text, field, DURATION_ALLOWED);
  return exact(count, UNIT_MS[unit ?? ''], text, field, DURATION_ALLOWED);
}

function matched(pattern: RegExp, text: unknown, field: string, allowed: string): RegExpExecArray {
  const match = typeof text === 'string' ? pattern.exec(text) : null;
  if (match === null) throw new ConfigError({ field, value: text, allowed });
  return match;
}

/** `digits` times `factor`. Rounding is monotone, so a product that is not exact is above the maximum too. */
function exact(digits = '', factor = NaN, value: unknown, field: string, allowed: string): number {
  const product = Number(digits) * factor;
  if (product <= Number.MAX_SAFE_INTEGER) return product;
  throw new ConfigError({ field, value, allowed: `${allowed}, at most 2^53 - 1` });
}

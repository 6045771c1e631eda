import type { GovernorDenied } from './decision.ts';
import type { LimitKey } from './events.ts';

/** What one limit says to a request. Money is in dollars, everything else in whole units. */
export interface LimitDiagnosis {
  /** The limit's name; `requests` and `tokens` are those of `rate`. */
  name: string;
  metric: string;
  /** In which time all of it comes back, in ms (its window, or that in which a bucket fills), or a period of its time zone. */
  window: number | 'day' | 'month';
  /** Whose count it is, where the limit has a `per`. */
  key?: LimitKey;
  /** What it counts now: estimates of calls in flight, and what ended calls used. */
  used: number;
  limit: number;
  /** What the request would count. */
  asked: number;
  /** Whether the request fits now, as far as this limit is concerned. */
  fits: boolean;
  /** Instant in ms from which it fits by this limit alone, if nothing else happens; `null`: never. */
  retryAt: number | null;
  /** Instant in ms from which all of the limit is free, if nothing else happens. */
  resetAt: number;
  /** The part of `used` that calls in flight have estimated. */
  reserved: number;
  /** What is counted above the limit. */
  owed: number;
}

/** What a governor would say to a request, and what each limit that counts it says. */
export interface Diagnosis {
  /** Whether `acquire` would grant it now. */
  granted: boolean;
  /** What `acquire` would return instead. */
  denial?: GovernorDenied;
  /** The limits that count it. */
  limits: LimitDiagnosis[];
}

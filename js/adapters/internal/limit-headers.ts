/**
 * What clients are told of the limits that count them: `RateLimit` and `RateLimit-Policy` as Structured Fields (RFC 9651), and
 * the forms that came before.
 *
 * Source: draft-ietf-httpapi-ratelimit-headers, revisions 11, 7 and 6. Seconds are rounded up, amounts down.
 */
import { readClockOr } from '../../core/clock.ts';
import { bad, readFunction } from '../../core/input.ts';
import { internalsOf } from '../../core/internals.ts';
import { refuseOthers } from '../../core/properties.ts';
import type { AcquireRequest, LimitDiagnosis } from '../../core/types.ts';
import type { AdapterGovernor } from './types.ts';
import { web } from './web.ts';

/** Largest integer of a Structured Field. Source: RFC 9651, 3.3.1. */
const INTEGER_MAX = 999_999_999_999_999;
const SECONDS_PER_DAY = 86_400;

/**
 * Headers of an answer to a request, as of now: what `rateLimitHeaders` returns, or a function of your own. It must not throw.
 *
 * @param request what the governor was asked
 * @param retryAfter the seconds of `Retry-After`, if the answer has that: nothing else may say a later time
 */
export type RateLimitHeaders = (
  governor: AdapterGovernor,
  request: AcquireRequest,
  retryAfter?: number,
) => readonly (readonly [name: string, value: string])[];

/** Options of `rateLimitHeaders`. */
export interface RateLimitHeadersOptions {
  /**
   * Which limits clients are shown. `"own"`: those that count an actor or a tenant apart; `"all"`; or the names of limits. What
   * counts all callers together tells each of them how busy the others are. Limits of money are never shown, as headers have
   * whole numbers. Default `"own"`.
   */
  limits?: 'own' | 'all' | readonly string[] | undefined;
  /**
   * Revision of the IETF's draft. 11: all limits in `RateLimit` and `RateLimit-Policy`. 7: `RateLimit: limit=, remaining=,
   * reset=`; 6: `RateLimit-Limit`, `-Remaining` and `-Reset`: these two tell of the limit of requests that is nearest to its
   * end, and have the others in `RateLimit-Policy`. Default 11.
   */
  draft?: 11 | 7 | 6 | undefined;
  /** `X-RateLimit-Limit`, `-Remaining` and `-Reset` as well, of the same limit; the reset in seconds since 1970. Default false. */
  xRateLimit?: boolean | undefined;
  /**
   * The partition key `pk` of a limit, by which a client with several accounts knows them apart. It is readable: return nothing
   * that is secret. Default: none.
   */
  partitionKey?: ((limit: LimitDiagnosis) => string | null | undefined) | undefined;
}

/** One limit in whole units and seconds. */
interface Row {
  readonly name: string;
  readonly metric: string;
  readonly quota: number;
  readonly left: number;
  /** Undefined: of no fixed length. */
  readonly window: number | undefined;
  /** For how long no more than `left` can be counted on. */
  readonly reset: number;
  readonly fits: boolean;
  /** The last parameter. */
  readonly pk: string;
}

type Headers = [name: string, value: string][];

/**
 * Headers that tell clients what is left of their limits: for the option `headers` of a server's adapter. They are as of the
 * moment in which the answer begins. On a denial `t` and `reset` are never later than `Retry-After`.
 *
 * @throws InputError for an option that cannot be used
 * @example
 * const options = { governor, headers: rateLimitHeaders() };
 * // RateLimit-Policy: "requests/1m/actor";q=60;w=60
 * // RateLimit: "requests/1m/actor";r=59;t=60
 */
export function rateLimitHeaders(options: RateLimitHeadersOptions = {}): RateLimitHeaders {
  refuseOthers(options, 'options', ['limits', 'draft', 'xRateLimit', 'partitionKey']);
  const { limits: shown = 'own', draft = 11, xRateLimit = false, partitionKey } = options;
  if (shown !== 'own' && shown !== 'all' && !Array.isArray(shown))
    throw bad('options.limits', shown, '"own", "all" or names of limits');
  if (draft !== 11 && draft !== 7 && draft !== 6) throw bad('options.draft', draft, '11, 7 or 6');
  if (partitionKey !== undefined) readFunction(partitionKey, 'options.partitionKey');
  const isShown = ({ name, metric, key }: LimitDiagnosis): boolean => {
    if (metric === 'costUsd') return false;
    if (typeof shown !== 'string') return shown.includes(name);
    return shown === 'all' || key?.actor !== undefined || key?.tenant !== undefined;
  };
  return (governor, request, retryAfter = Infinity) => {
    // Only a governor of this package knows what is left of its limits, and only until it is closed.
    const internals = internalsOf(governor);
    let limits: readonly LimitDiagnosis[];
    try {
      limits = internals!.rooms!(request).limits;
    } catch {
      return [];
    }
    const now = readClockOr(internals!.clock, 0);
    const rows = limits.filter(isShown).map((limit) => rowOf(limit, now, retryAfter, partitionKey?.(limit)));
    const requests = rows.filter(({ metric }) => metric === 'requests');
    const headers = draft === 11 ? listed(rows) : single(requests, draft);
    if (xRateLimit) headers.push(...prefixed(requests, now));
    return headers;
  };
}

function rowOf(limit: LimitDiagnosis, now: number, retryAfter: number, key: string | null | undefined): Row {
  const { name, metric, window, fits, retryAt, resetAt } = limit;
  const quota = whole(limit.limit);
  // While nothing of its size fits there is one thing to know; else the time in which all comes back, so that a client which
  // spreads what is left over it stays within the limit.
  const until = fits ? resetAt : (retryAt ?? resetAt);
  return {
    name: text(name),
    metric,
    quota,
    left: Math.min(whole(limit.limit - limit.used), quota),
    window: typeof window === 'number' ? seconds(window) : window === 'day' ? SECONDS_PER_DAY : undefined,
    reset: Math.min(seconds(until - now), retryAfter),
    fits,
    pk: key === null || key === undefined ? '' : `;pk=:${base64(key)}:`,
  };
}

const whole = (amount: number): number => Math.min(Math.max(0, Math.floor(amount)), INTEGER_MAX);
const seconds = (ms: number): number => whole(Math.ceil(ms / 1000));

/** A String. It may hold printable ASCII only: other characters are written as `%` and their code point. */
function text(value: string): string {
  const ascii = value.replace(/[^ -~]/gu, (character) => `%${character.codePointAt(0)!.toString(16)}`);
  return `"${ascii.replace(/[\\"]/g, '\\$&')}"`;
}

/** The content of a Byte Sequence. */
function base64(value: string): string {
  return web.btoa(String.fromCharCode(...new web.TextEncoder().encode(value)));
}

const windowOf = ({ window }: Row): string => (window === undefined ? '' : `;w=${window}`);

function listed(rows: readonly Row[]): Headers {
  if (rows.length === 0) return [];
  const policies = rows.map((row) => {
    const unit = row.metric === 'requests' ? '' : `;qu=${text(row.metric)}`;
    return `${row.name};q=${row.quota}${unit}${windowOf(row)}${row.pk}`;
  });
  return [
    ['RateLimit-Policy', policies.join(', ')],
    ['RateLimit', rows.map(({ name, left, reset, pk }) => `${name};r=${left};t=${reset}${pk}`).join(', ')],
  ];
}

/** The limit that is nearest to its end: the one to wait for longest, else the one of which the smallest part is left. */
function nearest(rows: readonly Row[]): Row | undefined {
  const part = ({ left, quota }: Row): number => left / Math.max(1, quota);
  const later = (a: Row, b: Row): boolean => (a.fits === b.fits && !a.fits ? a.reset > b.reset : part(a) < part(b));
  return rows.reduce<Row | undefined>((best, row) => {
    if (best === undefined || (best.fits && !row.fits)) return row;
    return best.fits === row.fits && later(row, best) ? row : best;
  }, undefined);
}

function single(rows: readonly Row[], draft: 7 | 6): Headers {
  const row = nearest(rows);
  if (row === undefined) return [];
  const { quota, left, reset } = row;
  const policy: Headers = [['RateLimit-Policy', rows.map((each) => `${each.quota}${windowOf(each)}`).join(', ')]];
  if (draft === 7) return [...policy, ['RateLimit', `limit=${quota}, remaining=${left}, reset=${reset}`]];
  return [
    ...policy,
    ['RateLimit-Limit', String(quota)],
    ['RateLimit-Remaining', String(left)],
    ['RateLimit-Reset', String(reset)],
  ];
}

function prefixed(rows: readonly Row[], now: number): Headers {
  const row = nearest(rows);
  if (row === undefined) return [];
  return [
    ['X-RateLimit-Limit', String(row.quota)],
    ['X-RateLimit-Remaining', String(row.left)],
    ['X-RateLimit-Reset', String(Math.floor(now / 1000) + row.reset)],
  ];
}

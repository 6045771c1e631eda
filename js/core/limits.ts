/**
 * Reads limits as users write them: rates and durations in words, calendar periods with time zones, names by default. The
 * core gets milliseconds, and is told when calendar periods end; it checks everything else.
 */
import { calendarOf, NOW_MAX, type Calendar, type CalendarUnit } from './calendar.ts';
import { ConfigError, describeValue, isArray } from './errors.ts';
import { parseDuration, parseRate } from './rate-string.ts';
import { readScopes, type Only, type Scopes } from './scopes.ts';

/** Metrics that every request has. */
export const OF_EVERY_CALL: readonly string[] = ['requests', 'tokens', 'inputTokens', 'outputTokens'];
/** With what it can have; all others are names of the user's. */
const BUILT_IN: readonly string[] = [...OF_EVERY_CALL, 'costUsd'];
/** Fields that the core checks. */
const CORE_FIELDS = ['metric', 'limit', 'hidden', 'algorithm', 'burst', 'maxDebt'] as const;
const FIELDS: readonly string[] = [...CORE_FIELDS, 'name', 'window', 'timeZone', 'per', 'warnAt'];

/** What people call a limit, and what it counts. */
export interface NamedLimit {
  readonly name: string;
  readonly metric: string;
  /** Its number is learnt. */
  readonly hidden?: boolean;
}

/** A limit as the rest of the shell knows it. */
export interface KnownLimit extends NamedLimit {
  readonly hidden: boolean;
  readonly scopes: Scopes;
  readonly period: { readonly calendar: Calendar; readonly unit: CalendarUnit } | undefined;
}

/** A limit that was read. Limits that mean the same are equal as JSON. */
export interface ReadLimit {
  readonly known: KnownLimit;
  /** For the core. */
  readonly plain: Plain;
}

type Read = (from: object, name: string, path: string) => unknown;
type Keys = (of: object, path: string) => string[];
type Plain = Record<string, unknown>;

/** How properties are read, each once, and listed. */
export interface Reader {
  readonly read: Read;
  readonly keys: Keys;
}

/**
 * @param field what an error calls them, e.g. `limits`
 * @param only whose limits they are, if not everybody's
 * @throws ConfigError for what cannot be read, or is checked here: rates, windows, time zones, scopes
 */
export function readLimits(value: unknown, field: string, { read, keys }: Reader, only?: Only): ReadLimit[] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object')
    throw new ConfigError({ field, value, allowed: 'an array of limits, or an object of rates by metric' });
  const limits: ReadLimit[] = [];
  if (isArray(value)) {
    const { length } = value as readonly unknown[];
    for (let index = 0; index < length; index++) {
      const path = `${field}[${index}]`;
      limits.push(readLimit(read(value, String(index), path), path, read, keys, only));
    }
  } else {
    for (const metric of keys(value, field)) {
      const path = `${field}.${metric}`;
      const rates = read(value, metric, path);
      for (const rate of Array.isArray(rates) ? rates : [rates]) limits.push(fromRate(metric, rate, path, only));
    }
  }
  return limits;
}

/** Metrics of the user's own, in the order in which the core counts them: by first use. */
export function ownMetrics(limits: readonly ReadLimit[]): string[] {
  const own = limits.map(({ known }) => known.metric).filter((metric) => !BUILT_IN.includes(metric));
  return [...new Set(own)];
}

/** `{ tokens: '200k/m' }` */
function fromRate(metric: string, rate: unknown, path: string, only: Only | undefined): ReadLimit {
  const { limit, windowMs } = parseRate(rate, path);
  const window = String(rate).slice(String(rate).indexOf('/') + 1);
  const scopes = readScopes(undefined, path, only);
  return made(undefined, path, scopes, /^\d/.test(window) ? window : `1${window}`, undefined, {
    metric,
    limit,
    window: windowMs,
  });
}

/** @param window in words, for the name by default */
function made(
  given: unknown,
  path: string,
  scopes: Scopes,
  window: string,
  period: KnownLimit['period'],
  plain: Plain,
): ReadLimit {
  const metric = String(plain['metric']);
  refuseMisspelt(metric, path);
  const { per } = scopes;
  const name = given ?? `${metric}/${window}${per === '' ? '' : `/${per}`}`;
  if (typeof name !== 'string') throw new ConfigError({ field: `${path}.name`, value: name, allowed: 'a text' });
  plain['name'] = name;
  if (per !== '') plain['per'] = per;
  return { known: { name, metric, scopes, period, hidden: plain['hidden'] === true }, plain };
}

/**
 * No request would have what is meant for a metric that every request has, and every object has what all objects inherit.
 *
 * @throws ConfigError
 */
function refuseMisspelt(metric: string, field: string): void {
  const meant = BUILT_IN.find((known) => known !== metric && stem(known) === stem(metric));
  const allowed = meant === undefined ? 'a metric whose name no object inherits' : `a limit of "${meant}"`;
  if (meant !== undefined || metric in {}) throw new ConfigError({ field, value: metric, allowed });
}

/** The same for `inputTokens` and `input_token`. */
function stem(name: string): string {
  return name.toLowerCase().replace(/[^a-z]|s$/g, '');
}

function readLimit(value: unknown, path: string, read: Read, keys: Keys, only: Only | undefined): ReadLimit {
  if (typeof value !== 'object' || value === null || isArray(value))
    throw new ConfigError({ field: path, value, allowed: 'an object with metric, limit and window' });
  const unknown = keys(value, path).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined)
    throw new ConfigError({ field: path, value: unknown, allowed: `an object with ${FIELDS.join(', ')}` });
  const plain: Plain = {};
  for (const field of CORE_FIELDS) {
    const found = read(value, field, `${path}.${field}`);
    if (found !== undefined && found !== null) plain[field] = plainOf(found);
  }
  const window = read(value, 'window', `${path}.window`);
  const timeZone = read(value, 'timeZone', `${path}.timeZone`);
  const warnAt = read(value, 'warnAt', `${path}.warnAt`);
  const warns = Array.isArray(warnAt) ? warnAt.length > 0 : warnAt !== undefined && warnAt !== null;
  if (warns) plain['warnAt'] = Array.isArray(warnAt) ? warnAt.map(plainOf) : plainOf(warnAt);
  const unit: CalendarUnit | undefined = window === 'day' || window === 'month' ? window : undefined;
  plain['window'] =
    unit !== undefined ? 'calendar' : typeof window === 'number' ? window : parseDuration(window, `${path}.window`);
  if (unit === undefined && timeZone !== undefined && timeZone !== null)
    throw new ConfigError({
      field: `${path}.timeZone`,
      value: timeZone,
      allowed: 'left out unless `window` is "day" or "month"',
    });
  const period: KnownLimit['period'] =
    unit === undefined ? undefined : { calendar: calendarOf(timeZone ?? 'UTC', `${path}.timeZone`), unit };
  // Written out it is the same limit.
  if (plain['hidden'] === false) delete plain['hidden'];
  if (plain['algorithm'] === (unit === undefined ? 'sliding-window' : 'fixed-window')) delete plain['algorithm'];
  const per = read(value, 'per', `${path}.per`);
  if (plain['hidden'] === true && per !== undefined && per !== null && per !== 'all')
    throw new ConfigError({ field: `${path}.per`, value: per, allowed: 'left out of a hidden limit' });
  const scopes = readScopes(per, `${path}.per`, only);
  const name = read(value, 'name', `${path}.name`);
  return made(name, path, scopes, typeof window === 'number' ? `${window}ms` : String(window), period, plain);
}

/** What the core can look at; the rest it could only refuse, so it gets a description to refuse. */
export function plainOf(value: unknown): unknown {
  return isPlain(value) ? value : describeValue(value);
}

export function isPlain(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
}

/** The two instants at which the current and the next period of a calendar limit end; NaN beyond the end of time. */
export function boundariesOf(limit: KnownLimit | undefined, now: number): [number, number] {
  if (limit?.period === undefined || now > NOW_MAX) return [NaN, NaN];
  const { calendar, unit } = limit.period;
  const [ends = NaN, next = NaN] = calendar.boundariesAfter(unit, Math.max(now, 0), 2);
  return [ends, next];
}

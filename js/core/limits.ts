/**
 * Reads limits as users write them: rates and durations in words, calendar periods with time zones, names by default. The
 * core gets milliseconds, and is told when calendar periods end; it checks everything else.
 */
import { calendarOf, type Calendar, type CalendarUnit } from './calendar.ts';
import { ConfigError, describeValue, isArray } from './errors.ts';
import { parseDuration, parseRate } from './rate-string.ts';

/** Metrics that every request has or can have; all others are names of the user's. */
const BUILT_IN: readonly string[] = ['requests', 'tokens', 'inputTokens', 'outputTokens', 'costUsd'];
/** Fields that the core checks. */
const CORE_FIELDS = ['metric', 'limit', 'algorithm', 'burst', 'maxDebt'] as const;
const FIELDS: readonly string[] = [...CORE_FIELDS, 'name', 'window', 'timeZone'];

/** A limit as the rest of the shell knows it. */
export interface KnownLimit {
  readonly name: string;
  readonly metric: string;
  readonly period: { readonly calendar: Calendar; readonly unit: CalendarUnit } | undefined;
}

/** Limits that were read, in the order of the configuration. */
export interface ReadLimits {
  readonly known: readonly KnownLimit[];
  /** Metrics of the user's own, in the order in which the core counts them: by first use. */
  readonly metrics: readonly string[];
  /** For the core; undefined where none are configured. */
  readonly plain: readonly Record<string, unknown>[] | undefined;
}

type Read = (from: object, name: string, path: string) => unknown;
type Keys = (of: object, path: string) => string[];
type Plain = Record<string, unknown>;

/**
 * @param read reads a property, once
 * @param keys lists properties
 * @throws ConfigError for what cannot be read, or is checked here: rates, windows, time zones
 */
export function readLimits(value: unknown, read: Read, keys: Keys): ReadLimits {
  if (value === undefined || value === null) return { known: [], metrics: [], plain: undefined };
  if (typeof value !== 'object')
    throw new ConfigError({ field: 'limits', value, allowed: 'an array of limits, or an object of rates by metric' });
  const known: KnownLimit[] = [];
  const plain: Plain[] = [];
  const add = (limit: [KnownLimit, Plain]): void => {
    known.push(limit[0]);
    plain.push(limit[1]);
  };
  if (isArray(value)) {
    const { length } = value as readonly unknown[];
    for (let index = 0; index < length; index++) {
      const path = `limits[${index}]`;
      add(readLimit(read(value, String(index), path), path, read, keys));
    }
  } else {
    for (const metric of keys(value, 'limits')) {
      const path = `limits.${metric}`;
      const rates = read(value, metric, path);
      for (const rate of Array.isArray(rates) ? rates : [rates]) add(fromRate(metric, rate, path));
    }
  }
  const own = known.map(({ metric }) => metric).filter((metric) => !BUILT_IN.includes(metric));
  return { known, metrics: [...new Set(own)], plain };
}

/** `{ tokens: '200k/m' }` */
function fromRate(metric: string, rate: unknown, path: string): [KnownLimit, Plain] {
  const { limit, windowMs } = parseRate(rate, path);
  const window = String(rate).slice(String(rate).indexOf('/') + 1);
  const name = `${metric}/${/^\d/.test(window) ? window : `1${window}`}`;
  return [
    { name, metric, period: undefined },
    { name, metric, limit, window: windowMs },
  ];
}

function readLimit(value: unknown, path: string, read: Read, keys: Keys): [KnownLimit, Plain] {
  if (typeof value !== 'object' || value === null || isArray(value))
    throw new ConfigError({ field: path, value, allowed: 'an object with metric, limit and window' });
  const unknown = keys(value, path).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined)
    throw new ConfigError({ field: path, value: unknown, allowed: `an object with ${FIELDS.join(', ')}` });
  const plain: Plain = {};
  for (const field of CORE_FIELDS) {
    const found = read(value, field, `${path}.${field}`);
    if (found !== undefined && found !== null) plain[field] = isPlain(found) ? found : describeValue(found);
  }
  const window = read(value, 'window', `${path}.window`);
  const timeZone = read(value, 'timeZone', `${path}.timeZone`);
  const metric = String(plain['metric']);
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
  const given =
    read(value, 'name', `${path}.name`) ?? `${metric}/${typeof window === 'number' ? `${window}ms` : String(window)}`;
  if (typeof given !== 'string') throw new ConfigError({ field: `${path}.name`, value: given, allowed: 'a text' });
  plain['name'] = given;
  return [{ name: given, metric, period }, plain];
}

function isPlain(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
}

/** The two instants at which the current and the next period of a calendar limit end; NaN beyond the end of time. */
export function boundariesOf(limit: KnownLimit | undefined, now: number): [number, number] {
  if (limit?.period === undefined) return [NaN, NaN];
  const { calendar, unit } = limit.period;
  const [ends = NaN, next = NaN] = calendar.boundariesAfter(unit, Math.max(now, 0), 2);
  return [ends, next];
}

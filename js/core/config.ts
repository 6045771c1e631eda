/**
 * Copies a configuration: each property read once, into plain data that the core checks. Ranges and defaults of what the
 * core reads live there; here are only the fields that never leave JavaScript.
 */
import type { CoreConfigError } from './binding.ts';
import { clockFrom } from './clock.ts';
import { ConfigError, isArray } from './errors.ts';
import { isPlain, plainOf, readLimits, type Reader, type ReadLimit } from './limits.ts';
import { readDiscovery, type Discovery } from './answer.ts';
import { leftOut } from './properties.ts';
import { readRetryBudget, type BudgetTerms } from './retry-budget.ts';
import { isSeed, SEEDS } from './seed.ts';
import { readShares, type Shares } from './shares.ts';
import type { AnswerReader, ClockWithTimers, GovernorConfig, GovernorEventHandler, GovernorOptions } from './types.ts';

/** Sections with the fields that the core reads. */
const SECTIONS = {
  concurrency: ['maxInFlight', 'interactiveReserve'],
  rate: ['requestsPerMinute', 'tokensPerMinute', 'windowMs'],
  fairness: ['softCapRatio', 'starvationWindowMs'],
  adaptive: ['alpha', 'targetDenyRate', 'latencyThreshold', 'adjustIntervalMs', 'minConcurrency'],
  queue: ['max', 'overflow', 'ageingMs'],
  caps: ['actors', 'keys', 'overflow', 'leases', 'idBytes'],
} as const;
const SCALARS = ['leaseTtlMs', 'reaperIntervalMs'] as const;
/** Fields that never reach the core. */
const OWN = ['strict', 'onEvent', 'clock', 'seed', 'retryBudget', 'readAnswer', 'discovery'] as const;
const FIELDS: readonly string[] = [...Object.keys(SECTIONS), 'limits', 'models', 'shares', ...SCALARS, ...OWN];

/** Plain data: what the core walks. */
type Plain = Record<string, unknown>;

/** A configuration that was read. */
export interface ReadConfig {
  /** For the core, without limits. */
  readonly plain: Plain;
  /** What was found, by path, as the user gave it. */
  readonly found: ReadonlyMap<string, unknown>;
  readonly limits: readonly ReadLimit[];
  /** Not read yet; undefined: absent. */
  readonly models: unknown;
  /** Reads limits of families and functions. */
  readonly reader: Reader;
  /** The core only hears that there are some. */
  readonly shares: Shares | undefined;
  readonly readAnswer: AnswerReader | undefined;
  readonly discovery: Discovery;
  readonly strict: boolean;
  readonly onEvent: GovernorEventHandler | undefined;
  readonly clock: ClockWithTimers;
  readonly seed: number | undefined;
  /** Undefined: retries have no bound. */
  readonly retryBudget: BudgetTerms | undefined;
}

/** @throws ConfigError if it cannot be read, or a field that stays in JavaScript is wrong */
export function readConfig(config: GovernorConfig | null | undefined): ReadConfig {
  if (config === undefined || config === null) config = {};
  if (typeof config !== 'object' || isArray(config))
    throw new ConfigError({ field: 'config', value: config, allowed: 'an object' });
  refuseUnknown(config, FIELDS, '');
  const found = new Map<string, unknown>();
  const read = (from: object, name: string, path: string): unknown => {
    const value = get(from, name, path);
    found.set(path, value);
    return value;
  };
  const plain: Plain = {};
  for (const [name, fields] of Object.entries(SECTIONS)) {
    const section = read(config, name, name);
    if (typeof section !== 'object' || section === null || isArray(section)) {
      put(plain, name, section);
      continue;
    }
    refuseUnknown(section, fields, name);
    const copy: Plain = {};
    for (const field of fields) put(copy, field, read(section, field, `${name}.${field}`));
    plain[name] = copy;
  }
  for (const name of SCALARS) put(plain, name, read(config, name, name));
  const shares = readShares(get(config, 'shares', 'shares'), { read: get, keys: keysOf });
  if (shares !== undefined) plain['shares'] = true;
  const discovery = readDiscovery(get(config, 'discovery', 'discovery'));
  if (discovery.probe) plain['probes'] = true;
  return {
    plain,
    found,
    limits: readLimits(read(config, 'limits', 'limits'), 'limits', { read, keys: keysOf }),
    models: get(config, 'models', 'models') ?? undefined,
    // What it finds is not noted: names of models may come without end.
    reader: { read: get, keys: keysOf },
    shares,
    readAnswer: own(config, 'readAnswer', isFunction<AnswerReader>, 'a function'),
    discovery,
    strict: own(config, 'strict', (value) => typeof value === 'boolean', 'true or false') ?? false,
    onEvent: own(config, 'onEvent', isFunction<GovernorEventHandler>, 'a function'),
    clock: clockFrom(get(config, 'clock', 'clock') as GovernorConfig['clock']),
    seed: own(config, 'seed', isSeed, SEEDS),
    retryBudget: readRetryBudget(get(config, 'retryBudget', 'retryBudget')),
  };
}

/** @throws ConfigError for anything but the options that there are */
export function readOptions(options: GovernorOptions | null | undefined): GovernorOptions {
  if (options === undefined || options === null) return {};
  if (typeof options !== 'object') throw new ConfigError({ field: 'options', value: options, allowed: 'an object' });
  refuseUnknown(options, ['restore'], 'options');
  return { restore: get(options, 'restore', 'options.restore') as GovernorOptions['restore'] };
}

function refuseUnknown(object: object, known: readonly string[], section: string): void {
  for (const name of keysOf(object, section)) {
    if (known.includes(name)) continue;
    const field = section === '' ? name : `${section}.${name}`;
    const value = get(object, name, field);
    if (value === undefined || value === null) continue;
    throw new ConfigError(leftOut(field, value, section === '' ? 'a configuration' : section, known));
  }
}

function keysOf(object: object, field: string): string[] {
  try {
    return Object.keys(object);
  } catch (error) {
    throw unreadable(field === '' ? 'config' : field, error);
  }
}

function get(object: object, name: string, field: string): unknown {
  try {
    return (object as Plain)[name];
  } catch (error) {
    throw unreadable(field, error);
  }
}

function unreadable(field: string, cause: unknown): ConfigError {
  return new ConfigError({ field, value: undefined, allowed: 'a readable property' }, undefined, { cause });
}

/** Copies what is there. */
function put(into: Plain, name: string, value: unknown): void {
  if (value !== undefined && value !== null) into[name] = plainOf(value);
}

/** A field that stays in JavaScript. */
function own<T>(config: object, field: string, is: (value: unknown) => value is T, allowed: string): T | undefined {
  const value = get(config, field, field);
  if (value === undefined || value === null) return undefined;
  if (is(value)) return value;
  throw new ConfigError({ field, value, allowed });
}

function isFunction<F>(value: unknown): value is F {
  return typeof value === 'function';
}

/** Limits as the core gets them, with what errors call each of them. */
export interface PlacedLimits {
  readonly limits: readonly ReadLimit[];
  readonly fields: readonly string[];
}

/** What the core threw, if that is how it refuses what a user wrote. */
export function coreRefusal(error: unknown): CoreConfigError | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return error.code === 'config' || error.code === 'image' ? (error as CoreConfigError) : undefined;
}

/**
 * The error to throw for what the core threw at a configuration; undefined if it was no refusal.
 *
 * @param placed the limits that it got
 */
export function refusalFrom(
  error: unknown,
  found: ReadonlyMap<string, unknown>,
  { limits, fields }: PlacedLimits,
  image?: unknown,
): ConfigError | undefined {
  const refusal = coreRefusal(error);
  if (refusal === undefined) return undefined;
  const { code, field, allowed, message } = refusal;
  if (code === 'image')
    return new ConfigError({ field, value: image, allowed }, `${field} must be ${allowed}: ${message}`);
  const [, index = -1, part = ''] = /^limits\[(\d+)\](?:\.(\w+))?/.exec(field) ?? [];
  const path = index === -1 ? field : `${fields[Number(index)]}${part === '' ? '' : `.${part}`}`;
  // All that the core says of the list is that it is too long.
  if (field === 'limits') return new ConfigError({ field, value: limits.length, allowed });
  // What was written in short, or not at all, is named too.
  const given = found.get(path);
  const value = given === undefined ? limits[Number(index)]?.plain[part] : given;
  // The core has seen a description of what it cannot carry, and would quote that; and its own path.
  return new ConfigError({ field: path, value, allowed }, isPlain(value) && path === field ? message : undefined);
}

/**
 * Copies a configuration: each property read once, into plain data that the core checks. Ranges and defaults of what the
 * core reads live there; here are only the fields that never leave JavaScript.
 */
import type { CoreConfigError } from './binding.ts';
import { clockFrom } from './clock.ts';
import { ConfigError, describeValue, isArray } from './errors.ts';
import { readLimits, type ReadLimits } from './limits.ts';
import { leftOut } from './properties.ts';
import type { ClockWithTimers, GovernorConfig, GovernorEventHandler, GovernorOptions } from './types.ts';

/** Sections with the fields that the core reads. */
const SECTIONS = {
  concurrency: ['maxInFlight', 'interactiveReserve'],
  rate: ['requestsPerMinute', 'tokensPerMinute', 'windowMs'],
  fairness: ['softCapRatio', 'starvationWindowMs'],
  adaptive: ['alpha', 'targetDenyRate', 'latencyThreshold', 'adjustIntervalMs', 'minConcurrency'],
  queue: ['max'],
  caps: ['actors', 'overflow', 'leases', 'idBytes'],
} as const;
const SCALARS = ['leaseTtlMs', 'reaperIntervalMs'] as const;
/** Fields that never reach the core. */
const OWN = ['strict', 'onEvent', 'clock', 'seed'] as const;
const FIELDS: readonly string[] = [...Object.keys(SECTIONS), 'limits', ...SCALARS, ...OWN];

/** Plain data: what the core walks. */
type Plain = Record<string, unknown>;

/** A configuration that was read. */
export interface ReadConfig {
  /** For the core. */
  readonly plain: Plain;
  /** What was found, by path, as the user gave it. */
  readonly found: ReadonlyMap<string, unknown>;
  readonly limits: ReadLimits;
  readonly strict: boolean;
  readonly onEvent: GovernorEventHandler | undefined;
  readonly clock: ClockWithTimers;
  readonly seed: number | undefined;
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
  const limits = readLimits(read(config, 'limits', 'limits'), read, keysOf);
  if (limits.plain !== undefined) plain['limits'] = limits.plain;
  // What was written in short, or not at all, is named in errors too.
  for (const [index, limit] of (limits.plain ?? []).entries())
    for (const [field, value] of Object.entries(limit)) {
      const path = `limits[${index}].${field}`;
      if ((found.get(path) ?? null) === null) found.set(path, value);
    }
  return {
    plain,
    found,
    limits,
    strict: readStrict(get(config, 'strict', 'strict')),
    onEvent: readHandler(get(config, 'onEvent', 'onEvent')),
    clock: clockFrom(get(config, 'clock', 'clock') as GovernorConfig['clock']),
    seed: readSeed(get(config, 'seed', 'seed')),
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

/** Copies what the core can look at; the rest it could only refuse, so it gets a description to refuse. */
function put(into: Plain, name: string, value: unknown): void {
  if (value === undefined || value === null) return;
  into[name] = isPlain(value) ? value : describeValue(value);
}

function isPlain(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
}

function readStrict(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  throw new ConfigError({ field: 'strict', value, allowed: 'true or false' });
}

function readHandler(value: unknown): GovernorEventHandler | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'function') return value as GovernorEventHandler;
  throw new ConfigError({ field: 'onEvent', value, allowed: 'a function' });
}

function readSeed(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new ConfigError({ field: 'seed', value, allowed: `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}` });
}

/** The error to throw for what the core threw while a governor was made; undefined if it was no refusal. */
export function refusalFrom(
  error: unknown,
  found: ReadonlyMap<string, unknown>,
  image: unknown,
): ConfigError | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  if (error.code !== 'config' && error.code !== 'image') return undefined;
  const { code, field, allowed, message } = error as CoreConfigError;
  if (code === 'image')
    return new ConfigError({ field, value: image, allowed }, `${field} must be ${allowed}: ${message}`);
  const value = found.get(field);
  // The core has seen a description of what it cannot carry, and would quote that.
  return new ConfigError({ field, value, allowed }, isPlain(value) ? message : undefined);
}

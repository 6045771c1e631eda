/** What a mock provider can be told, with the defaults, checked once. */
import { systemClock } from '../core/clock.ts';
import { ConfigError } from '../core/errors.ts';
import { propertiesOf } from '../core/properties.ts';
import type { ClockWithTimers } from '../core/types.ts';

/** What the provider allows. Without a limit everything is admitted. */
export interface MockLimits {
  /** Calls a window. Default: no limit. */
  requestsPerMinute?: number;
  /** Tokens a window. Default: no limit. */
  tokensPerMinute?: number;
  /** Length of the window in ms. Default 60000; a shorter one lets a test or demo live through many "minutes". */
  windowMs?: number;
  /** Part of a window's limit that may be used at once: the size of the buckets. Default 1. Range: above 0 to 1. */
  burst?: number;
  /** Most calls in flight. Default: no limit. */
  maxInFlight?: number;
  /**
   * `reserved` (default, as OpenAI): a call stays charged with what it might have used. `actual` (as Anthropic, Mistral,
   * Bedrock): the charge is corrected to the real usage when the call ends.
   */
  settle?: 'reserved' | 'actual';
  /** Whether a refused call counts against `requestsPerMinute` all the same, as it does at OpenAI. Default true. */
  countRefused?: boolean;
}

/** How long a call takes: a lognormal time to the first byte, then tokens at a steady rate. */
export interface MockLatency {
  /** Median time to the first byte in ms. Default 0: at once. */
  medianMs?: number;
  /** Spread: the standard deviation of the logarithm. Default 0.4 (p95 is about twice the median). */
  sigma?: number;
  /** Tokens a second after the first byte. Default Infinity. A JSON answer takes as long as a stream of the same tokens. */
  tokensPerSecond?: number;
}

/** Which part of the admitted calls goes wrong, each 0 to 1 (default 0) and at most 1 in sum. */
export interface MockFaults {
  /** The connection is cut before any header. */
  drop?: number;
  /** The connection is cut in the middle of the body. */
  dropMidBody?: number;
  /** Status 500. */
  serverError?: number;
  /** Status 503. */
  unavailable?: number;
  /** Takes ten times as long. */
  slow?: number;
  /** Never answers; ends when the client leaves or the provider is closed. */
  hang?: number;
}

/** Options of `createMockProvider`. */
export interface MockProviderOptions {
  /** Same seed, same bodies: same answers, times and faults. Default 1. */
  seed?: number;
  limits?: MockLimits;
  latency?: MockLatency;
  faults?: MockFaults;
  /** Output tokens when a call names no maximum. Default 256. */
  defaultMaxTokens?: number;
  /** Model ids that `/v1/models` lists; any other is answered as well. Default `["mock-small", "mock-large"]`. */
  models?: readonly string[];
  /** Time and timers. Default: the platform's. `createTestClock()` makes a provider that moves only when told. */
  clock?: ClockWithTimers;
}

/** Checked options: everything present. */
export interface Settings {
  seed: number;
  limits: Required<MockLimits>;
  latency: Required<MockLatency>;
  faults: Required<MockFaults>;
  defaultMaxTokens: number;
  models: readonly string[];
  clock: ClockWithTimers;
}

/** The fields of each section, and of the whole. */
const LIMITS: readonly (keyof MockLimits)[] = [
  'requestsPerMinute',
  'tokensPerMinute',
  'windowMs',
  'burst',
  'maxInFlight',
  'settle',
  'countRefused',
];
const LATENCY: readonly (keyof MockLatency)[] = ['medianMs', 'sigma', 'tokensPerSecond'];
const FAULTS: readonly (keyof MockFaults)[] = ['drop', 'dropMidBody', 'serverError', 'unavailable', 'slow', 'hang'];
const OPTIONS: readonly (keyof MockProviderOptions)[] = [
  'seed',
  'limits',
  'latency',
  'faults',
  'defaultMaxTokens',
  'models',
  'clock',
];

/** A section as it was given; empty if it was not. */
function section<T extends object>(
  value: T | undefined,
  field: string,
  names: readonly (keyof T & string)[],
): Partial<T> {
  return propertiesOf(value ?? {}, field, names) as Partial<T>;
}

function number(field: string, value: number | undefined, fallback: number, low: number, high: number): number {
  const found = value ?? fallback;
  if (typeof found === 'number' && found >= low && found <= high) return found;
  const allowed = high === Infinity ? `a number from ${low}` : `a number from ${low} to ${high}`;
  throw new ConfigError({ field, value: found, allowed });
}

function limits(raw: MockLimits): Required<MockLimits> {
  const settle = raw.settle ?? 'reserved';
  if (settle !== 'reserved' && settle !== 'actual')
    throw new ConfigError({ field: 'limits.settle', value: settle, allowed: '"reserved" or "actual"' });
  return {
    requestsPerMinute: number('limits.requestsPerMinute', raw.requestsPerMinute, Infinity, 1, Infinity),
    tokensPerMinute: number('limits.tokensPerMinute', raw.tokensPerMinute, Infinity, 1, Infinity),
    windowMs: number('limits.windowMs', raw.windowMs, 60_000, 1, 2 ** 31),
    burst: number('limits.burst', raw.burst, 1, 1e-6, 1),
    maxInFlight: number('limits.maxInFlight', raw.maxInFlight, Infinity, 1, Infinity),
    settle,
    countRefused: raw.countRefused ?? true,
  };
}

function faults(raw: MockFaults): Required<MockFaults> {
  const rate = (name: keyof MockFaults): number => number(`faults.${name}`, raw[name], 0, 0, 1);
  const checked = {
    drop: rate('drop'),
    dropMidBody: rate('dropMidBody'),
    serverError: rate('serverError'),
    unavailable: rate('unavailable'),
    slow: rate('slow'),
    hang: rate('hang'),
  };
  const sum = Object.values(checked).reduce((total, part) => total + part, 0);
  number('faults (sum)', sum, 0, 0, 1 + 1e-9);
  return checked;
}

/** @throws ConfigError naming the field, its value and what is allowed; also for a field that does not exist */
export function checkOptions(options: MockProviderOptions): Settings {
  const raw = section(options, 'options', OPTIONS);
  const latency = section(raw.latency, 'latency', LATENCY);
  return {
    seed: number('seed', raw.seed, 1, 0, Number.MAX_SAFE_INTEGER),
    limits: limits(section(raw.limits, 'limits', LIMITS)),
    latency: {
      medianMs: number('latency.medianMs', latency.medianMs, 0, 0, 2 ** 31),
      sigma: number('latency.sigma', latency.sigma, 0.4, 0, 5),
      tokensPerSecond: number('latency.tokensPerSecond', latency.tokensPerSecond, Infinity, 1e-3, Infinity),
    },
    faults: faults(section(raw.faults, 'faults', FAULTS)),
    defaultMaxTokens: number('defaultMaxTokens', raw.defaultMaxTokens, 256, 1, 1e6),
    models: raw.models ?? ['mock-small', 'mock-large'],
    clock: raw.clock ?? systemClock,
  };
}

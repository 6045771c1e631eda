/**
 * What an answer of a provider says, in the words of the governor: read by the reader that the configuration brings, else by
 * status and `Retry-After` alone; its limits by name.
 */
import { ANSWERED, OBSERVED_MAX, View } from './binding.ts';
import { bodyIn } from './error-body.ts';
import { ConfigError } from './errors.ts';
import { bad } from './input.ts';
import { OF_EVERY_CALL } from './limits.ts';
import type { About } from './lease-table.ts';
import { answered, partsOf } from './pause.ts';
import { propertiesOf, refuseOthers } from './properties.ts';
import type { AnswerReader, AnswerReading, ObservedLimit, ObserveOptions, ProviderAnswer } from './types.ts';

/** Limits of calls that are marked for them. */
const POOLS_OF_SOME: readonly string[] = ['priority'];
/** What a bucket of the core can hold. */
export const AMOUNT_MAX = 9e12;
const DAY_MS = 86_400_000;
/** Where the provider does not say how long its window is: the first in which the reset lies, else the first. */
const WINDOWS_MS: readonly number[] = [60_000, 3_600_000, DAY_MS, 31 * DAY_MS];

const REFUSED = { 402: 'terminal', 429: 'transient', 503: 'overload', 529: 'overload' } as const;

/** How limits come to be known. */
export interface Discovery {
  readonly probe: boolean;
  readonly margin: number;
}

/** @throws ConfigError */
export function readDiscovery(value: unknown): Discovery {
  const field = 'discovery';
  const { start, margin } =
    typeof value === 'object' && value !== null
      ? propertiesOf(value, field, ['start', 'margin'])
      : { start: value, margin: undefined };
  if (![undefined, null, 'optimistic', 'probe'].includes(start as 'probe' | null | undefined))
    throw new ConfigError({ field, value: start, allowed: '"optimistic", "probe" or an object with start and margin' });
  const part = (margin ?? 0) as number;
  if (!(typeof part === 'number' && part >= 0 && part <= 0.9))
    throw new ConfigError({ field: `${field}.margin`, value: margin, allowed: 'a number from 0 to 0.9' });
  return { probe: start === 'probe', margin: part };
}

/** @throws InputError unless it is an answer, and what the reader throws */
export function readingOf(
  answer: unknown,
  now: number,
  dialect: unknown,
  reader: AnswerReader | undefined,
): AnswerReading {
  if (typeof answer !== 'object' || answer === null)
    throw bad('answer', answer, 'a response, or its status and headers');
  if (typeof (answer as Partial<AnswerReading>).kind === 'string') return answer as AnswerReading;
  if (reader !== undefined) {
    const parts = partsOf(answer);
    // That of a response is its reader's.
    const body = typeof (answer as { json?: unknown }).json === 'function' ? undefined : bodyIn(answer);
    const options = { dialect: dialect ?? 'auto', now, body };
    const reading = reader((parts ?? answer) as ProviderAnswer, options);
    // What has no status may be an event of a stream, or no answer at all: it tells of what it says only.
    return parts === undefined && reading.kind === 'ok' ? { ...reading, kind: 'other' } : reading;
  }
  const { status = 0, retryAfterMs } = answered(answer, now);
  const refused: Readonly<Record<number, AnswerReading['kind']>> = REFUSED;
  const found = refused[status] ?? (status >= 200 && status < 400 ? 'ok' : 'other');
  const base = { kind: found };
  return retryAfterMs === undefined || found === 'ok' ? base : { ...base, retryAt: now + retryAfterMs };
}

/** @throws InputError */
export function readObserveOptions(options: ObserveOptions | null | undefined): {
  leaseId: string | undefined;
  model: string;
} {
  if (options === undefined || options === null) return { leaseId: undefined, model: '' };
  refuseOthers(options, 'options', ['leaseId', 'model']);
  const { leaseId, model } = options;
  if (leaseId !== undefined && leaseId !== null && typeof leaseId !== 'string')
    throw bad('options.leaseId', leaseId, 'a string');
  return { leaseId: leaseId ?? undefined, model: readModel(model, 'options.model') };
}

/** Empty: not given. @throws InputError */
export function readModel(model: unknown, field: string): string {
  if (model !== undefined && model !== null && typeof model !== 'string') throw bad(field, model, 'a string');
  return model ?? '';
}

/** What closes the gate of everybody; that a key is wrong is the matter of who has it. @throws InputError for no kind */
export function kindOf({ kind, why }: AnswerReading): number {
  const found = ANSWERED.indexOf(kind === 'terminal' && why === 'auth' ? 'other' : kind);
  if (found < 0) throw bad('answer.kind', kind, `one of ${ANSWERED.join(', ')}`);
  return found;
}

/** What of an answer settles its call. @param estimated tokens of the prompt, where only the sum is told */
export function answeredBy({ usage, counts }: AnswerReading, estimated: number): NonNullable<About['answered']> {
  const { inputTokens, outputTokens, totalTokens = NaN } = usage ?? {};
  // Whole, as the core counts it, or the sum would be rounded up twice.
  const prompt = inputTokens ?? Math.min(totalTokens, Math.ceil(estimated));
  const output = outputTokens ?? totalTokens - prompt;
  return { settle: counts?.settle, used: prompt >= 0 && output >= 0 ? [prompt, output] : undefined };
}

/** A limit of the provider's as the governor counts it. */
export interface Discovered {
  /** Without the family. */
  readonly name: string;
  readonly metric: string;
  /** Undefined: only what is left was said. */
  readonly limit: number | undefined;
  readonly window: number;
  readonly algorithm: 'token-bucket' | 'fixed-window' | 'sliding-window';
  /** At least so much is left; undefined: not said. */
  readonly remaining: number | undefined;
  readonly resetAt: number | undefined;
}

/** One whose size is known, or taken to be. */
export type Sized = Discovered & { readonly limit: number };

/** The limits of an answer that every call of the family counts in. */
export function discoveredIn({ limits = [] }: AnswerReading, now: number, margin: number): Discovered[] {
  return limits.flatMap((told) => toldBy(told, now, margin) ?? []).slice(0, OBSERVED_MAX);
}

function toldBy(told: ObservedLimit, now: number, margin: number): Discovered | undefined {
  const { metric, pool, remaining, resetAt, resetIsFull, roundedTo = 0 } = told;
  // NaN: not said.
  const whole = Math.min(told.limit ?? NaN, AMOUNT_MAX);
  const limit = told.limit === undefined ? undefined : Math.max(Math.floor(whole * (1 - margin)), 1);
  if (whole < 1 || (remaining ?? limit) === undefined) return undefined;
  if (!OF_EVERY_CALL.includes(metric) || POOLS_OF_SOME.includes(pool ?? '')) return undefined;
  const window = windowOf(told, now, whole);
  const name = [metric, WORDS[window] ?? `${window}ms`, ...(pool === undefined ? [] : [pool])].join('/');
  // Of unknown size no part can be left alone.
  const kept = limit ? whole - limit : 0;
  return {
    name: `provider:${name}`,
    metric,
    limit,
    window,
    algorithm: resetIsFull ? 'token-bucket' : resetAt === undefined ? 'sliding-window' : 'fixed-window',
    remaining: remaining === undefined ? undefined : Math.max(Math.floor(remaining - roundedTo / 2 - kept), 0),
    resetAt,
  };
}

const WORDS: Readonly<Record<number, string>> = { 60000: '1m', 3600000: '1h', 86400000: '1d' };

function windowOf({ window, resetAt, resetIsFull, remaining }: ObservedLimit, now: number, limit: number): number {
  if (typeof window === 'number') return window;
  if (window !== undefined) return window === 'day' ? DAY_MS : 31 * DAY_MS;
  const left = resetAt === undefined ? 0 : resetAt - now;
  // A bucket that lacks so much of it is full then; told to the second, so by the next shorter one if it is near.
  const lacks = limit - (remaining ?? limit);
  const span = resetIsFull ? (lacks > 0 ? (left / lacks) * limit * 0.5 : 0) : left;
  return WINDOWS_MS.find((ms) => span <= ms) ?? WINDOWS_MS[0]!;
}

/** With its place among all limits. */
export type PlacedLimit = Sized & { readonly place: number };

/** Writes what the core reads beside the arguments of `observe`. @returns how many limits */
export function writeObserved(view: Float64Array, limits: readonly PlacedLimit[]): number {
  let at: number = View.OBSERVED;
  for (const { place, remaining, resetAt } of limits) {
    if (remaining === undefined) continue;
    view.set([place, remaining, resetAt ?? NaN], at);
    at += 3;
  }
  return (at - View.OBSERVED) / 3;
}

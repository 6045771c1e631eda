/**
 * Checks what callers hand over, once, into flat numbers that cross to the core. Each property is read exactly once, and
 * the result is written only when everything was read: a getter or proxy of the caller's may do what it likes.
 */
import { FLAG_AMOUNTS, FLAG_BACKGROUND, METRICS_MAX } from './binding.ts';
import { InputError } from './errors.ts';
import type { Model } from './families.ts';
import { refuseMisestimated, refuseMisreported, refuseMisused } from './misspelt.ts';
import { refuseOthers } from './properties.ts';
import { TOKENS_MAX } from './ranges.ts';
import { composed } from './scopes.ts';
import type { AcquireRequest, GovernorLike, LeaseOutcome, ReleaseReport, SignalLike, Wait } from './types.ts';
import { unitsThatFit } from './utf8.ts';

/** Dollars of one call: the core counts a million millionths of them, squared. */
const DOLLARS_MAX = 1e6;
const CENTS_MAX = 1e8;
const STATUS_MAX = 599;
const MS_MAX: number = Number.MAX_SAFE_INTEGER;
/** The heaviest call, in concurrency units. */
export const WEIGHT_MAX = 1e9;

/** A request in the form that crosses. */
export interface Ask {
  actorId: string;
  action: string;
  flags: number;
  weight: number;
  promptTokens: number;
  outputTokens: number;
  /** Actor, tenant and idempotency key as one string; undefined without a key. */
  key: string | undefined;
  /** Empty: not given. */
  model: string;
  tenant: string;
  images: number;
  canShrink: boolean;
  /** Only with `FLAG_AMOUNTS` in `flags`. */
  readonly amounts: Amounts;
  /** What is known of the model, where it matters: see `counting.ts`. */
  family: Model<unknown> | undefined;
  /** The cost in `amounts` comes from prices. */
  priced: boolean;
  /** What the estimate of output tokens was shortened to; 0: it was not. */
  shrunk: number;
}

/** What counts beyond tokens, in the order in which it crosses: dollars, then the user's own metrics; NaN: not given. */
export interface Amounts {
  /** Names of the user's own metrics that limits count. */
  metrics: readonly string[];
  readonly list: number[];
}

/** A report in the form that crosses; NaN: not reported. */
export interface Told {
  outcome: LeaseOutcome;
  latencyMs: number;
  firstTokenMs: number;
  /** The HTTP status of the provider's answer; NaN: not told. */
  status: number;
  /** How long it asked for a pause; NaN: it did not. */
  retryAfterMs: number;
  promptTokens: number;
  outputTokens: number;
  cachedTokens: number;
  images: number;
  /** Usage was reported. */
  used: boolean;
  /** 0 or `FLAG_AMOUNTS`. */
  flags: number;
  readonly amounts: Amounts;
}

/** @param metrics the user's own metrics that limits count */
export function newAsk(metrics: readonly string[] = []): Ask {
  return {
    actorId: '',
    action: '',
    flags: 0,
    weight: 1,
    promptTokens: 0,
    outputTokens: 0,
    key: undefined,
    model: '',
    tenant: '',
    images: 0,
    canShrink: false,
    amounts: newAmounts(metrics),
    family: undefined,
    priced: false,
    shrunk: 0,
  };
}

export function newTold(metrics: readonly string[] = []): Told {
  return {
    outcome: 'success',
    latencyMs: NaN,
    firstTokenMs: NaN,
    status: NaN,
    retryAfterMs: NaN,
    promptTokens: NaN,
    outputTokens: NaN,
    cachedTokens: NaN,
    images: NaN,
    used: false,
    flags: 0,
    amounts: newAmounts(metrics),
  };
}

function newAmounts(metrics: readonly string[]): Amounts {
  return { metrics, list: new Array<number>(1 + METRICS_MAX).fill(NaN) };
}

/**
 * Reads a request into `ask`.
 *
 * @param idBytes longest id in UTF-8 bytes
 * @param cost in dollars, where it is known: takes the place of an estimate
 * @throws InputError naming the field, the value and what is allowed; `ask` is untouched then
 */
export function readRequest(request: AcquireRequest, idBytes: number, ask: Ask, cost: number = NaN): void {
  if (typeof request !== 'object' || request === null) throw bad('request', request, 'an object');
  const actorId = readId(request.actorId, 'request.actorId', 1, idBytes);
  const action = readId(request.action, 'request.action', 0, idBytes);
  let flags = readPriority(request.priority);
  const { estimate, idempotencyKey } = request;
  const model = readName(request.model, 'request.model', idBytes);
  const tenant = readName(request.tenant, 'request.tenant', idBytes);
  const canShrink = request.canShrink ?? false;
  if (typeof canShrink !== 'boolean') throw bad('request.canShrink', canShrink, 'true or false');
  let weight = 1;
  let promptTokens = 0;
  let outputTokens = 0;
  let images = 0;
  let amounts: readonly number[] | undefined;
  if (estimate !== undefined && estimate !== null) {
    if (typeof estimate !== 'object') throw bad('request.estimate', estimate, 'an object');
    refuseMisestimated(estimate);
    weight = readAmount(estimate.weight, 'request.estimate.weight', WEIGHT_MAX, 1);
    // In millionths, as the core counts: events of the grant and of its end then say the same.
    if (weight !== 1) weight = Math.round(weight * 1e6) / 1e6;
    promptTokens = readAmount(estimate.promptTokens, 'request.estimate.promptTokens', TOKENS_MAX, 0);
    outputTokens = readAmount(estimate.maxOutputTokens, 'request.estimate.maxOutputTokens', TOKENS_MAX, 0);
    images = readAmount(estimate.images, 'request.estimate.images', TOKENS_MAX, 0);
    const { metrics } = estimate;
    if (metrics !== undefined && metrics !== null) {
      amounts = readAmounts(metrics, 'request.estimate.metrics', ask.amounts.metrics);
    }
  }
  let key: string | undefined;
  if (idempotencyKey !== undefined && idempotencyKey !== null) {
    key = readId(idempotencyKey, 'request.idempotencyKey', 1, idBytes);
    key = prefixed(actorId) + prefixed(tenant) + composed(key);
  }
  if (writeAmounts(ask.amounts.list, amounts, cost)) flags |= FLAG_AMOUNTS;
  ask.actorId = actorId;
  ask.action = action;
  ask.flags = flags;
  ask.weight = weight;
  ask.promptTokens = promptTokens;
  ask.outputTokens = outputTokens;
  ask.key = key;
  ask.model = model;
  ask.tenant = tenant;
  ask.images = images;
  ask.canShrink = canShrink;
  ask.family = undefined;
  ask.priced = false;
  ask.shrunk = 0;
}

/** A name whose end is known: ("a", "bc") and ("ab", "c") stay apart. */
function prefixed(name: string): string {
  const text = composed(name);
  return `${text.length}:${text}`;
}

/** Of what may be left out: then it is empty. */
function readName(value: unknown, field: string, idBytes: number): string {
  return value === undefined || value === null ? '' : readId(value, field, 1, idBytes);
}

/**
 * @param names of the user's own metrics that limits count
 * @returns as `Amounts.list`
 * @throws InputError unless `metrics` is an object in which the metrics that count are amounts
 */
function readAmounts(metrics: unknown, field: string, names: readonly string[]): number[] {
  if (typeof metrics !== 'object' || metrics === null) throw bad(field, metrics, 'an object of numbers by metric');
  const given = metrics as Readonly<Record<string, unknown>>;
  const own = names.map((name) => readAmount(given[name], `${field}.${name}`, TOKENS_MAX, NaN));
  return [wholeMicros(readAmount(given['costUsd'], `${field}.costUsd`, DOLLARS_MAX, NaN)), ...own];
}

/** Writes what was read, once nobody else's code runs any more. @returns whether there was anything */
function writeAmounts(list: number[], read: readonly number[] | undefined, cost: number): boolean {
  const known = cost === cost;
  if (read === undefined && !known) return false;
  for (let at = 0; at < list.length; at++) list[at] = read?.[at] ?? NaN;
  if (known) list[0] = cost;
  return true;
}

/**
 * Micro-dollars as the dollars that the core reads. It rounds products up, and 0.07 times a million is above 70000: half a
 * micro-dollar less is always rounded to the number that was meant.
 */
export function dollarsOf(micros: number): number {
  return Math.max(micros - 0.5, 0) / 1e6;
}

/** Dollars that the user has written, rounded up to micro-dollars, as the core is told. */
function wholeMicros(dollars: number): number {
  return dollarsOf(Math.ceil(dollars * 1e6 - 1e-3));
}

function readPriority(priority: unknown): number {
  if (priority === undefined || priority === 'interactive' || priority === null) return 0;
  if (priority === 'background') return FLAG_BACKGROUND;
  throw bad('request.priority', priority, '"interactive" or "background"');
}

/** @throws InputError unless `value` is a string of so many UTF-8 bytes */
export function readId(value: unknown, field: string, bytesMin: number, bytesMax: number): string {
  if (typeof value !== 'string') throw bad(field, value, 'a string');
  // No UTF-16 unit takes more than 3 bytes, so most ids need no count.
  if (value.length >= bytesMin && (value.length * 3 <= bytesMax || unitsThatFit(value, bytesMax) === value.length))
    return value;
  throw bad(field, value, `a string of ${bytesMin} to ${bytesMax} UTF-8 bytes`);
}

/** @throws InputError unless `value` is a number from 0 to `max`, or absent */
export function readAmount(value: unknown, field: string, max: number, absent: number): number {
  if (value === undefined || value === null) return absent;
  if (typeof value === 'number' && value >= 0 && value <= max) return value;
  throw bad(field, value, `a number from 0 to ${max}`);
}

const OUTCOMES: readonly LeaseOutcome[] = ['success', 'error', 'timeout', 'cancelled'];

/** The number by which the core knows an outcome. */
export function outcomeCode(outcome: LeaseOutcome): number {
  return outcome === 'success' ? 0 : OUTCOMES.indexOf(outcome);
}

/**
 * Reads a report into `told`, leaving out each part that is bad; usage is one part, good as a whole or not at all. What is
 * misspelt is a problem too, beside which the rest is good.
 *
 * @returns the first problem, if there was one
 */
export function readReport(report: ReleaseReport | null | undefined, told: Told): InputError | undefined {
  let outcome: LeaseOutcome = 'success';
  let latencyMs = NaN;
  let firstTokenMs = NaN;
  let status = NaN;
  let retryAfterMs = NaN;
  let promptTokens = NaN;
  let outputTokens = NaN;
  let cachedTokens = NaN;
  let images = NaN;
  let used = false;
  let amounts: readonly number[] | undefined;
  let cost = NaN;
  let problem: InputError | undefined;
  if (typeof report === 'object' && report !== null) {
    try {
      outcome = readOutcome(report.outcome);
    } catch (error) {
      problem = problemOf(report, error);
    }
    try {
      latencyMs = readAmount(report.latencyMs, 'report.latencyMs', MS_MAX, NaN);
      status = readAmount(report.status, 'report.status', STATUS_MAX, NaN);
      retryAfterMs = readAmount(report.retryAfterMs, 'report.retryAfterMs', MS_MAX, NaN);
      firstTokenMs = readAmount(report.firstTokenMs, 'report.firstTokenMs', MS_MAX, NaN);
    } catch (error) {
      problem ??= problemOf(report, error);
    }
    try {
      const { usage } = report;
      if (usage !== undefined && usage !== null) {
        if (typeof usage !== 'object') throw bad('report.usage', usage, 'an object');
        const prompt = readAmount(usage.promptTokens, 'report.usage.promptTokens', TOKENS_MAX, NaN);
        const output = readAmount(usage.outputTokens, 'report.usage.outputTokens', TOKENS_MAX, NaN);
        const cached = readAmount(usage.cachedTokens, 'report.usage.cachedTokens', TOKENS_MAX, NaN);
        const pictures = readAmount(usage.images, 'report.usage.images', TOKENS_MAX, NaN);
        const { metrics } = usage;
        if (metrics != null) amounts = readAmounts(metrics, 'report.usage.metrics', told.amounts.metrics);
        promptTokens = prompt;
        outputTokens = output;
        cachedTokens = cached;
        images = pictures;
        used = true;
        refuseMisused(usage);
      }
    } catch (error) {
      problem ??= problemOf(report, error);
    }
    try {
      const cents = readAmount(report.actualCostCents, 'report.actualCostCents', CENTS_MAX, NaN);
      if (!Number.isNaN(cents)) cost = dollarsOf(Math.round(cents * 1e4));
      refuseMisreported(report);
    } catch (error) {
      problem ??= problemOf(report, error);
    }
  } else if (report != null) problem = bad('report', report, 'an object');
  told.outcome = outcome;
  told.latencyMs = latencyMs;
  told.firstTokenMs = firstTokenMs;
  told.status = status;
  told.retryAfterMs = retryAfterMs;
  told.promptTokens = promptTokens;
  told.outputTokens = outputTokens;
  told.cachedTokens = cachedTokens;
  told.images = images;
  told.used = used;
  told.flags = writeAmounts(told.amounts.list, amounts, cost) ? FLAG_AMOUNTS : 0;
  return problem;
}

/** What is wrong with a report, one of whose parts could not be read. */
function problemOf(report: ReleaseReport, error: unknown): InputError {
  if (InputError.isInstance(error)) return error;
  const allowed = 'an object with readable properties';
  return new InputError({ field: 'report', value: report, allowed }, { cause: error });
}

function readOutcome(value: unknown): LeaseOutcome {
  if (value === 'success' || value === undefined || value === null) return 'success';
  const outcome = OUTCOMES.find((known) => known === value);
  if (outcome === undefined)
    throw bad('report.outcome', value, `one of ${OUTCOMES.map((known) => `"${known}"`).join(', ')}`);
  return outcome;
}

/** Which durations or instants in ms an option may have, and what it is when it is absent. */
export interface MsRange {
  readonly absent: number;
  /** Default 0. */
  readonly min?: number;
  /** Above `min` only. Default false. */
  readonly open?: boolean;
  /** Infinity stands for "no bound". Default false. */
  readonly infinite?: boolean;
}

/** @throws InputError unless `value` is a number of ms in that range, or absent */
export function readMs(value: unknown, field: string, range: MsRange): number {
  const { absent, min = 0, open = false, infinite = false } = range;
  if (value === undefined || value === null) return absent;
  if (typeof value === 'number' && (open ? value > min : value >= min)) {
    if (value <= MS_MAX || (infinite && value === Infinity)) return value;
  }
  throw bad(field, value, `a number of milliseconds ${open ? `above ${min}` : `from ${min}`} to ${MS_MAX}`);
}

/** @throws InputError unless `value` is a whole number from 1 (or Infinity), or absent */
export function readCount(value: unknown, field: string, absent: number): number {
  if (value === undefined || value === null) return absent;
  if (typeof value === 'number' && value >= 1 && (Number.isInteger(value) || value === Infinity)) return value;
  throw bad(field, value, 'a whole number from 1');
}

/** @throws InputError unless `value` looks like an abort signal, or is absent */
export function readSignal<S extends { aborted: boolean; addEventListener: unknown }>(
  value: S | null | undefined,
): S | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object' && typeof value.aborted === 'boolean' && typeof value.addEventListener === 'function')
    return value;
  throw bad('signal', value, 'an AbortSignal');
}

/** The bounds of a wait; Infinity: none. */
export interface WaitBounds {
  signal: SignalLike | undefined;
  timeoutMs: number;
  deadline: number;
}

const WAIT_FIELDS: readonly string[] = ['signal', 'timeoutMs', 'deadline'];

/** @throws InputError unless `wait` is an object with good bounds and nothing else, or absent */
export function readWait(wait: Wait | null | undefined): WaitBounds {
  if (wait != null && typeof wait !== 'object') throw bad('wait', wait, 'an object, such as { timeoutMs: 5000 }');
  refuseOthers(wait ?? {}, 'wait', WAIT_FIELDS);
  const signal = readSignal(wait?.signal);
  const timeoutMs = readMs(wait?.timeoutMs, 'wait.timeoutMs', { absent: Infinity, infinite: true });
  const deadline = readMs(wait?.deadline, 'wait.deadline', { absent: Infinity, infinite: true });
  return { signal, timeoutMs, deadline };
}

/** @throws InputError unless `value` is a function */
export function readFunction(value: unknown, field: string): void {
  if (typeof value !== 'function') throw bad(field, value, 'a function');
}

/** @throws InputError unless `value` can grant leases and take them back */
export function readGovernor(value: GovernorLike, field: string): void {
  if (typeof value?.acquire !== 'function' || typeof value.release !== 'function')
    throw bad(field, value, 'an object with acquire and release');
}

/** An argument that cannot be used. */
export function bad(field: string, value: unknown, allowed: string): InputError {
  return new InputError({ field, value, allowed });
}

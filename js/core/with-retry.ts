/**
 * Calls again what failed for now. What may be tried again is decided in `failure.ts`; here are the bounds and the pauses.
 *
 * Pauses: "full jitter", a random part of a bound that doubles (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture
 * Blog, 2015). A pause that the answer names is never cut short: the jitter comes on top, at most as much again, so that all who
 * were sent away do not come back at once.
 */
import { isClock, Time } from './clock.ts';
import { tell } from './events.ts';
import { judge, resultOf, type Ended, type Judge, type Verdict } from './failure.ts';
import { bad, readCount, readFunction, readGovernor, readId, readMs, readSignal } from './input.ts';
import { clockOf, internalsOf } from './internals.ts';
import { refuseOthers } from './properties.ts';
import { readRetryBudget, RetryBudgets } from './retry-budget.ts';
import type { Random } from './random.ts';
import { isSeed, randomFrom, SEEDS } from './seed.ts';
import { abortReason, DELAY_MAX_MS, sleep } from './timers.ts';
import type { AttemptReport, RetryStop, SignalLike, WithRetryOptions } from './types.ts';

const ATTEMPTS_MAX = 3;
const WAIT_MAX_MS = 60_000;
const BACKOFF_MS = 1_000;
const BACKOFF_MAX_MS = 20_000;
/** Platforms' timers may come a little early; by more than this a clock was set back. */
const EARLY_MS = 1_000;

const OPTIONS: readonly (keyof WithRetryOptions)[] = [
  ...(['governor', 'model', 'maxAttempts', 'maxWaitMs', 'initialBackoffMs', 'maxBackoffMs'] as const),
  ...(['signal', 'readAnswer', 'retryIf', 'onAttempt', 'clock', 'seed'] as const),
];

interface Terms extends Judge {
  readonly maxAttempts: number;
  readonly maxWaitMs: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly signal: SignalLike | undefined;
  readonly random: Random;
  readonly budgets: Pick<RetryBudgets, 'earn' | 'spend'> | undefined;
  readonly model: string;
  readonly report: (report: AttemptReport) => void;
}

/**
 * Calls `fn`, and calls it again after a pause when it failed for now: a rate limit, an overload, a failed connection, a time-out,
 * a denial of a governor. Understands what `fn` returns (a `Response`, or what an adapter returns) and what it throws (errors
 * of SDKs and of `fetch`, `DeniedError`). Never retries what would fail again: other errors of the request (400, 401, 402, 403,
 * 404, 422 and the like), spent quota, denials whose `retryAt` is `null`.
 *
 * Waits as long as the server says (`Retry-After`, `retry-after-ms`, what `readAnswer` finds), however long, up to `maxWaitMs`;
 * else a random part of a bound that doubles. With a `governor` retries are a small part of all calls: see `retryBudget`.
 *
 * Ask for the lease inside of `fn`, so that each attempt has one and pauses hold none. Switch off retries of your SDK
 * (`maxRetries: 0`), as they multiply with these. A call that may have had effects before it failed needs an idempotency key.
 *
 * @param fn gets the number of the attempt, from 1
 * @returns what the last attempt returned, be it a `Response` that refuses
 * @throws what the last attempt threw, untouched; the signal's reason when it is aborted; InputError for bad arguments
 *
 * @example
 * const answer = await withRetry(() => withLease(governor, request, callMyModel), { governor, maxAttempts: 5 });
 */
export async function withRetry<T>(
  fn: (attempt: number) => T | PromiseLike<T>,
  options?: WithRetryOptions | null,
): Promise<T> {
  readFunction(fn, 'fn');
  const terms = readTerms(options ?? {});
  const { signal, time, report } = terms;
  if (signal?.aborted === true) throw abortReason(signal);
  const start = time.read();
  terms.budgets?.earn(terms.model, start);
  let waitedMs = 0;
  for (let attempt = 1; ; attempt++) {
    const ended = await attemptOnce(fn, attempt);
    const verdict = await judge(ended, terms);
    const about = { attempt, ...('error' in ended && ended), ...(verdict.status && { status: verdict.status }) };
    const delayMs = delayFor(verdict, attempt, terms.maxWaitMs - waitedMs, terms);
    const why = whyStop(verdict, attempt, delayMs, terms);
    if (why !== undefined) {
      report(why === 'success' ? { ...about, outcome: why } : { ...about, outcome: 'failure', why });
      if (why === 'aborted') throw abortReason(signal!);
      if ('error' in ended) throw ended.error;
      return ended.value;
    }
    report({ ...about, outcome: 'retry', delayMs });
    void drop(ended);
    await pause(time, delayMs, signal);
    waitedMs += delayMs;
  }
}

async function attemptOnce<T>(
  fn: (attempt: number) => T | PromiseLike<T>,
  attempt: number,
): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await fn(attempt) };
  } catch (error) {
    return { error };
  }
}

/** The pause before the next attempt. Infinity: it would exceed what is left. */
function delayFor({ afterMs }: Verdict, attempt: number, leftMs: number, terms: Terms): number {
  if (!(leftMs > 0 && afterMs <= leftMs)) return Infinity;
  const bound = Math.min(terms.initialBackoffMs * 2 ** (attempt - 1), terms.maxBackoffMs);
  return Math.min(afterMs + terms.random() * (afterMs > 0 ? Math.min(bound, afterMs) : bound), leftMs);
}

/** Why there is no further attempt, if there is none. Takes a retry from the budget only if nothing else is in the way. */
function whyStop(
  { kind, sent }: Verdict,
  attempt: number,
  delayMs: number,
  { signal, maxAttempts, budgets, model, time }: Terms,
): RetryStop | 'success' | undefined {
  if (kind === 'success') return 'success';
  if (signal?.aborted === true) return 'aborted';
  if (kind === 'terminal') return 'terminal';
  if (attempt >= maxAttempts) return 'attempts';
  if (delayMs === Infinity) return 'wait';
  return !sent || budgets === undefined || budgets.spend(model, time.readOrLast()) ? undefined : 'budget';
}

/** A response that nobody will read frees its connection, and its lease. */
async function drop(ended: Ended): Promise<void> {
  try {
    const { body } = resultOf((ended as { value?: unknown }).value) as { body?: { cancel?: () => unknown } };
    await body?.cancel?.();
  } catch {
    // It has none, or somebody reads it.
  }
}

/** Never shorter than `ms`, which may be more than platforms keep. */
async function pause(time: Time, ms: number, signal: SignalLike | undefined): Promise<void> {
  const until = time.readOrLast() + ms;
  for (let left = ms; left > 0; left -= DELAY_MAX_MS) await sleep(time.clock, Math.min(left, DELAY_MAX_MS), signal);
  const early = until - time.readOrLast();
  if (early > 0) await sleep(time.clock, Math.min(early, EARLY_MS), signal);
}

/** Budgets of governors that are not of this package. */
const budgets = new WeakMap<object, RetryBudgets>();

function budgetsOf(governor: object): Pick<RetryBudgets, 'earn' | 'spend'> {
  const own = internalsOf(governor)?.retries ?? budgets.get(governor);
  if (own !== undefined) return own;
  const made = new RetryBudgets(readRetryBudget(undefined));
  budgets.set(governor, made);
  return made;
}

function readTerms(options: WithRetryOptions): Terms {
  refuseOthers(options, 'options', OPTIONS);
  const { governor, readAnswer, retryIf, onAttempt, seed, clock } = options;
  if (governor != null) readGovernor(governor, 'options.governor');
  const internals = governor == null ? undefined : internalsOf(governor);
  const model = options.model ?? '';
  readId(model, 'options.model', 0, internals?.idBytes ?? Infinity);
  for (const [name, fn] of Object.entries({ readAnswer, retryIf, onAttempt }))
    if (fn != null) readFunction(fn, `options.${name}`);
  if (seed != null && !isSeed(seed)) throw bad('options.seed', seed, SEEDS);
  if (clock != null && !isClock(clock)) throw bad('options.clock', clock, 'a clock with timers');
  return {
    time: new Time(clock ?? clockOf(governor ?? {})),
    readAnswer: readAnswer ?? internals?.readerFor?.(model),
    retryIf,
    maxAttempts: readCount(options.maxAttempts, 'options.maxAttempts', ATTEMPTS_MAX),
    maxWaitMs: readMs(options.maxWaitMs, 'options.maxWaitMs', { absent: WAIT_MAX_MS, infinite: true }),
    initialBackoffMs: readMs(options.initialBackoffMs, 'options.initialBackoffMs', { absent: BACKOFF_MS, open: true }),
    maxBackoffMs: readMs(options.maxBackoffMs, 'options.maxBackoffMs', { absent: BACKOFF_MAX_MS, open: true }),
    signal: readSignal(options.signal),
    random: randomFrom(seed ?? undefined),
    budgets: governor == null ? undefined : budgetsOf(governor),
    model,
    report: (report) => void (onAttempt && tell(onAttempt, report)),
  };
}

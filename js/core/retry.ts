/** Retrying by hand, where no queue is wanted. */
import { bad, readCount, readMs, readSignal } from './input.ts';
import { clockOf } from './internals.ts';
import { refuseOthers } from './properties.ts';
import { abortReason, sleep } from './timers.ts';
import { systemClock } from './clock.ts';
import type {
  AcquireDecision,
  AcquireRequest,
  ClockWithTimers,
  GovernorLike,
  RetryOptions,
  SignalLike,
} from './types.ts';

const ATTEMPTS_MAX = 3;

/** Options of `waitForRetry`. */
export interface WaitForRetryOptions {
  /** Ends the pause; the promise rejects with `signal.reason`. */
  signal?: SignalLike | null | undefined;
  /** Whose time to wait in, e.g. a test clock. Default: the platform's timers. */
  clock?: ClockWithTimers | null | undefined;
}

/**
 * Sleeps as long as a denial suggests (`retryAfterMs`). Comes back without a pause after a grant, and after a denial that
 * waiting can never change (`retryAt: null`): do not ask again then.
 *
 * @throws InputError for bad arguments, the signal's reason when it is aborted before
 *
 * @example
 * const decision = governor.acquire(request);
 * if (!decision.granted && decision.retryAt !== null) {
 *   await waitForRetry(decision);
 *   governor.acquire(request);
 * }
 */
export async function waitForRetry(decision: AcquireDecision, options?: WaitForRetryOptions | null): Promise<void> {
  if (typeof decision?.granted !== 'boolean') throw bad('decision', decision, 'what `acquire` returned');
  const signal = readSignal(options?.signal);
  if (signal?.aborted === true) throw abortReason(signal);
  if (decision.granted) return;
  // Through a timer even without a pause, so that a loop that goes on asking does not starve everything else.
  const { retryAt, retryAfterMs } = decision;
  const pauseMs = retryAt === null ? 0 : readMs(retryAfterMs ?? NaN, 'decision.retryAfterMs', { absent: 0 });
  await sleep(options?.clock ?? systemClock, pauseMs, signal);
}

/**
 * Asks up to `maxAttempts` times, sleeping `retryAfterMs` in between. Stops at once when waiting can never help.
 *
 * @throws InputError for bad arguments, the signal's reason when it is aborted
 * @returns the grant, or the last denial
 *
 * @example
 * const decision = await retryAcquire(governor, { actorId: 'user-1', action: 'chat' }, { maxAttempts: 5 });
 */
export async function retryAcquire<G extends Pick<GovernorLike, 'acquire'>>(
  governor: G,
  request: AcquireRequest,
  options?: RetryOptions | null,
): Promise<ReturnType<G['acquire']>> {
  if (typeof governor?.acquire !== 'function') throw bad('governor', governor, 'an object with acquire');
  refuseOthers(options ?? {}, 'options', ['maxAttempts', 'signal']);
  const maxAttempts = readCount(options?.maxAttempts, 'options.maxAttempts', ATTEMPTS_MAX);
  const signal = readSignal(options?.signal);
  if (signal?.aborted === true) throw abortReason(signal);
  for (let attempt = 1; ; attempt++) {
    const decision = governor.acquire(request) as ReturnType<G['acquire']>;
    if (decision.granted || decision.retryAt === null || attempt >= maxAttempts) return decision;
    await waitForRetry(decision, { clock: clockOf(governor), signal });
  }
}

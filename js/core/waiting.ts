/**
 * Asking a governor, with or without waiting. Ours has a queue that wakes a waiter at once and in order; anything else
 * is polled with the documented bounds.
 */
import { readClock } from './clock.ts';
import { clockOf, queueOf } from './internals.ts';
import { abortReason, sleep } from './timers.ts';
import type { AcquireDecision, AcquireRequest, GovernorLike, SignalLike, TokenEstimate, Wait } from './types.ts';

/** First pause between two attempts in ms. */
export const BACKOFF_START_MS = 250;
/** Pauses double up to this, in ms. */
export const BACKOFF_MAX_MS = 5000;

/** Bounds of a polling wait. */
export interface PollBounds {
  /** Most attempts, the first one counted. */
  maxAttempts: number;
  /** Most time between the first attempt and the last, in ms. */
  maxWaitMs: number;
  /** First pause in ms, doubling to `BACKOFF_MAX_MS`. */
  initialBackoffMs: number;
  signal?: SignalLike | null | undefined;
}

/** The time that the pauses of `bounds` would take at most, in ms. */
export function pollTimeMs({ maxAttempts, maxWaitMs, initialBackoffMs }: PollBounds): number {
  let total = 0;
  let pauses = maxAttempts - 1;
  for (let pause = initialBackoffMs; pauses > 0 && pause < BACKOFF_MAX_MS; pause *= 2) {
    total += pause;
    pauses--;
  }
  return Math.min(total + pauses * BACKOFF_MAX_MS, maxWaitMs);
}

/**
 * Asks again and again, with doubling pauses, until a grant, a bound, or a denial that waiting can never change.
 *
 * @throws the signal's reason when it is aborted; then nothing is held
 */
export async function poll(
  governor: Pick<GovernorLike, 'acquire'>,
  request: AcquireRequest,
  bounds: PollBounds,
): Promise<AcquireDecision> {
  const { maxAttempts, maxWaitMs, signal } = bounds;
  if (signal?.aborted === true) throw abortReason(signal);
  const clock = clockOf(governor);
  const start = readClock(clock);
  let pause = bounds.initialBackoffMs;
  for (let attempt = 1; ; attempt++) {
    const decision = governor.acquire(request);
    if (decision.granted || decision.retryAt === null || attempt >= maxAttempts) return decision;
    const left = maxWaitMs - (readClock(clock) - start);
    if (!(left > 0)) return decision;
    await sleep(clock, Math.min(pause, BACKOFF_MAX_MS, left), signal);
    pause *= 2;
  }
}

/**
 * A request without the parts that are absent: objects of the user's need not know `null` or `undefined` there. Assigned one
 * by one, which costs engines a fraction of what spreading does.
 */
export function requestOf(
  { actorId, model, tenant, priority }: Pick<AcquireRequest, 'actorId' | 'model' | 'tenant' | 'priority'>,
  action: string,
  estimate?: TokenEstimate | null,
  idempotencyKey?: string | null,
): AcquireRequest {
  const request: AcquireRequest = { actorId, action };
  if (model != null) request.model = model;
  if (tenant != null) request.tenant = tenant;
  if (priority != null) request.priority = priority;
  if (estimate != null) request.estimate = estimate;
  if (idempotencyKey != null) request.idempotencyKey = idempotencyKey;
  return request;
}

/**
 * Asks once without `wait`; with it, waits: in the queue of a governor of this package, else by polling.
 *
 * Whoever is granted takes the lease with `holdLease` and ends it with what that returns.
 *
 * @throws InputError for a bad request
 * @returns the decision itself without `wait`, a promise of it with `wait`
 */
export function acquireWith(
  governor: GovernorLike,
  request: AcquireRequest,
  wait?: Wait | null,
): AcquireDecision | Promise<AcquireDecision> {
  if (wait === undefined || wait === null) return governor.acquire(request);
  const queue = queueOf(governor);
  if (queue !== undefined) return queue.enter(request, wait);
  const { timeoutMs, deadline, signal } = wait;
  const untilDeadline = (deadline ?? Infinity) - readClock(clockOf(governor));
  const maxWaitMs = Math.min(timeoutMs ?? Infinity, untilDeadline);
  return poll(governor, request, { maxAttempts: Infinity, maxWaitMs, initialBackoffMs: BACKOFF_START_MS, signal });
}

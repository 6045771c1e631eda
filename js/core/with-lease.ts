/** Runs a function under a lease: acquire, call, report, release. */
import { openCall } from './call.ts';
import { readCount, readFunction, readGovernor, readMs, readSignal } from './input.ts';
import { queueOf } from './internals.ts';
import { refuseOthers } from './properties.ts';
import { abortReason } from './timers.ts';
import type {
  AcquireDecision,
  AcquireGranted,
  AcquireRequest,
  DeniedBy,
  GovernorLike,
  WithLeaseOptions,
  WithLeaseResult,
  WithLeaseStrategy,
} from './types.ts';
import { BACKOFF_START_MS, poll, pollTimeMs, type PollBounds } from './waiting.ts';

const OPTIONS: readonly (keyof WithLeaseOptions)[] = [
  'strategy',
  'wait',
  'maxWaitMs',
  'maxAttempts',
  'initialBackoffMs',
  'signal',
];
const WAIT_MAX_MS = 10_000;
const ATTEMPTS_MAX = 3;

/** `strategy` beats the deprecated `wait`; whatever is unknown means `deny`. */
function strategyOf(options: WithLeaseOptions): WithLeaseStrategy {
  const { strategy, wait } = options;
  if (strategy === undefined || strategy === null) return wait === true ? 'wait' : 'deny';
  return strategy === 'wait' || strategy === 'wait-then-deny' ? strategy : 'deny';
}

function boundsOf(options: WithLeaseOptions, strategy: WithLeaseStrategy): PollBounds {
  const maxAttempts = readCount(options.maxAttempts, 'options.maxAttempts', ATTEMPTS_MAX);
  return {
    maxAttempts: strategy === 'wait' ? Infinity : maxAttempts,
    maxWaitMs: readMs(options.maxWaitMs, 'options.maxWaitMs', { absent: WAIT_MAX_MS, infinite: true }),
    initialBackoffMs: readMs(options.initialBackoffMs, 'options.initialBackoffMs', {
      absent: BACKOFF_START_MS,
      open: true,
    }),
    signal: readSignal(options.signal),
  };
}

function ask(
  governor: GovernorLike,
  request: AcquireRequest,
  options: WithLeaseOptions,
): AcquireDecision | Promise<AcquireDecision> {
  const strategy = strategyOf(options);
  const bounds = boundsOf(options, strategy);
  const { signal } = bounds;
  if (signal?.aborted === true) throw abortReason(signal);
  if (strategy === 'deny') return governor.acquire(request);
  const queue = queueOf(governor);
  // The queue wakes a waiter at once; what polling would have taken at most stays the bound of the wait.
  return queue === undefined
    ? poll(governor, request, bounds)
    : queue.enter(request, { signal, timeoutMs: pollTimeMs(bounds) });
}

/**
 * Runs `fn` under a lease and releases it afterwards, whatever happens, with the outcome and the latency.
 *
 * Calls under one `idempotencyKey` share a lease, which ends with the last of them.
 *
 * @param fn gets the grant; is not called when the request is denied
 * @returns the result of `fn`, or the denial
 * @throws what `fn` throws, the signal's reason when it is aborted while waiting, InputError for bad arguments
 *
 * @example
 * const result = await withLease(governor, { actorId: 'user-1', action: 'chat' }, () => callMyModel(), { strategy: 'wait' });
 * if (result.granted) console.log(result.result);
 * else console.log(result.decision.recommendation);
 */
export async function withLease<T, G extends GovernorLike = GovernorLike>(
  governor: G,
  request: AcquireRequest,
  fn: (decision: AcquireGranted) => T | PromiseLike<T>,
  options?: WithLeaseOptions | null,
): Promise<WithLeaseResult<T, DeniedBy<G>>> {
  readGovernor(governor, 'governor');
  readFunction(fn, 'fn');
  refuseOthers(options ?? {}, 'options', OPTIONS);
  const answer = ask(governor, request, options ?? {});
  // Without waiting, the lease is taken and `fn` called before this function returns.
  const decision = 'then' in answer ? await answer : answer;
  if (!decision.granted) return { granted: false, decision: decision as DeniedBy<G> };
  const call = openCall(governor, request, decision);
  const signal = options?.signal;
  if (signal?.aborted === true) {
    call.end('cancelled');
    throw abortReason(signal);
  }
  try {
    const result = await fn(decision);
    call.end('success');
    return { granted: true, result };
  } catch (error) {
    call.fail(error);
    throw error;
  }
}

/**
 * One governed call: from its grant to the end of its lease. Ends once, whoever is first: the end of the answer, an
 * error, a cancellation, an unread stream.
 */
import { msSince, readClockOr } from '../../core/clock.ts';
import { holdLease } from '../../core/holders.ts';
import { clockOf } from '../../core/internals.ts';
import { abortReason } from '../../core/timers.ts';
import type {
  AcquireGranted,
  AcquireRequest,
  ClockWithTimers,
  LeaseOutcome,
  SignalLike,
  TokenEstimate,
  TokenUsage,
} from '../../core/types.ts';
import { unitsThatFit } from '../../core/utf8.ts';
import { acquireWith } from '../../core/waiting.ts';
import { idBytesOf } from './options.ts';
import { outcomeOfCall } from './outcome.ts';
import type { AdapterGovernor, AdapterOptions, AdapterResult, ExtractedUsage } from './types.ts';

export interface Call {
  readonly clock: ClockWithTimers;
  /** Time since the grant in ms, from 0. Never throws. */
  elapsed(): number;
  /** Bytes have arrived: prolongs the lease when half of its time is over. Never throws. */
  flow(): void;
  /** Ends the lease with a report. Idempotent, never throws. */
  end(outcome: LeaseOutcome, usage?: ExtractedUsage): void;
  /** Ends the lease with the outcome that `error` stands for. */
  fail(error: unknown): void;
  /** Called at the end, once. */
  onEnd?: () => void;
}

/**
 * Takes charge of a granted lease. Never throws: who is granted a lease must come to hold it.
 *
 * @param signal of the call: what its abort means for the outcome
 * @param released called when the lease has been given back
 */
export function openCall(
  governor: AdapterGovernor,
  request: AcquireRequest,
  grant: AcquireGranted,
  signal?: SignalLike | null,
  released?: () => void,
): Call {
  const clock = clockOf(governor);
  const start = readClockOr(clock, NaN);
  const ttl = grant.expiresAt - start;
  const release = holdLease(governor, request, grant);
  let renewAt = ttl / 2;
  let ended = false;
  const call: Call = {
    clock,
    elapsed: () => msSince(clock, start),
    flow() {
      const elapsed = call.elapsed();
      if (ended || !(elapsed >= renewAt)) return;
      renewAt = elapsed + ttl / 2;
      try {
        governor.renew?.(grant.leaseId);
      } catch {
        // A closed governor: the answer goes on, only its lease is gone.
      }
    },
    end(outcome, usage) {
      if (ended) return;
      ended = true;
      call.onEnd?.();
      release({ outcome, latencyMs: call.elapsed(), ...(usage && { usage: usage as TokenUsage }) });
      released?.();
    },
    fail: (error) => call.end(outcomeOfCall(error, signal)),
  };
  return call;
}

/** The default action of a call, cut to what the governor takes: a label of anybody's making must not fail the call. */
export function defaultAction(governor: AdapterGovernor, text: string): string {
  return text.slice(0, unitsThatFit(text, idBytesOf(governor)));
}

/** A request without the parts that are absent: objects of the user's need not know `null` or `undefined` there. */
export function requestOf(
  head: AcquireRequest,
  estimate?: TokenEstimate | null,
  idempotencyKey?: string | null,
): AcquireRequest {
  return { ...head, ...(estimate && { estimate }), ...(idempotencyKey != null && { idempotencyKey }) };
}

/**
 * Asks, and on a grant runs `run`, which must end the call, or have it ended later; what it throws ends it too.
 *
 * @throws what `run` throws; the reason of `signal` when it is aborted before the grant (then nothing is consumed)
 */
export async function governed<T>(
  { governor, wait }: AdapterOptions,
  request: AcquireRequest,
  signal: SignalLike | null | undefined,
  run: (call: Call) => PromiseLike<T> | T,
): Promise<AdapterResult<T>> {
  if (signal?.aborted) throw abortReason(signal);
  const answer = acquireWith(governor, request, wait && (signal ? { ...wait, signal } : wait));
  // Not a tick later than the grant: until its hold is taken, another call could end a shared lease.
  const decision = 'then' in answer ? await answer : answer;
  if (!decision.granted) return { ok: false, decision };
  const call = openCall(governor, request, decision, signal);
  try {
    const result = await run(call);
    return { ok: true, result, latencyMs: call.elapsed() };
  } catch (error) {
    call.fail(error);
    throw error;
  }
}

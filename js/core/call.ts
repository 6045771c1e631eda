/**
 * One call of a helper or adapter: from its grant to the end of its lease. Ends once, whoever is first: the end of the
 * answer, an error, a cancellation, an unread stream.
 */
import { msSince, readClockOr } from './clock.ts';
import { holdLease } from './holders.ts';
import { clockOf } from './internals.ts';
import { outcomeOfCall } from './outcome.ts';
import { answered, type Answered } from './pause.ts';
import type {
  AcquireGranted,
  AcquireRequest,
  ClockWithTimers,
  GovernorLike,
  LeaseOutcome,
  ReleaseReport,
  SignalLike,
  TokenUsage,
} from './types.ts';

/** Usage as those who look for it may find it. */
type ReportedUsage = { [Half in keyof TokenUsage]: TokenUsage[Half] | undefined } | null | undefined | void;

/** An object of the user's need not know how to prolong a lease. */
interface RenewableGovernor extends GovernorLike {
  renew?(leaseId: string): boolean;
}

export interface Call {
  readonly leaseId: string;
  readonly clock: ClockWithTimers;
  /** How long the lease lasts unless it is renewed, in ms; NaN where the clock did not tell. */
  readonly ttlMs: number;
  /** Time since the grant in ms, from 0. Never throws. */
  elapsed(): number;
  /**
   * The call is alive: prolongs the lease when half of its time is over. Never throws.
   * @param part whether a part of a stream has come that says something. The first is that of the report
   */
  flow(part?: boolean): void;
  /** The provider has answered: with a status, and perhaps asks for a pause. For the report. Never throws. */
  answered(response: unknown): void;
  /** Ends the lease with a report; without `usage`, with what `known` says then. Idempotent, never throws. */
  end(outcome: LeaseOutcome, usage?: ReportedUsage): void;
  /** Ends the lease with the outcome that `error` stands for. */
  fail(error: unknown): void;
  /** What the call is known to have used so far, asked at its end however that comes. Must not throw. */
  known?: () => ReportedUsage;
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
  governor: RenewableGovernor,
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
  let answer: Pick<ReleaseReport, 'firstTokenMs' | keyof Answered> = {};
  const call: Call = {
    leaseId: grant.leaseId,
    clock,
    ttlMs: ttl,
    elapsed: () => msSince(clock, start),
    flow(part) {
      const elapsed = call.elapsed();
      if (part) answer.firstTokenMs ??= elapsed;
      if (ended || !(elapsed >= renewAt)) return;
      renewAt = elapsed + ttl / 2;
      try {
        governor.renew?.(grant.leaseId);
      } catch {
        // A closed governor: the answer goes on, only its lease is gone.
      }
    },
    answered(response) {
      answer = { ...answer, ...answered(response, readClockOr(clock, NaN)) };
    },
    end(outcome, usage) {
      if (ended) return;
      ended = true;
      usage ??= call.known?.();
      call.onEnd?.();
      const report: ReleaseReport = { outcome, latencyMs: call.elapsed(), ...answer };
      if (usage) report.usage = usage as TokenUsage;
      release(report);
      released?.();
    },
    fail(error) {
      call.answered(error);
      call.end(outcomeOfCall(error, signal));
    },
  };
  return call;
}

import type { AnswerReader } from './answer.ts';
import type { ClockWithTimers } from './clock.ts';
import type { GovernorLike, SignalLike } from './helpers.ts';

/** Options of `withRetry`. */
export interface WithRetryOptions {
  /** Whose retry budget to spend, and whose clock to wait by. Default: no budget, and the platform's clock. */
  governor?: GovernorLike | null | undefined;
  /** The model that is called: each family has a budget of its own. Default: the one of calls without a model. */
  model?: string | null | undefined;
  /** Most attempts, the first one counted. Default 3. Range: an integer from 1, or Infinity. */
  maxAttempts?: number | null | undefined;
  /**
   * Most time to spend in pauses, all together, in ms. A server that wants a longer pause is not asked again. Default 60000.
   * Range: from 0 (no retry); Infinity obeys any pause.
   */
  maxWaitMs?: number | null | undefined;
  /** Upper end of the first pause in ms, where the answer names none; doubles with each attempt. Default 1000. Range: above 0, finite. */
  initialBackoffMs?: number | null | undefined;
  /** The upper end never doubles beyond this, in ms. Default 20000. Range: above 0, finite. */
  maxBackoffMs?: number | null | undefined;
  /** Ends the pauses; the promise rejects with `signal.reason`. Pass it to your call as well: that is not interrupted. */
  signal?: SignalLike | null | undefined;
  /**
   * Reads what providers say in their own ways: terminal refusals, and pauses in other headers or in the body. Default: the
   * `readAnswer` of the governor's configuration, with the dialect of the model; without one only status, `Retry-After` and
   * `retry-after-ms` are understood, and the usual codes of spent quota.
   */
  readAnswer?: AnswerReader | null | undefined;
  /** Whether to retry after an error that is no answer, time-out or failed connection. Default: never. */
  retryIf?: ((error: unknown) => boolean) | null | undefined;
  /** Is told of each attempt when it has ended. What it throws or rejects with is dropped. */
  onAttempt?: ((report: AttemptReport) => unknown) | null | undefined;
  /** Time and timers, e.g. a test clock. Default: those of `governor`, else the platform's. */
  clock?: ClockWithTimers | null | undefined;
  /** Makes the pauses repeatable. Default: drawn. Range: an integer from 0 to 2^53 - 1. */
  seed?: number | null | undefined;
}

/**
 * Why there is no further attempt: `terminal`, the same would come of it; `attempts`, there were `maxAttempts`; `wait`, the
 * pause would exceed `maxWaitMs`; `budget`, too many calls of the family are retries already; `aborted`, by the signal.
 */
export type RetryStop = 'terminal' | 'attempts' | 'wait' | 'budget' | 'aborted';

/** One attempt of `withRetry`. */
export type AttemptReport = {
  /** From 1. */
  readonly attempt: number;
  /** Of the answer, or of the error. Absent without one. */
  readonly status?: number;
  /** What was thrown. Absent where the attempt returned. */
  readonly error?: unknown;
} & (
  | { readonly outcome: 'success' }
  | {
      readonly outcome: 'retry';
      /** The pause before the next attempt, in ms. */
      readonly delayMs: number;
    }
  | { readonly outcome: 'failure'; readonly why: RetryStop }
);

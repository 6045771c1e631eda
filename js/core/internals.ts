/**
 * What helpers and adapters see of a governor beyond its public methods. It hangs on the governor under a symbol that
 * all copies of the package share, so an adapter needs neither the core nor the same copy of it.
 */
import { systemClock } from './clock.ts';
import type { Holders } from './holders.ts';
import type { RetryBudgets } from './retry-budget.ts';
import type {
  AnswerReader,
  AcquireDecision,
  AcquireRequest,
  ClockWithTimers,
  Diagnosis,
  GovernorLike,
  Wait,
} from './types.ts';

/** Key of `Internals` on every governor of this package. */
export const INTERNALS: unique symbol = Symbol.for('throttleai.governor') as never;

export interface Internals {
  /** The class's own `acquire`: differs from `governor.acquire` once somebody replaced it. */
  readonly acquire: unknown;
  /** Longest id and action in UTF-8 bytes. Absent on governors of earlier copies of the package. */
  readonly idBytes?: number;
  /** `diagnose` without `reserved`: takes time in proportion to limits, not to leases. Absent on earlier copies. */
  rooms?(request: AcquireRequest): Diagnosis;
  /** Time and timers of the governor. */
  readonly clock: ClockWithTimers;
  /** Holders of leases that several calls share under one idempotency key, by lease id; see `holders.ts`. */
  readonly holders: Holders;
  /** How many calls may be retries. Absent on governors of earlier copies of the package. */
  readonly retries?: Pick<RetryBudgets, 'earn' | 'spend'>;
  /** What reads answers of a model's provider, if it was configured. Absent on governors of earlier copies of the package. */
  readerFor?(model: string): AnswerReader | undefined;
  /** `acquireAsync`, with the hold of a shared lease reserved for the caller, who must take it with `holdLease`. */
  enter(request: AcquireRequest, wait: Wait): Promise<AcquireDecision>;
}

/** The internals of a governor of this package; undefined for an object of the user's. */
export function internalsOf(governor: object): Internals | undefined {
  return (governor as { [INTERNALS]?: Internals })[INTERNALS];
}

/** The internals if calls may wait in the governor's queue: it is ours, and nobody replaced its `acquire`. */
export function queueOf(governor: Pick<GovernorLike, 'acquire'>): Internals | undefined {
  const internals = internalsOf(governor);
  return internals?.acquire === governor.acquire ? internals : undefined;
}

/** Time and timers to use around calls of this governor. */
export function clockOf(governor: object): ClockWithTimers {
  return internalsOf(governor)?.clock ?? systemClock;
}

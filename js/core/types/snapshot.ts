import type { DenyReason } from './decision.ts';

/** A point-in-time view of a governor: a plain copy, never live state. */
export interface GovernorSnapshot {
  /** When it was taken, in ms of the governor's clock. */
  timestamp: number;
  /** Leases held. Expired ones count until they are swept. */
  activeLeases: number;
  /** `null` if concurrency is not limited. */
  concurrency: {
    inFlightWeight: number;
    inFlightCount: number;
    max: number;
    /** Below `max` while adaptive concurrency lowers it. */
    effectiveMax: number;
    available: number;
    /** @deprecated the same as `inFlightWeight` */
    active?: number;
  } | null;
  /** `null` if requests are not limited. */
  requestRate: { current: number; limit: number } | null;
  /** `null` if tokens are not limited. */
  tokenRate: { current: number; limit: number } | null;
  /** Whether fairness is on. */
  fairness: boolean;
  /** Whether adaptive concurrency is on. */
  adaptive: boolean;
  /** The most recent denial, `null` if there was none. */
  lastDeny: { reason: DenyReason; timestamp: number; actorId?: string } | null;
  /** Calls that wait in the queue. */
  waiting?: number;
  /** Actors remembered. */
  actors?: number;
  /**
   * Limits that count all calls together, follow a provider or are hidden, in the order of the configuration: what each counts now,
   * and its limit. Of a hidden one that is the estimate (`Infinity`, or the most it can be, until a call was refused), and
   * `bounds` are what it holds at least and at most, whichever way the provider counts.
   */
  limits?: { name: string; metric: string; used: number; limit: number; bounds?: [number, number] }[];
  /** Keys remembered by limits that count actors, models, tenants or actions apart. */
  keys?: number;
  /** Steps of the clock: small ones back that were clamped, larger ones taken as a change. */
  clock?: { stepsClamped: number; changes: number };
}

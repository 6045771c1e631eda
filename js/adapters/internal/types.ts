/** What the adapters share in their options and results. */
import type { AcquireDenied, GovernorLike, Priority, Wait } from '../../core/types.ts';

/** What an adapter needs of a governor: a `Governor`, or any object with `acquire` and `release`. */
export interface AdapterGovernor extends GovernorLike {
  /** Prolongs a lease; used, where it exists, while the bytes of a long answer flow. */
  renew?(leaseId: string, ttlMs?: number): boolean;
}

/** Options of every adapter. G = the governor's type: what it says when it denies is what results and callbacks get. */
export interface AdapterOptions<G extends AdapterGovernor = AdapterGovernor> {
  /** Grants and takes back the leases. */
  governor: G;
  /**
   * Wait for a lease instead of being denied at once. Default: no waiting. On a governor of this package a call waits in
   * its queue, on any other object it polls. The signal of the call, where it has one, takes the place of `wait.signal`.
   */
  wait?: Wait | null | undefined;
}

/** Who asks, and how urgently: options of the adapters that wrap a function. */
export interface CallerOptions {
  /** Who asks: the unit of fairness. Default `"default"`. Range: 1 to `caps.idBytes` (512) UTF-8 bytes. */
  actorId?: string | undefined;
  /** Default `"interactive"`; `wrapTool`: `"background"`. */
  priority?: Priority | undefined;
  /** Whose call it is, for limits per tenant. Default: nobody's. Range: 1 to `caps.idBytes` (512) UTF-8 bytes. */
  tenant?: string | undefined;
}

/** The call was made: its result. */
export interface AdapterGranted<T> {
  ok: true;
  /** What the wrapped function returned. */
  result: T;
  /** Time in ms from the grant to the result. A streamed answer is not over then; its lease lasts to its end. */
  latencyMs: number;
}

/** The call was not made. D = the denial, of a `Governor` with all its fields. */
export interface AdapterDenied<D extends AcquireDenied = AcquireDenied> {
  ok: false;
  /** Why, and when to try again. */
  decision: D;
}

/** What a wrapped call resolves to. What the call itself throws is thrown on, after the lease has ended. */
export type AdapterResult<T, D extends AcquireDenied = AcquireDenied> = AdapterGranted<T> | AdapterDenied<D>;

/** Tokens as the provider reported them. A missing half keeps its estimate. */
export interface ProviderUsage {
  promptTokens?: number | null | undefined;
  outputTokens?: number | null | undefined;
  /** Those of `promptTokens` that came from the provider's cache: they may have a price of their own. Default 0. */
  cachedTokens?: number | null | undefined;
}

/** What a function that looks for usage may find. */
export type ExtractedUsage = ProviderUsage | null | undefined | void;

/** Ready-made configurations. */
import type { GovernorConfig } from './types.ts';

/**
 * Starting points; each call returns a fresh object, so any field can be overridden.
 *
 * @example
 * const governor = createGovernor({ ...presets.balanced(), leaseTtlMs: 30_000 });
 */
export const presets: {
  /** One user, a command line: 1 call at a time, 10 requests a minute. */
  readonly quiet: () => GovernorConfig;
  /** A service: 5 at a time with 2 reserved for interactive calls, 60 requests and 100,000 tokens a minute, fairness. */
  readonly balanced: () => GovernorConfig;
  /** Batches: 20 at a time with 5 reserved, 300 requests and 500,000 tokens a minute, fairness, adaptive concurrency. */
  readonly aggressive: () => GovernorConfig;
} = {
  quiet: () => ({
    concurrency: { maxInFlight: 1 },
    rate: { requestsPerMinute: 10 },
    leaseTtlMs: 30_000,
  }),
  balanced: () => ({
    concurrency: { maxInFlight: 5, interactiveReserve: 2 },
    rate: { requestsPerMinute: 60, tokensPerMinute: 100_000 },
    fairness: true,
    leaseTtlMs: 60_000,
  }),
  aggressive: () => ({
    concurrency: { maxInFlight: 20, interactiveReserve: 5 },
    rate: { requestsPerMinute: 300, tokensPerMinute: 500_000 },
    fairness: true,
    adaptive: true,
    leaseTtlMs: 120_000,
  }),
};

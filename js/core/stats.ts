/** Counts events, without dependencies and without growing. */
import type { DenyReason, GovernorEvent, LeaseOutcome, StatsCollector, StatsSnapshot } from './types.ts';

interface Counts {
  grants: number;
  denials: number;
  denialsByReason: Record<DenyReason, number>;
  releases: number;
  expires: number;
  outcomes: Record<LeaseOutcome, number>;
  totalEvents: number;
  latencySamples: number;
  latencySum: number;
  minLatencyMs: number;
  maxLatencyMs: number;
}

function zero(): Counts {
  return {
    grants: 0,
    denials: 0,
    denialsByReason: { concurrency: 0, rate: 0, budget: 0, policy: 0 },
    releases: 0,
    expires: 0,
    outcomes: { success: 0, error: 0, timeout: 0, cancelled: 0 },
    totalEvents: 0,
    latencySamples: 0,
    latencySum: 0,
    minLatencyMs: Infinity,
    maxLatencyMs: -Infinity,
  };
}

/**
 * Makes a collector whose `handler` is passed as `onEvent`. All its functions work unbound.
 *
 * @example
 * const stats = createStatsCollector();
 * const governor = createGovernor({ ...presets.balanced(), onEvent: stats.handler });
 * stats.snapshot(); // { grants: 150, denials: 12, denyRate: 0.07, ... }
 */
export function createStatsCollector(): StatsCollector {
  let counts = zero();
  return {
    handler(event: GovernorEvent): void {
      counts.totalEvents++;
      if (event.type === 'acquire') counts.grants++;
      else if (event.type === 'expire') counts.expires++;
      else if (event.type === 'deny') {
        counts.denials++;
        counts.denialsByReason[event.reason]++;
      } else if (event.type === 'release') {
        counts.releases++;
        counts.outcomes[event.outcome]++;
      }
    },
    recordLatency(ms: number): void {
      if (!Number.isFinite(ms) || ms < 0) return;
      counts.latencySamples++;
      counts.latencySum += ms;
      counts.minLatencyMs = Math.min(counts.minLatencyMs, ms);
      counts.maxLatencyMs = Math.max(counts.maxLatencyMs, ms);
    },
    snapshot(): StatsSnapshot {
      const { latencySum, denialsByReason, outcomes, ...rest } = counts;
      const asked = counts.grants + counts.denials;
      return {
        ...rest,
        denies: counts.denials,
        denialsByReason: { ...denialsByReason },
        outcomes: { ...outcomes },
        denyRate: asked === 0 ? 0 : counts.denials / asked,
        avgLatencyMs: latencySum / counts.latencySamples,
      };
    },
    reset(): void {
      counts = zero();
    },
  };
}

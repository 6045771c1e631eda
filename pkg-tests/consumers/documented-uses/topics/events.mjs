/** Events, their lines, and the collector of numbers. */
const asked = { actorId: 'ann', action: 'chat' };

export function events({ throttleai: { createGovernor, createStatsCollector, createTestClock, formatEvent } }) {
  /** One of each kind: a call, a refused one, one held long, one that expires. */
  const oneOfEach = (onEvent) => {
    const clock = createTestClock();
    const config = { concurrency: { maxInFlight: 2 }, leaseTtlMs: 1_000, reaperIntervalMs: 500, strict: true };
    const governor = createGovernor({ ...config, onEvent, clock });
    const { leaseId } = governor.acquire({ ...asked, estimate: { weight: 2 } });
    governor.acquire(asked);
    clock.advance(900);
    governor.release(leaseId, { outcome: 'success', latencyMs: 900 });
    governor.acquire(asked);
    clock.advance(1_500);
  };

  return {
    'each kind as a line': () => {
      const lines = [];
      oneOfEach((event) => lines.push(formatEvent(event).replace(/lease=\S+/, 'lease=ID')));
      return lines.join(' | ');
    },
    'their fields': () => {
      const fields = {};
      oneOfEach(({ type, ...rest }) => (fields[type] = Object.keys(rest).sort().join(' ')));
      return JSON.stringify(fields);
    },
    'a collector as the handler': () => {
      const stats = createStatsCollector();
      oneOfEach(stats.handler);
      const { grants, denies, releases, expires, denyRate } = stats.snapshot();
      return `${grants} grants, ${denies} denies, ${releases} releases, ${expires} expires, denied ${denyRate.toFixed(2)}`;
    },
    // Events carry no latency: it is told separately.
    'the mean latency': () => {
      const stats = createStatsCollector();
      oneOfEach(stats.handler);
      const before = stats.snapshot().avgLatencyMs;
      for (const ms of [300, 380]) stats.recordLatency(ms);
      return `${before}, then ${stats.snapshot().avgLatencyMs}`;
    },
  };
}

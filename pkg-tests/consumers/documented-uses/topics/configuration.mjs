/** Presets, and every documented field of a configuration. */
const asked = { actorId: 'ann', action: 'chat' };

export function configuration({ throttleai: { createGovernor, createTestClock, presets } }) {
  const limitsOf = (config) => {
    const governor = createGovernor(config);
    const { concurrencyEffectiveMax: slots, rateLimit, tokenRateLimit } = governor;
    const { fairness, adaptive } = governor.snapshot();
    governor.close();
    return `${slots} slots, ${rateLimit} requests, ${tokenRateLimit} tokens, fair ${fairness}, adaptive ${adaptive}`;
  };

  return {
    'presets.quiet': () => limitsOf(presets.quiet()),
    'presets.balanced': () => limitsOf(presets.balanced()),
    'presets.aggressive': () => limitsOf(presets.aggressive()),

    'a field of a preset replaced': () => {
      const clock = createTestClock();
      const governor = createGovernor({ ...presets.balanced(), leaseTtlMs: 30_000, clock });
      return `a lease of ${governor.acquire(asked).expiresAt - clock.time} ms`;
    },

    'all fields at once': () => {
      const seen = [];
      const clock = createTestClock();
      const governor = createGovernor({
        concurrency: { maxInFlight: 4, interactiveReserve: 1 },
        rate: { requestsPerMinute: 20, tokensPerMinute: 8_000, windowMs: 30_000 },
        fairness: true,
        adaptive: true,
        strict: true,
        leaseTtlMs: 10_000,
        reaperIntervalMs: 1_000,
        onEvent: ({ type }) => seen.push(type),
        clock: clock.fn,
      });
      governor.release(governor.acquire(asked).leaseId, { outcome: 'success' });
      return seen.join(' ');
    },

    'the tuning fields of fairness and adaptive': () =>
      limitsOf({
        concurrency: { maxInFlight: 10 },
        fairness: { softCapRatio: 0.5, starvationWindowMs: 2_000 },
        adaptive: { alpha: 0.1, targetDenyRate: 0.1, latencyThreshold: 2, adjustIntervalMs: 1_000, minConcurrency: 2 },
      }),

    'a window of its own length': () => {
      const clock = createTestClock();
      const governor = createGovernor({ rate: { requestsPerMinute: 1, windowMs: 2_000 }, clock });
      governor.acquire(asked);
      const before = governor.acquire(asked).granted;
      clock.advance(2_000);
      return `${before}, then ${governor.acquire(asked).granted}`;
    },

    'slots kept for interactive calls': () => {
      const governor = createGovernor({ concurrency: { maxInFlight: 3, interactiveReserve: 2 } });
      const ask = (priority) => governor.acquire({ actorId: priority, action: 'embed', priority }).granted;
      return [ask('background'), ask('background'), ask('interactive'), ask('interactive')].join(' ');
    },

    'no limit but a handler': () => {
      const seen = [];
      createGovernor({ onEvent: ({ type }) => seen.push(type) }).acquire(asked);
      return seen.join(' ');
    },
  };
}

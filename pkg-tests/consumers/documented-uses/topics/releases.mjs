/** What `release` takes, and strict mode. */
const asked = { actorId: 'ann', action: 'chat' };
const OUTCOMES = ['success', 'error', 'timeout', 'cancelled'];

export function releases({ throttleai: { createGovernor, createStatsCollector } }) {
  const messageOf = (run) => {
    try {
      return `no error, ${run()}`;
    } catch ({ message }) {
      return message.replace(/lease-\S*?(?=")/, 'ID');
    }
  };
  /** Releases twice. */
  const twice = (governor) => {
    const { leaseId } = governor.acquire(asked);
    governor.release(leaseId);
    return messageOf(() => governor.release(leaseId));
  };

  return {
    'without a report': () => {
      const governor = createGovernor();
      governor.release(governor.acquire(asked).leaseId);
      return `${governor.activeLeases} leases`;
    },
    'each outcome': () => {
      const stats = createStatsCollector();
      const governor = createGovernor({ onEvent: stats.handler });
      for (const outcome of OUTCOMES) governor.release(governor.acquire(asked).leaseId, { outcome });
      return JSON.stringify(stats.snapshot().outcomes);
    },
    'a full report settles the estimate': () => {
      const governor = createGovernor({ rate: { tokensPerMinute: 5_000 } });
      const { leaseId } = governor.acquire({ ...asked, estimate: { promptTokens: 400, maxOutputTokens: 600 } });
      const estimated = governor.tokenRateCount;
      const usage = { promptTokens: 350, outputTokens: 120 };
      governor.release(leaseId, { outcome: 'success', latencyMs: 900, usage });
      return `${estimated} tokens, then ${governor.tokenRateCount}`;
    },
    twice: () => twice(createGovernor()),
    'twice, strict': () => twice(createGovernor({ strict: true })),
    unknown: () => messageOf(() => createGovernor().release('lease-of-nobody')),
    'unknown, strict': () => messageOf(() => createGovernor({ strict: true }).release('lease-of-nobody')),
  };
}

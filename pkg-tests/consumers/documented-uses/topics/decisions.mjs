/** What `acquire` takes and answers. */
const asked = { actorId: 'ann', action: 'chat' };

export function decisions({ throttleai: { createGovernor, createTestClock } }) {
  /** The last of `requests`, asked of a fresh governor whose clock stands still. */
  const lastOf = (config, ...requests) => {
    const governor = createGovernor({ ...config, clock: createTestClock() });
    const decision = requests.map((request) => governor.acquire({ ...asked, ...request })).at(-1);
    if (decision.granted) return 'granted';
    const { reason, retryAfterMs, recommendation, limitsHint } = decision;
    return `${reason} ${retryAfterMs} ${JSON.stringify(limitsHint)} "${recommendation}"`;
  };

  return {
    'a grant': () => {
      const { granted, leaseId, expiresAt, ...others } = createGovernor({ clock: createTestClock(1_000) }).acquire(
        asked,
      );
      return `${granted} ${typeof leaseId} until ${expiresAt}, nothing else ${Object.keys(others).length === 0}`;
    },
    'expiresAt on the platform’s clock': () => {
      const before = Date.now();
      const { expiresAt } = createGovernor({ leaseTtlMs: 30_000 }).acquire(asked);
      return expiresAt >= before + 30_000 && expiresAt <= Date.now() + 30_000;
    },
    'denied for concurrency': () => lastOf({ concurrency: { maxInFlight: 1 } }, {}, {}),
    'denied for requests': () => lastOf({ rate: { requestsPerMinute: 1 } }, {}, {}),
    'denied for tokens': () => {
      const estimate = { promptTokens: 300, maxOutputTokens: 400 };
      return lastOf({ rate: { tokensPerMinute: 1_000 } }, { estimate }, { estimate });
    },
    'denied by policy': () => lastOf({ concurrency: { maxInFlight: 4 }, fairness: true }, {}, {}, {}),
    // A documented reason that no documented field can give: budgets are among `limits`.
    'denied for a budget': () => {
      const estimate = { metrics: { costUsd: 3 } };
      const limits = [{ name: 'spend', metric: 'costUsd', limit: 5, window: '1h' }];
      return lastOf({ limits }, { estimate }, { estimate });
    },
    'the actor beside it': () =>
      lastOf({ concurrency: { maxInFlight: 4 }, fairness: true }, {}, {}, {}, { actorId: 'bob' }),
    'a call of weight 2': () =>
      lastOf({ concurrency: { maxInFlight: 3 } }, { estimate: { weight: 2 } }, { estimate: { weight: 2 } }),
    'priority without a word is interactive': () =>
      lastOf({ concurrency: { maxInFlight: 2, interactiveReserve: 1 } }, { priority: 'background' }, {}),
    'one idempotency key, one lease': () => {
      const governor = createGovernor({ rate: { requestsPerMinute: 10 } });
      const [first, second] = [1, 2].map(() => governor.acquire({ ...asked, idempotencyKey: 'draft-7' }));
      return `same ${first.leaseId === second.leaseId}, ${governor.activeLeases} lease, ${governor.rateCount} request`;
    },
  };
}

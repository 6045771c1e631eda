/** The snapshot, its line, and the getters. */
const asked = { actorId: 'ann', action: 'chat', estimate: { promptTokens: 30, maxOutputTokens: 70, weight: 2 } };
const GETTERS = [
  'activeLeases',
  'concurrencyActive',
  'concurrencyAvailable',
  'concurrencyEffectiveMax',
  'rateCount',
  'rateLimit',
  'tokenRateCount',
  'tokenRateLimit',
];

/** The documented fields only: the snapshot may have more. */
function documented({ concurrency, requestRate, tokenRate, ...rest }) {
  const pick = (from, ...names) => from && Object.fromEntries(names.map((name) => [name, from[name]]));
  return JSON.stringify({
    ...pick(rest, 'timestamp', 'activeLeases'),
    concurrency: pick(concurrency, 'inFlightWeight', 'inFlightCount', 'max', 'effectiveMax', 'available'),
    requestRate: pick(requestRate, 'current', 'limit'),
    tokenRate: pick(tokenRate, 'current', 'limit'),
    ...pick(rest, 'fairness', 'adaptive', 'lastDeny'),
  });
}

export function state({ throttleai: { createGovernor, createTestClock, formatSnapshot } }) {
  const busy = () => {
    const governor = createGovernor({
      concurrency: { maxInFlight: 3 },
      rate: { requestsPerMinute: 10, tokensPerMinute: 1_000 },
      clock: createTestClock(),
    });
    governor.acquire(asked);
    governor.acquire({ ...asked, actorId: 'bob' });
    return governor;
  };
  const gettersOf = (governor) => GETTERS.map((name) => `${name} ${governor[name]}`).join(', ');

  return {
    snapshot: () => documented(busy().snapshot()),
    'snapshot without limits': () => documented(createGovernor({ clock: createTestClock() }).snapshot()),
    formatSnapshot: () => formatSnapshot(busy().snapshot()),
    'formatSnapshot without a denial': () => {
      const governor = createGovernor({ concurrency: { maxInFlight: 5 }, rate: { requestsPerMinute: 60 } });
      for (let call = 0; call < 3; call++) governor.acquire({ actorId: 'ann', action: 'chat' });
      return formatSnapshot(governor.snapshot());
    },
    getters: () => gettersOf(busy()),
    'getters without limits': () => gettersOf(createGovernor()),
  };
}

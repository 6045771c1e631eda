/** What denials say, beyond the documented texts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, bench, denied, granted } from './support.ts';

test('each denial names the maximum of its own priority', (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 5, interactiveReserve: 2 } });
  const maxima = (['interactive', 'background', 'interactive'] as const).map((priority) => {
    const { recommendation, maxAllowed } = denied(governor.acquire(ask('a', { priority, estimate: { weight: 10 } })));
    return [maxAllowed, /at most (\d+)/.exec(recommendation)?.[1]];
  });
  assert.deepEqual(maxima, [
    [5, '5'],
    [3, '3'],
    [5, '5'],
  ]);
});

test('a call that can never fit is told so, and what could, also while slots are full', (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 }, rate: { tokensPerMinute: 10 }, fairness: true });
  granted(governor.acquire(ask('a')));
  for (const [estimate, maxAllowed, recommendation] of [
    [
      { promptTokens: 11 },
      10,
      '11 tokens can never be granted (at most 10/window). Waiting cannot help; ask for less.',
    ],
    [{ weight: 2 }, 1, 'Weight 2 can never be granted (at most 1). Waiting cannot help; ask for less.'],
  ] as const) {
    const decision = denied(governor.acquire(ask('a', { estimate })));
    assert.deepEqual(
      [decision.reason, decision.retryAt, decision.maxAllowed, decision.recommendation],
      ['concurrency', null, maxAllowed, recommendation],
    );
    assert.deepEqual(decision.limitsHint, { inFlight: 1, maxInFlight: 1 });
  }
});

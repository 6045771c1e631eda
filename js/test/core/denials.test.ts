/** What denials say, beyond the documented texts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, bench, denied } from './support.ts';

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

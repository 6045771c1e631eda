/** Random ends of many calls through governedFetch; a million of them with `node --import tsx bench/aborts.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../testing/random.ts';
import { abortStorm } from './abort-storm.ts';

test('whenever calls are aborted, cancelled or fail, no lease stays behind and each is released once', async () => {
  const { endings, granted, released, activeLeases, waiting } = await abortStorm(5000, createRandom(42));
  assert.deepEqual([activeLeases, waiting, released], [0, 0, granted]);
  const seen = Object.keys(endings).sort();
  assert.deepEqual(seen, ['aborted', 'cancelled', 'empty', 'failed', 'read'], 'each way to end has come');
  assert.ok(granted > 2500, `${granted} were granted`);
});

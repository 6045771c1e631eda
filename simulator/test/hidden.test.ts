/** Hidden limits, briefly: each way to count is found, by the governor that looks for it. `npm run sim -- hidden` plays more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BESIDE, HIDDEN } from '../hidden/contenders.ts';
import { play, type Place } from '../hidden/play.ts';
import { MINUTE_MS, WAYS } from '../hidden/provider.ts';
import { judge, LIMITS, WAY_NAMES } from '../hidden/targets.ts';

const SEEDS = [1, 2, 3];
const at = (way: string, limit = LIMITS[0]!): Place => ({ hidden: { way, ...limit }, load: 1.5 });

for (const way of WAY_NAMES) {
  test(`${way}: no way lets in more in a minute than it says, but for a bucket that was full`, () => {
    const letsIn = WAYS[way]!(60);
    let letIn = 0;
    for (let now = 0; now < 10 * MINUTE_MS; now += 250) letIn += Number(letsIn(now, 1));
    // A minute more of the bucket; of fixed windows that begin and end elsewhere.
    assert.ok(letIn >= 600 && letIn <= 660, `${letIn}`);
  });
  test(`${way}: it is known within two minutes`, async () => {
    for (const limit of LIMITS.slice(0, 2)) {
      const place = at(way, limit);
      const runs = [];
      for (const seed of SEEDS) runs.push(await play(place, seed, HIDDEN));
      const missed = judge([{ place, runs }]).filter(({ holds }) => !holds);
      assert.deepEqual(missed, []);
      for (const { used, share } of runs) assert.ok(used >= 0.9 && share <= 0.02, `${used} used, ${share} refused`);
    }
  });
}

test('a target that is missed is found', async () => {
  const place = at(WAY_NAMES[0]!);
  const adaptive = BESIDE.find(({ name }) => name === 'adaptive')!;
  const missed = judge([{ place, runs: [await play(place, 1, adaptive)] }]).filter(({ holds }) => !holds);
  assert.equal(missed.length, 3);
});

test('who is told the limit is not refused, and a seed is a run', async () => {
  const place = at(WAY_NAMES[0]!);
  const [told] = BESIDE;
  const { refused, share, used } = await play(place, 1, told!);
  assert.ok(refused === 0 && share === 0 && used > 0.9);
  assert.deepEqual(await play(place, 1, HIDDEN), await play(place, 1, HIDDEN));
});

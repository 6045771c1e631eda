/**
 * The trap of js/test/core/traps.test.ts that a library of today still has, shown on that library: the test there means
 * something. The others are mended in the versions that are compared.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { World } from '../../js/testing/simulator/world.ts';
import { installLibraries } from '../../bench/libraries/install.ts';
import { reservoirOfOne } from '../../bench/libraries/reservoir.ts';
import { virtualPlatform } from '../schedulers/libraries.ts';

installLibraries();
const SECOND_MS = 1000;

/** How many of four calls have run after ten seconds, where one is let through a second. */
async function callsRun(changed: boolean): Promise<number> {
  const world = new World(1, 10 * SECOND_MS);
  const restore = virtualPlatform(world);
  try {
    let ran = 0;
    const reservoir = await reservoirOfOne(SECOND_MS);
    if (changed) reservoir.refill(1);
    for (let n = 0; n < 4; n++) void reservoir.call(async () => void ran++);
    await world.run();
    void reservoir.close(); // It would wait for a timer.
    return ran;
  } finally {
    restore();
  }
}

// https://github.com/SGrondin/bottleneck/issues/185
it('bottleneck: changed settings stop the refill', async () => {
  assert.deepEqual([await callsRun(false), await callsRun(true)], [4, 1]);
});

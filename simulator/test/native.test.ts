/** A run of the governor in wasm, command for command in the native core. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { playWith } from '../cell.ts';
import { prepareNative } from '../native.ts';
import { SCENARIOS } from '../scenarios/index.ts';
import { GOVERNOR } from '../schedulers/index.ts';
import { playWith as playAdaptation } from '../adaptation/cell.ts';
import { PROVIDERS } from '../adaptation/scenario.ts';
import { playWith as playHidden } from '../hidden/play.ts';
import { LIMITS } from '../hidden/targets.ts';

it('the native core answers as the one in wasm', async () => {
  const natively = await prepareNative();
  for (const name of ['F1', 'F7', 'W4']) {
    const scenario = SCENARIOS.find((item) => item.name === name)!;
    const commands = await natively(name, playWith({ scenario, terms: scenario.terms, contender: GOVERNOR }, 1));
    assert.ok(commands > 1000, `${name}: ${commands}`);
  }
  for (const scenario of PROVIDERS.filter(({ name }) => ['ps', 'rpm-429'].includes(name))) {
    const commands = await natively(scenario.name, playAdaptation({ scenario, load: 1.5, variant: '' }, 1));
    assert.ok(commands > 10_000, `${scenario.name}: ${commands}`);
  }
  const commands = await natively('hidden', playHidden({ hidden: { way: 'bucket', ...LIMITS[1]! }, load: 1.5 }, 1));
  assert.ok(commands > 10_000, `hidden: ${commands}`);
});

/**
 * What every bundle does: the scenario of the main entry, and one call through an adapter. Takes the modules as arguments,
 * so that it does not matter how the consumer got hold of them.
 */
import { EXPECTED as SCENARIO, scenario } from '../scenario.mjs';

export const EXPECTED = `${SCENARIO} | 8 adapters, tool true 42`;

export async function run(throttleai, adapters) {
  const governor = throttleai.createGovernor(throttleai.presets.quiet());
  const tool = adapters.wrapTool(async (number) => number + 1, { governor, toolId: 'add' });
  const { ok, result } = await tool(41);
  governor.close();
  const loaded = Object.values(adapters).filter((adapter) => typeof adapter === 'function').length;
  return `${await scenario(throttleai)} | ${loaded} adapters, tool ${ok} ${result}`;
}

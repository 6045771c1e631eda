/** The package under the other documented name, as the alias of docs/moving.md installs it. */
import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';

const installed = new URL('../../node_modules/throttleai', import.meta.url);
const aliased = new URL('../node_modules/@mcptoolshop/throttleai', import.meta.url);
const require = createRequire(import.meta.url);

export function names({ throttleai }) {
  cpSync(installed, aliased, { recursive: true });

  const same = async (other) => {
    const missing = Object.keys(throttleai).filter((name) => typeof other[name] !== typeof throttleai[name]);
    const { createGovernor, presets, withLease } = other;
    const governor = createGovernor(presets.balanced());
    const { result } = await withLease(governor, { actorId: 'ann', action: 'chat' }, async () => 'said');
    return `${result}, ${missing.length} names missing`;
  };

  return {
    'the other name, imported': async () => same(await import('@mcptoolshop/throttleai')),
    'the other name, required': () => same(require('@mcptoolshop/throttleai')),
    'an adapter under the other name': async () =>
      Object.keys(await import('@mcptoolshop/throttleai/adapters/fetch')).join(' '),
  };
}

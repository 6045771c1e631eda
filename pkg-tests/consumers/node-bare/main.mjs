// What jest-environment-jsdom, old Workers and other sandboxes lack.
import { scenario } from '../scenario.mjs';

for (const name of ['TextDecoder', 'TextEncoder', 'FinalizationRegistry', 'WeakRef', 'crypto', 'Buffer', 'atob']) {
  delete globalThis[name];
}
console.log(await scenario(await import('throttleai')));

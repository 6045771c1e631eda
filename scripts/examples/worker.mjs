/**
 * `worker.mjs FOLDER`: what `wrangler dev` does with a Worker, in short. Reads its wrangler.jsonc, bundles it with the
 * condition `workerd` and the wasm as a module beside it, runs it in workerd against a mock provider, and prints what
 * its clients see.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleWorker } from '../../pkg-tests/drivers/lib/worker.mjs';
import { here } from '../../pkg-tests/lib/install.mjs';

const folder = process.argv[2];
const fromTools = createRequire(join(here, 'package.json'));
const fromFolder = createRequire(join(folder, 'package.json'));
const { Miniflare } = await import(pathToFileURL(fromTools.resolve('miniflare')).href);
const { createMockProvider, createTestClock } = fromFolder('throttleai/testing');

const jsonc = readFileSync(join(folder, 'wrangler.jsonc'), 'utf8');
const json = jsonc.replace(/^\s*\/\/.*$/gm, '').replace(/,(\s*[}\]])/g, '$1');
const { main, compatibility_date: compatibilityDate, vars } = JSON.parse(json);

// The provider's time moves only when told, so that calls overlap for certain.
const clock = createTestClock();
const provider = await createMockProvider({ clock, latency: { medianMs: 1_000 } });
const { modules } = await bundleWorker(join(folder, main));
const bindings = { ...vars, PROVIDER_URL: provider.baseURL };
const miniflare = new Miniflare({ compatibilityDate, modules, bindings });

const post = (user) =>
  miniflare.dispatchFetch('http://localhost/ai/chat', {
    method: 'POST',
    headers: { authorization: user, 'x-actor-id': 'somebody-else' },
    body: JSON.stringify({ prompt: 'Hello' }),
  });
const health = async () => (await miniflare.dispatchFetch('http://localhost/health')).text();

try {
  const stranger = await post('nobody');
  console.log(`without a login: ${stranger.status} ${await stranger.text()}`);

  const calls = [post('Bearer token-ann'), post('Bearer token-ann'), post('Bearer token-ann')];
  const denied = await Promise.race(calls);
  const { reason } = await denied.json();
  console.log(`one of three calls of ann: ${denied.status}, ${reason}`);

  while (provider.stats().inFlight < 2) await new Promise((resolve) => setImmediate(resolve));
  console.log(`while two run: ${await health()}`);
  clock.advance(60_000);
  for (const call of calls) {
    const response = await call;
    if (response.status === 429) continue; // read above
    const lines = (await response.text()).trim().split('\n');
    console.log(`${response.status}, a stream that ends with "${lines.at(-1)}"`);
  }
  console.log(`afterwards: ${await health()}`);
} finally {
  await miniflare.dispose();
  await provider.close();
}

/** `workerd.mjs MAIN DATE [CONDITION]`: bundles a Worker, runs it in workerd by miniflare, prints the body of one request. */
import { Miniflare } from 'miniflare';
import { bundleWorker } from './lib/worker.mjs';

const [main, compatibilityDate, condition] = process.argv.slice(2);
const { exports, modules } = await bundleWorker(main, condition);
const miniflare = new Miniflare({
  compatibilityDate,
  modules,
  durableObjects: exports.includes('Gate') ? { GATE: 'Gate' } : {},
  cf: false, // what it would look up on the network
});
try {
  const response = await miniflare.dispatchFetch('http://localhost/');
  console.log(await response.text());
} finally {
  await miniflare.dispose();
}

/**
 * `workerd.mjs MAIN DATE [CONDITION [CLIENT]]`: bundles a Worker, runs it in workerd by miniflare, prints the body of one request,
 * or what the module CLIENT sees when it visits the Worker.
 */
import { pathToFileURL } from 'node:url';
import { Miniflare } from 'miniflare';
import { bundleWorker } from './lib/worker.mjs';

const [main, compatibilityDate, condition, client] = process.argv.slice(2);
const { exports, modules } = await bundleWorker(main, condition);
const miniflare = new Miniflare({
  compatibilityDate,
  modules,
  durableObjects: exports.includes('Gate') ? { GATE: 'Gate' } : {},
  cf: false, // what it would look up on the network
});
try {
  if (client === undefined) console.log(await (await miniflare.dispatchFetch('http://localhost/')).text());
  else console.log(await (await import(pathToFileURL(client))).visit((await miniflare.ready).origin));
} finally {
  await miniflare.dispose();
}

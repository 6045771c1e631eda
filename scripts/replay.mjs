/**
 * Replays traces that were recorded natively in the wasm build for tests: every answer, digest for digest.
 *
 *     node scripts/replay.mjs FOLDER    every *.trace in it; the last line is `N passed, N failed`
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at } from './lib/paths.mjs';

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node scripts/replay.mjs FOLDER');
  process.exit(2);
}
const { createGlue } = await import(at('build/lab/glue.js'));
const { TextDecoder, TextEncoder, FinalizationRegistry } = globalThis;
const glue = createGlue({ TextDecoder, TextEncoder, FinalizationRegistry });
const module = new WebAssembly.Module(readFileSync(at('build/lab/throttleai.wasm')));
const { exports } = new WebAssembly.Instance(module, { './throttleai_bg.js': glue });
glue.__wbg_set_wasm(exports);
exports.__wbindgen_start();

let [passed, failed, inputs] = [0, 0, 0];
for (const file of readdirSync(folder).filter((name) => name.endsWith('.trace'))) {
  try {
    inputs += Number.parseInt(glue.replay(readFileSync(join(folder, file))), 10);
    passed += 1;
  } catch (error) {
    console.error(`${file}: ${error}`);
    failed += 1;
  }
}
console.log(`${inputs} commands answered in wasm as natively`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

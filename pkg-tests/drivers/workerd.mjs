/**
 * `workerd.mjs MAIN DATE [CONDITION]`: bundles a Worker the way Cloudflare's tools do (condition `workerd`, the wasm as a
 * module beside it), runs it in workerd and prints the body of one request. With another condition the wasm must be
 * inside the bundle.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Miniflare } from 'miniflare';
import { rolldown } from 'rolldown';

const [main, compatibilityDate, condition = 'workerd'] = process.argv.slice(2);
const WASM = 'throttleai.wasm';
let wasmFile;

const build = await rolldown({
  input: main,
  cwd: dirname(main),
  resolve: { conditionNames: [condition, 'import', 'default'] },
  plugins: [
    {
      name: 'wasm-module',
      resolveId(source, importer) {
        if (!source.endsWith(`${WASM}?module`)) return null;
        wasmFile = join(dirname(importer), WASM);
        return { id: `./${WASM}`, external: true };
      },
    },
  ],
});
const { output } = await build.generate({ format: 'esm', codeSplitting: false });
const [script, ...others] = output;
if (others.length > 0) throw new Error(`expected one chunk, got ${others.length + 1}`);
if ((wasmFile !== undefined) !== (condition === 'workerd'))
  throw new Error(`condition ${condition}: wasm is ${wasmFile}`);

const miniflare = new Miniflare({
  compatibilityDate,
  modules: [
    { type: 'ESModule', path: 'main.mjs', contents: script.code },
    ...(wasmFile === undefined ? [] : [{ type: 'CompiledWasm', path: WASM, contents: readFileSync(wasmFile) }]),
  ],
  durableObjects: script.exports.includes('Gate') ? { GATE: 'Gate' } : {},
});
try {
  const response = await miniflare.dispatchFetch('http://localhost/');
  console.log(await response.text());
} finally {
  await miniflare.dispose();
}

/** Bundles a Worker the way Cloudflare's tools do. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';

const WASM = 'throttleai.wasm';

/**
 * @param {string} main
 * @param {string} condition with `workerd` the wasm is a module beside the script; with others it must be inside
 * @returns {Promise<{ exports: string[], modules: { type: 'ESModule' | 'CompiledWasm', path: string, contents }[] }>}
 */
export async function bundleWorker(main, condition = 'workerd') {
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
  const modules = [{ type: 'ESModule', path: 'main.mjs', contents: script.code }];
  if (wasmFile !== undefined) modules.push({ type: 'CompiledWasm', path: WASM, contents: readFileSync(wasmFile) });
  return { exports: script.exports, modules };
}

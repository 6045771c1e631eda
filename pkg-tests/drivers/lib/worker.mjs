/** Bundles a Worker the way Cloudflare's tools do. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';

/** What the entries for edges import. */
const WASM = /([\w-]+\.wasm)\?module$/;

/**
 * @param {string} main
 * @param {string} condition with `workerd` the wasm is a module beside the script; with others it must be inside
 * @returns {Promise<{ exports: string[], modules: { type: 'ESModule' | 'CompiledWasm', path: string, contents }[] }>}
 */
export async function bundleWorker(main, condition = 'workerd') {
  /** By their names beside the script. */
  const files = new Map();
  const build = await rolldown({
    input: main,
    cwd: dirname(main),
    resolve: { conditionNames: [condition, 'import', 'default'] },
    plugins: [
      {
        name: 'wasm-module',
        resolveId(source, importer) {
          const name = WASM.exec(source)?.[1];
          if (name === undefined) return null;
          files.set(name, join(dirname(importer), name));
          return { id: `./${name}`, external: true };
        },
      },
    ],
  });
  const { output } = await build.generate({ format: 'esm', codeSplitting: false });
  const [script, ...others] = output;
  if (others.length > 0) throw new Error(`expected one chunk, got ${others.length + 1}`);
  if (files.size > 0 !== (condition === 'workerd'))
    throw new Error(`condition ${condition}: wasm is ${[...files.keys()]}`);
  const wasm = [...files].map(([path, file]) => ({ type: 'CompiledWasm', path, contents: readFileSync(file) }));
  return { exports: script.exports, modules: [{ type: 'ESModule', path: 'main.mjs', contents: script.code }, ...wasm] };
}

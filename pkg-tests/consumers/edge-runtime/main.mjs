/**
 * `main.mjs CONDITION`: bundles the handler, runs it in edge-runtime and prints what it answers. With `edge-light` the wasm
 * becomes a file and the platform passes it in as a module, as Vercel does; with `browser` it is text in the bundle.
 */
import { readFileSync } from 'node:fs';
import { EdgeRuntime } from 'edge-runtime';
import { build } from 'esbuild';

const [condition] = process.argv.slice(2);
const outdir = `out/edge-runtime-${condition}`;

/** `import module from './throttleai.wasm?module'`: a file beside the bundle, which the platform compiles. */
const wasmModule = {
  name: 'wasm-module',
  setup({ onLoad }) {
    onLoad({ filter: /\.wasm$/ }, ({ path, suffix }) =>
      suffix === '?module'
        ? { contents: `import file from '${path}'; export default wasmModules[file];` }
        : { contents: readFileSync(path), loader: 'file' },
    );
  },
};

await build({
  entryPoints: ['edge-runtime/handler.mjs'],
  outdir,
  bundle: true,
  format: 'iife',
  conditions: [condition],
  assetNames: '[name]',
  plugins: [wasmModule],
});
const runtime = new EdgeRuntime({
  initialCode: readFileSync(`${outdir}/handler.js`, 'utf8'),
  extend: (context) => (condition === 'edge-light' ? Object.assign(context, { wasmModules: compiled() }) : context),
});
const response = await runtime.dispatchFetch('http://localhost/');
console.log(await response.text());

function compiled() {
  return { './throttleai.wasm': new WebAssembly.Module(readFileSync(`${outdir}/throttleai.wasm`)) };
}

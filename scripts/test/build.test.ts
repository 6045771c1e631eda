/** Steps of the build that could go wrong quietly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readWasmText } from '../../js/entrypoints/wasm-text.ts';
import { toFactory } from '../build/glue.mjs';
import { assemble } from '../build/opt.mjs';
import { wasmTextModule } from '../build/wasm-text.mjs';
import { at } from '../lib/paths.mjs';

const GLUE = `export class Core {}
export function random_seed() { return wasm.random_seed(); }
export function __wbg_set_wasm(val) { wasm = val; }
const CoreFinalization = new FinalizationRegistry(ptr => wasm.__wbg_core_free(ptr, 1));
let wasm;
`;

async function evaluated(source) {
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
}

test('each set of glue has a wasm of its own', async () => {
  const { createGlue } = await evaluated(toFactory(GLUE));
  const [first, second] = [createGlue({ FinalizationRegistry }), createGlue({ FinalizationRegistry })];
  first.__wbg_set_wasm({ random_seed: () => 1 });
  second.__wbg_set_wasm({ random_seed: () => 2 });
  assert.equal(first.random_seed(), 1);
  assert.notEqual(first.Core, second.Core);
});

for (const [what, source] of Object.entries({
  'an import': `import { helper } from './snippets/helper.js';\n${GLUE}`,
  'an export of another form': `${GLUE}export { random_seed as other };\n`,
  'no class Core': GLUE.replace('class Core', 'class Heart'),
  'no setter for the wasm': GLUE.replace('__wbg_set_wasm', '__wbg_use_wasm'),
  'no variable for the wasm': GLUE.replace('let wasm;', 'var wasm;'),
  'no finalizers': GLUE.replace(/^const CoreFinalization.*$/m, ''),
})) {
  test(`generated glue of another form stops the build: ${what}`, () => {
    assert.throws(() => toFactory(source), /Adapt scripts\/build\/glue\.mjs/);
  });
}

test('the wasm comes back from its text as it was', async () => {
  const every = Uint8Array.from({ length: 256 * 3 }, (_, i) => i);
  const skewed = Uint8Array.from({ length: 70_000 }, (_, i) => (i % 7 === 0 ? (i * i) % 256 : i % 50));
  const reader = assemble(at('scripts/build/read-text.wat'));
  for (const bytes of [every, skewed, Uint8Array.of(0)]) {
    const { wasm } = await evaluated(wasmTextModule(bytes, reader).source);
    assert.deepEqual(readWasmText(WebAssembly, wasm), bytes);
  }
});

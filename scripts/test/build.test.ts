/** Steps of the build that could go wrong quietly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readWasmText } from '../../js/entrypoints/wasm-text.ts';
import * as binding from '../../js/core/binding.ts';
import { inlineTables } from '../build/constants.mjs';
import { toFactory } from '../build/glue.mjs';
import { inLines } from '../build/lines.mjs';
import { lebOf } from '../build/wasm-streams.mjs';
import { wasmTextModule } from '../build/wasm-text.mjs';

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

test('every field of a table of the boundary is its number, and nothing else is touched', () => {
  const { handler } = inlineTables().transform;
  const tables = Object.entries(binding).filter(([, table]) => typeof table === 'object' && !Array.isArray(table));
  for (const [name, table] of tables)
    for (const [field, value] of Object.entries(table))
      assert.equal(handler(`at(${name}.${field}, own.${name}.${field})`), `at(${value}, own.${name}.${field})`);
  assert.deepEqual(tables.map(([name]) => name).sort(), ['Gauge', 'OutputKind', 'ReleaseCode', 'TEXT', 'View']);
  assert.equal(handler('View.NOTHING + MyView.PENDING'), 'View.NOTHING + MyView.PENDING');
});

test('code in lines is the same program, in short lines', async () => {
  const source =
    'const a=1,b={c:async e=>{await e;return{a,b}},get d(){return`${a}${(()=>{if(a)return b.f;else throw a})()}`},f:2};' +
    'class G{static#h=0;static{this.#h=3}static async*i(){for(let e of[a,2])yield e+this.#h}}' +
    Array.from({ length: 40 }, (_, at) => `const y${at}={a:1},z${at}=()=>{if(y${at})return y${at}};`).join('') +
    'outer:for(;;)for(const e in b)if(e)break outer;' +
    'const all=[];for await(const e of G.i())all.push(e);export default[b.d,await b.c(1),all,z7()]';
  const lines = inLines(source).split('\n');
  assert.equal(lines.join(''), source);
  assert.ok(Math.max(...lines.map((line) => line.length)) < 700);
  const { default: shown } = await evaluated(lines.join('\n'));
  assert.deepEqual([shown[0], shown[1].a, shown[2], shown[3]], ['12', 1, [4, 5], { a: 1 }]);
});

const MAGIC = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

const section = (id, bytes) => [id, ...lebOf(bytes.length), ...bytes];

/** Instructions with all that can follow an opcode, the numbers of several bytes. */
const INSTRUCTIONS = [
  [0x02, 0x40, 0x03, 0x7f, 0x04, 0x7e, 0x05, 0x0b, 0x0b, 0x0b, 0x00, 0x01, 0x0f, 0x1a, 0x1b, 0xd1],
  [0x0c, 0x81, 0x01, 0x0d, 0x00, 0x0e, 0x02, 0x00, 0x80, 0x01, 0x05, 0x10, 0xff, 0x7f, 0x11, 0x80, 0x01, 0x00],
  [
    0x20, 0x00, 0x21, 0x80, 0x01, 0x22, 0x7f, 0x23, 0x00, 0x24, 0x81, 0x02, 0x25, 0x00, 0x26, 0x00, 0xd0, 0x70, 0xd2,
    0x85, 0x01,
  ],
  ...Array.from({ length: 0x3e - 0x28 + 1 }, (_, at) => [0x28 + at, at % 4, 0x80 + at, 0x80, 0x01]),
  [
    0x3f, 0x00, 0x40, 0x00, 0x41, 0x80, 0x80, 0x7c, 0x42, 0xff, 0x00, 0x43, 1, 2, 3, 0xff, 0x44, 1, 2, 3, 4, 5, 6, 7,
    0xff,
  ],
  ...Array.from({ length: 0xc4 - 0x45 + 1 }, (_, at) => [0x45 + at]),
  [0xfc, 0x07, 0xfc, 0x0a, 0x00, 0x00, 0xfc, 0x0b, 0x00, 0xfc, 0x0c, 0x81, 0x01, 0x00, 0xfc, 0x0f, 0x00],
].flat();

function moduleOf(...bodies) {
  const functions = bodies.map((body) => [...lebOf(body.length), ...body]);
  return [...MAGIC, ...section(1, [0, 1, 2]), ...section(10, [...lebOf(bodies.length), ...functions.flat()])];
}

test('the wasm comes back from its text as it was', async () => {
  const every = Array.from({ length: 256 * 3 }, (_, i) => i % 256);
  const skewed = Array.from({ length: 70_000 }, (_, i) => (i % 7 === 0 ? (i * i) % 256 : i % 50));
  const twice = moduleOf([0, ...INSTRUCTIONS, 0x0b], [2, 0x81, 0x01, 0x7f, 0x01, 0x7e, ...INSTRUCTIONS, 0x0b]);
  const modules = [
    MAGIC,
    [...MAGIC, ...section(0, every)],
    [...MAGIC, ...section(0, skewed)],
    moduleOf([0, 0x0b]),
    twice,
  ];
  for (const bytes of [...modules, [...twice, ...section(11, skewed)]].map((each) => Uint8Array.from(each))) {
    const { wasm } = await evaluated(wasmTextModule(bytes).source);
    assert.deepEqual(readWasmText(WebAssembly, wasm), bytes);
  }
});

test('an instruction that nobody has described stops the build', () => {
  assert.throws(() => wasmTextModule(Uint8Array.from(moduleOf([0, 0xfd, 0x00]))), /opcode 0xfd at \d+/);
});

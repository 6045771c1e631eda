/** wasm-opt from npm, then a look at what came out: a module that the loader cannot use must not leave the build. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { at } from '../lib/paths.mjs';
import { StepError, run } from '../lib/run.mjs';

// What Rust keeps apart stays apart: a function of one caller would be put back into the one it was taken out of, and code that
// rarely runs would lie between what runs at every call.
const INLINED_MAX = ['one-caller', 'flexible'].map((kind) => `--${kind}-inline-max-function-size=10`);
// Once more as long as that makes it smaller. Nothing that is not the very end of the stack lies in the first KiB, so a sum
// that becomes an address may be part of the load, which is a hundredth smaller.
const FLAGS = ['--converge', '--low-memory-unused', '--strip-debug', '--strip-producers', '--strip-target-features', ...INLINED_MAX];
const CORE_EXPORTS = ['memory', '__stack_pointer', '__wbindgen_start'];

/** @param {{ level?: string, exports?: string[] }} about how, and what the loader will ask for */
export function optimise(input, output, { level = '-O3', exports = CORE_EXPORTS } = {}) {
  mkdirSync(dirname(output), { recursive: true });
  run(process.execPath, [at('node_modules/binaryen/bin/wasm-opt'), input, level, ...FLAGS, '-o', output]);
  check(output, exports);
}

/** @returns {Uint8Array} the module that a text describes */
export function assemble(wat) {
  const folder = mkdtempSync(join(tmpdir(), 'throttleai-wat-'));
  try {
    const [input, output] = [join(folder, 'in.wat'), join(folder, 'out.wasm')];
    writeFileSync(input, wat);
    run(process.execPath, [at('node_modules/binaryen/bin/wasm-as'), input, '-o', output]);
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function check(file, exports) {
  const module = new WebAssembly.Module(readFileSync(file));
  const exported = new Set(WebAssembly.Module.exports(module).map((entry) => entry.name));
  for (const name of exports) {
    if (!exported.has(name)) {
      throw new StepError(`opt: the wasm exports no "${name}"; are the link arguments of .cargo/config.toml in force?`);
    }
  }
  const foreign = WebAssembly.Module.imports(module).filter((entry) => entry.module !== './throttleai_bg.js');
  if (foreign.length > 0) throw new StepError(`opt: unexpected imports ${JSON.stringify(foreign)}`);
}

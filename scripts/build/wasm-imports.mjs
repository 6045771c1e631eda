/**
 * Short names for what the wasm imports. wasm-bindgen ends them with hashes, which no compressor makes smaller, and each is
 * there twice: in the wasm and in the glue.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StepError } from '../lib/run.mjs';
import { lebOf, sectionsOf } from './wasm-streams.mjs';

const IMPORTS = 2;
const HASHED = /^__wbg_\w+_[0-9a-f]{16}$/;

/** Renames in both files that wasm-bindgen has written into `folder`. */
export function shortenImports(folder) {
  const files = ['throttleai_bg.wasm', 'throttleai_bg.js'].map((name) => join(folder, name));
  const [wasm, glue] = files.map((file) => readFileSync(file));
  const names = WebAssembly.Module.imports(new WebAssembly.Module(wasm)).map(({ name }) => name);
  const short = new Map(names.filter((name) => HASHED.test(name)).map((name, index) => [name, `_${index}`]));
  writeFileSync(files[0], withImports(wasm, short));
  writeFileSync(files[1], renamed(glue.toString(), short));
}

/** @param {Map<string, string>} names new names by old ones */
function withImports(wasm, names) {
  const { start, from, end } = sectionsOf(wasm).find(({ id }) => id === IMPORTS);
  let section = wasm.toString('latin1', from, end);
  for (const [name, short] of names) {
    const parts = section.split(counted(name));
    if (parts.length !== 2) throw new StepError(`imports: "${name}" is there ${parts.length - 1} times`);
    section = parts.join(counted(short));
  }
  const header = Buffer.from([IMPORTS, ...lebOf(section.length)]);
  return Buffer.concat([wasm.subarray(0, start), header, Buffer.from(section, 'latin1'), wasm.subarray(end)]);
}

/** A name as it stands in a module. */
const counted = (name) => String.fromCharCode(...lebOf(name.length)) + name;

function renamed(source, names) {
  for (const short of names.values()) if (new RegExp(`\\b${short}\\b`).test(source)) throw new StepError(`imports: the glue has a ${short}`);
  return source.replace(/\b__wbg_\w+/g, (name) => names.get(name) ?? name);
}

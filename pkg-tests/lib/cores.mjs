/** Counts how often what was built holds the core: the wasm, as text or as a file, and the glue that drives it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesUnder } from '../../scripts/lib/stamp.mjs';
import { installed } from './install.mjs';

/** The name under which the wasm imports its glue: a string that no minifier may change, once in each copy. */
const GLUE = './throttleai_bg.js';

/** Characters of the text by which it is known. */
const PIECE = 64;

/** @returns {{ texts: number, files: number, glue: number }} over all scripts and wasm files under the folder */
export function coresIn(folder) {
  const files = filesUnder(folder);
  const scripts = files.filter((file) => /\.[cm]?js$/.test(file)).map((file) => readFileSync(file, 'utf8'));
  const wasmText = pieceOfText();
  const count = (piece) => scripts.reduce((sum, script) => sum + script.split(piece).length - 1, 0);
  return {
    texts: count(wasmText),
    files: files.filter((file) => file.endsWith('.wasm')).length,
    glue: count(GLUE),
  };
}

/** A piece of the inlined wasm, which is the longest string of the entry, that is there once. No character of it is ever escaped. */
function pieceOfText() {
  const entry = readFileSync(join(installed, 'dist/index.js'), 'utf8');
  const longest = entry.split(/["'`]/).reduce((best, text) => (text.length > best.length ? text : best), '');
  for (let at = 1000; at + PIECE <= longest.length; at += PIECE) {
    const piece = longest.slice(at, at + PIECE);
    if (entry.split(piece).length === 2 && entry.split(GLUE).length === 2) return piece;
  }
  throw new Error('no marks of the core in dist');
}

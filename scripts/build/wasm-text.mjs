/**
 * The wasm as text in a JavaScript file. Base64 cuts bytes apart, so gzip no longer sees the repetitions in them: it adds
 * 30 % to what is sent. Here the most frequent bytes are one character each and the others two, which gzip packs as
 * well as the bytes themselves, and which is a fifth smaller than base64 even unpacked. Only printable ASCII that no
 * tool needs to escape, so that bundlers and servers with any charset leave it as it is.
 *
 * The bytes stand in streams, see `wasm-streams.mjs`. Those of like bytes stand beside each other: gzip learns what is
 * frequent for a stretch at a time.
 */
import { splitWasm } from './wasm-streams.mjs';

/** Quotes, escapes and what HTML looks at. The backtick is not among them: it keeps minifiers from making a template of
 * the text, which engines read more slowly. */
const FORBIDDEN = `"'\\$<`;
const ALPHABET = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))
  .filter((character) => !FORBIDDEN.includes(character))
  .join('');

/** The last characters of the alphabet announce a second one. */
const ESCAPES = 2;
const SINGLES = ALPHABET.length - ESCAPES;

/**
 * A module for `js/entrypoints/wasm-text.ts` to read, and its declaration.
 *
 * @param {Uint8Array} wasm
 * @param {Uint8Array} reader `read-text.wat`, assembled
 */
export function wasmTextModule(wasm, reader) {
  const { streams, kinds } = splitWasm(wasm);
  const count = new Array(256).fill(0);
  for (const byte of streams.flat()) count[byte] += 1;
  const order = count.map((_, byte) => byte).sort((a, b) => count[b] - count[a] || a - b);
  const codes = [];
  order.forEach((byte, rank) => (codes[byte] = codeOf(rank)));

  const numbers = streams.map((_, number) => number).sort((a, b) => mean(streams[a]) - mean(streams[b]) || a - b);
  const starts = [];
  let length = 0;
  for (const number of numbers) {
    starts[number] = length;
    length += streams[number].length;
  }
  const text = numbers.flatMap((number) => streams[number].map((byte) => codes[byte])).join('');
  const hex = order.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return {
    source: `export const wasm = {
  reader: [${Array.from(reader)}],
  alphabet: '${ALPHABET}',
  escapes: ${ESCAPES},
  bytes: '${hex}',
  kinds: [${kinds}],
  starts: [${starts}],
  lengths: [${length},${wasm.length}],
  text: '${text}',
};
`,
    declaration: `import type { WasmText } from '../../js/entrypoints/wasm-text.ts';
export declare const wasm: WasmText;
`,
  };
}

function mean(bytes) {
  return bytes.reduce((sum, byte) => sum + byte, 0) / Math.max(bytes.length, 1);
}

function codeOf(rank) {
  if (rank < SINGLES) return ALPHABET[rank];
  const rest = rank - SINGLES;
  return ALPHABET[SINGLES + Math.floor(rest / ALPHABET.length)] + ALPHABET[rest % ALPHABET.length];
}

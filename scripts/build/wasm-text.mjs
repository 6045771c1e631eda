/**
 * The wasm as text in a JavaScript file. Base64 cuts bytes apart, so gzip no longer sees the repetitions in them: it adds
 * 30 % to what is sent. Here the most frequent bytes are one character each and the others two, which gzip packs as
 * well as the bytes themselves, and which is a fifth smaller than base64 even unpacked. Only printable ASCII that no
 * tool needs to escape, so that bundlers and servers with any charset leave it as it is.
 *
 * The bytes stand in streams, see `wasm-streams.mjs`. Those of like bytes stand beside each other: gzip learns what is
 * frequent for a stretch at a time.
 */
import { readFileSync } from 'node:fs';
import { at } from '../lib/paths.mjs';
import { StepError } from '../lib/run.mjs';
import { assemble } from './opt.mjs';
import { splitWasm } from './wasm-streams.mjs';

/** Quotes, escapes and what HTML looks at. The backtick is not among them: it keeps minifiers from making a template of
 * the text, which engines read more slowly. */
const FORBIDDEN = `"'\\$<`;
const ALPHABET = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))
  .filter((character) => !FORBIDDEN.includes(character))
  .join('');

/** The last characters of the alphabet announce a second one. The reader tells them apart by their last bit. */
const ESCAPES = 2;
const SINGLES = ALPHABET.length - ESCAPES;

/** The memory of `read-text.wat`. */
const PAIR = 256;
const PAIRS_AT = 256;
const STREAMS_AT = 512;
const KINDS_AT = 768;
const TEXT_AT = 1_280;
const PAGE_BYTES = 65_536;
/** It writes so much behind the end. */
const BEHIND = 2;
/** How many literal bytes a character stands for, less than its code; and the streams that the reader knows by number. */
const LENGTH_FROM = 39;
const NUMBERS = { opcodes: 0, lengths: 1, literals: 63 };

/**
 * A module for `js/entrypoints/wasm-text.ts` to read, and its declaration.
 *
 * @param {Uint8Array} wasm
 */
export function wasmTextModule(wasm) {
  const { streams, kinds } = splitWasm(wasm, (length) => ALPHABET.includes(lengthAsText(length)));
  const order = byFrequency([...streams].flatMap(([name, bytes]) => (name === 'lengths' ? [] : bytes)));
  const codes = new Map(order.map((byte, rank) => [byte, codeOf(rank)]));
  const coded = [...streams].sort(([, a], [, b]) => mean(a) - mean(b)).map(([name, bytes]) => ({
    name,
    text: bytes.map((byte) => (name === 'lengths' ? lengthAsText(byte) : codes.get(byte))).join(''),
  }));
  const text = coded.map((stream) => stream.text).join('');
  const out = TEXT_AT + text.length;
  const pages = Math.ceil((out + wasm.length + BEHIND) / PAGE_BYTES);
  const reader = readerOf(tablesOf(codes, coded, kinds), pages);
  return {
    source: `export const wasm = {
  reader: [${Array.from(reader)}],
  places: [${TEXT_AT},${out},${out + wasm.length}],
  text: '${text}',
};
`,
    declaration: `import type { WasmText } from '../../js/entrypoints/wasm-text.ts';
export declare const wasm: WasmText;
`,
  };
}

/** All 256 bytes, the most frequent ones first. */
function byFrequency(bytes) {
  const count = new Array(256).fill(0);
  for (const byte of bytes) count[byte] += 1;
  return count.map((_, byte) => byte).sort((a, b) => count[b] - count[a] || a - b);
}

function mean(bytes) {
  return bytes.reduce((sum, byte) => sum + byte, 0) / Math.max(bytes.length, 1);
}

const lengthAsText = (length) => String.fromCharCode(LENGTH_FROM + length);

function codeOf(rank) {
  if (rank < SINGLES) return ALPHABET[rank];
  const rest = rank - SINGLES;
  return ALPHABET[SINGLES + Math.floor(rest / ALPHABET.length)] + ALPHABET[rest % ALPHABET.length];
}

/** What the memory of the reader begins with. */
function tablesOf(codes, coded, kinds) {
  const tables = new DataView(new ArrayBuffer(TEXT_AT));
  for (const [byte, code] of codes) {
    const [first, second] = [code.charCodeAt(0), code.charCodeAt(1)];
    tables.setUint16(2 * first, code.length > 1 ? PAIR : byte, true);
    if (code.length > 1) tables.setUint8(PAIRS_AT + (((first & 1) << 7) | second), byte);
  }
  const numbers = numbersOf(coded, kinds);
  let start = TEXT_AT;
  for (const { name, text } of coded) {
    tables.setUint32(STREAMS_AT + 4 * numbers.get(name), start, true);
    start += text.length;
  }
  kinds.forEach((names, op) => {
    const places = names.map((name) => 4 * (numbers.get(name) ?? 0));
    places.forEach((place, index) => tables.setUint8(KINDS_AT + 2 * op + index, place));
  });
  return new Uint8Array(tables.buffer);
}

/** By name: the number of each stream. Second streams come first, since from 32 on the reader takes them for literal bytes. */
function numbersOf(coded, kinds) {
  const numbers = new Map(Object.entries(NUMBERS));
  const second = kinds.flatMap((names) => names.slice(1));
  for (const name of [...second, ...coded.map((stream) => stream.name)])
    if (!numbers.has(name)) numbers.set(name, numbers.size - 1);
  if (numbers.size > NUMBERS.literals) throw new StepError('more streams than scripts/build/read-text.wat has places for');
  return numbers;
}

/** The reader, which brings its tables along. */
function readerOf(tables, pages) {
  const wat = readFileSync(at('scripts/build/read-text.wat'), 'utf8');
  const segments = stretches(tables).map(([from, bytes]) => {
    const text = Array.from(bytes, (byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
    return `(data (i32.const ${from}) "${text}")`;
  });
  return assemble(wat.replace('1 (; pages ;)', `${pages}`).replace('(; tables ;)', segments.join('\n')));
}

/** What is not 0, with where it stands; a few zeros between are less than a stretch of its own. */
function stretches(bytes) {
  const found = [];
  bytes.forEach((byte, at) => {
    if (byte === 0) return;
    const last = found.at(-1);
    if (last !== undefined && at - last[1] <= 8) last[1] = at + 1;
    else found.push([at, at + 1]);
  });
  return found.map(([from, to]) => [from, bytes.subarray(from, to)]);
}

/** Reads the wasm back from the text that `scripts/build/wasm-text.mjs` makes of it, which says why it is not base64. */

import { TextEncoder } from '../core/text-codec.ts';

/** The module as text, with what it takes to read it. */
export interface WasmText {
  /** The characters of the text. The first ones stand for a byte, the last ones for the first half of a pair. */
  readonly alphabet: string;
  /** How many characters open a pair. */
  readonly escapes: number;
  /** The 256 byte values, by frequency, in hex. */
  readonly bytes: string;
  /** Bytes of the module. */
  readonly length: number;
  readonly text: string;
}

export function readWasmText({ alphabet, escapes, bytes, length, text }: WasmText): Uint8Array {
  const { single, pair } = tablesOf(alphabet, escapes, bytes);
  // This loop runs cold, once: bytes are read faster than characters, and most of them need one table only.
  const codes = new TextEncoder().encode(text);
  const module = new Uint8Array(length);
  for (let at = 0, i = 0; i < length; i++) {
    const code = codes[at++] as number;
    const byte = single[code] as number;
    module[i] = byte === PAIR ? (pair[(code << 7) | (codes[at++] as number)] as number) : byte;
  }
  return module;
}

/** In `single`: this character opens a pair. */
const PAIR = 256;

/** Byte values by the code of one character, and by those of two. */
function tablesOf(alphabet: string, escapes: number, bytes: string): { single: Uint16Array; pair: Uint8Array } {
  const single = new Uint16Array(128).fill(PAIR);
  const pair = new Uint8Array(128 * 128);
  const size = alphabet.length;
  const singles = size - escapes;
  for (let rank = 0; rank < 256; rank++) {
    const byte = Number.parseInt(bytes.slice(2 * rank, 2 * rank + 2), 16);
    const rest = rank - singles;
    if (rest < 0) single[alphabet.charCodeAt(rank)] = byte;
    else pair[(alphabet.charCodeAt(singles + Math.floor(rest / size)) << 7) | alphabet.charCodeAt(rest % size)] = byte;
  }
  return { single, pair };
}

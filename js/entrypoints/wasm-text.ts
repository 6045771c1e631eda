/**
 * Reads the wasm back from the text that `scripts/build/wasm-text.mjs` makes of it, which says why it is not base64. The
 * work is done by a module of 300 bytes, `scripts/build/read-text.wat`, which says why.
 */
import { TextEncoder } from '../core/text-codec.ts';

/** The module as text, with what it takes to read it. */
export interface WasmText {
  /** The module that reads. */
  readonly reader: readonly number[];
  /** The characters of the text. The first ones stand for a byte, the last ones for the first half of a pair. */
  readonly alphabet: string;
  /** How many characters open a pair. */
  readonly escapes: number;
  /** The 256 byte values, by frequency, in hex. */
  readonly bytes: string;
  /** By opcode: the streams of what follows it, the second one times 256; 0: none. */
  readonly kinds: readonly number[];
  /** Where each stream begins among the bytes of all. */
  readonly starts: readonly number[];
  /** Bytes of all streams, and of the module. */
  readonly lengths: readonly [streams: number, module: number];
  readonly text: string;
}

interface Reader {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  read(text: number, streams: number, out: number, end: number): void;
}

/** What is used of the platform's `WebAssembly`, declared here because the main entry has no DOM types. */
export interface WebAssemblyLike {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

const PAGE_BYTES = 65_536;
/** In the table of single characters: this one opens a pair. */
const PAIR = 256;
const PAIRS_AT = 256;
const STARTS_AT = PAIRS_AT + 128 * 128;
const KINDS_AT = STARTS_AT + 4 * 64;
const TEXT_AT = KINDS_AT + 2 * 256;

export function readWasmText({ Module, Instance }: WebAssemblyLike, wasm: WasmText): Uint8Array {
  const codes = new TextEncoder().encode(wasm.text);
  const streams = TEXT_AT + codes.length;
  const out = streams + wasm.lengths[0];
  const end = out + wasm.lengths[1];

  const { memory, read } = new Instance(new Module(Uint8Array.from(wasm.reader))).exports as Reader;
  memory.grow(Math.ceil(end / PAGE_BYTES) - 1);
  writeTables(memory.buffer, wasm, streams);
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(codes, TEXT_AT);
  read(TEXT_AT, streams, out, end);
  return bytes.subarray(out, end);
}

/** Byte values by the code of one character, and by those of two; streams. */
function writeTables(memory: ArrayBuffer, { alphabet, escapes, bytes, kinds, starts }: WasmText, first: number): void {
  new Uint32Array(memory, STARTS_AT).set(starts.map((start) => first + start));
  new Uint16Array(memory, KINDS_AT).set(kinds);
  const single = new Uint16Array(memory, 0, 128).fill(PAIR);
  const pair = new Uint8Array(memory, PAIRS_AT, 128 * 128);
  const size = alphabet.length;
  const singles = size - escapes;
  for (let rank = 0; rank < 256; rank++) {
    const byte = Number.parseInt(bytes.slice(2 * rank, 2 * rank + 2), 16);
    const rest = rank - singles;
    if (rest < 0) single[alphabet.charCodeAt(rank)] = byte;
    else pair[(alphabet.charCodeAt(singles + Math.floor(rest / size)) << 7) | alphabet.charCodeAt(rest % size)] = byte;
  }
}

/**
 * Reads the wasm back from the text that `scripts/build/wasm-text.mjs` makes of it, which says why it is not base64. The
 * work is done by a small module, `scripts/build/read-text.wat`, which says why.
 */
import { TextEncoder } from '../core/text-codec.ts';

/** The module as text, with what it takes to read it. */
export interface WasmText {
  /** The module that reads. */
  readonly reader: readonly number[];
  /** In its memory: where the text goes, and from where to where the module is then. */
  readonly places: readonly [text: number, from: number, to: number];
  readonly text: string;
}

interface Reader {
  readonly memory: { readonly buffer: ArrayBuffer };
  read(out: number, end: number): void;
}

/** What is used of the platform's `WebAssembly`, declared here because the main entry has no DOM types. */
export interface WebAssemblyLike {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

export function readWasmText({ Module, Instance }: WebAssemblyLike, { reader, places, text }: WasmText): Uint8Array {
  const { memory, read } = new Instance(new Module(new Uint8Array(reader))).exports as Reader;
  const bytes = new Uint8Array(memory.buffer);
  const [at, from, to] = places;
  new TextEncoder().encodeInto(text, bytes.subarray(at));
  read(from, to);
  return bytes.subarray(from, to);
}

/** Reads the wasm back from the text that `scripts/build/wasm-text.mjs` makes of it, which says why it is not base64. */

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
  const size = alphabet.length;
  const singles = size - escapes;
  const rank = new Uint8Array(128);
  for (let i = 0; i < size; i++) rank[alphabet.charCodeAt(i)] = i;
  const byte = new Uint8Array(256);
  for (let i = 0; i < 256; i++) byte[i] = Number.parseInt(bytes.slice(2 * i, 2 * i + 2), 16);

  const module = new Uint8Array(length);
  for (let at = 0, i = 0; i < length; i++) {
    let code = rank[text.charCodeAt(at++)] as number;
    if (code >= singles) code = singles + (code - singles) * size + (rank[text.charCodeAt(at++)] as number);
    module[i] = byte[code] as number;
  }
  return module;
}

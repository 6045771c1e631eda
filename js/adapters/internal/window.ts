/**
 * The beginning and the end of a body, kept to find its usage when it is over, however that came. All formats say usage in
 * their last bytes, Anthropic's streams what the prompt cost in their first, and Gemini's say it again and again.
 *
 * So a chunk costs no more than a copy, and a body at most 144 KiB. To look in every chunk for the ends of events, or for a word
 * in them, would cost a multiple of that, and nearly always for nothing.
 */
import { TextDecoder } from '../../core/text-codec.ts';

/** Bytes kept of the beginning: the first event of a stream, if it is not larger. */
const HEAD = 16 * 1024;
/** Bytes kept of the end, at least. */
const TAIL = 64 * 1024;
/** Twice the tail, as it is moved down only when there is no room. */
const ROOM = HEAD + 2 * TAIL;

/** Text of a body: what came first and what came last. Between them something is missing, unless `whole`. */
export interface Kept {
  readonly head: string;
  readonly tail: string;
  readonly whole: boolean;
}

export class Window {
  #bytes = new Uint8Array(0);
  #length = 0;
  #whole = true;

  /** Takes a copy: the chunk is its reader's to change. */
  push(chunk: Uint8Array): void {
    const first = Math.max(0, Math.min(HEAD - this.#length, chunk.byteLength));
    if (first > 0) this.#append(chunk.subarray(0, first));
    const rest = chunk.subarray(Math.max(first, chunk.byteLength - TAIL));
    if (first + rest.byteLength < chunk.byteLength) this.#whole = false;
    if (this.#length + rest.byteLength > ROOM) {
      const kept = Math.max(0, TAIL - rest.byteLength);
      this.#bytes.copyWithin(HEAD, this.#length - kept, this.#length);
      this.#length = HEAD + kept;
      this.#whole = false;
    }
    this.#append(rest);
  }

  #append(piece: Uint8Array): void {
    const length = this.#length + piece.byteLength;
    if (length > this.#bytes.byteLength) {
      const larger = new Uint8Array(Math.min(ROOM, Math.max(length, 2 * this.#bytes.byteLength)));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** A character that was cut apart at an edge reads as a replacement. */
  text(): Kept {
    const decode = (from: number, to: number): string => new TextDecoder().decode(this.#bytes.subarray(from, to));
    const whole = this.#whole;
    if (whole) return { head: decode(0, this.#length), tail: '', whole };
    return { head: decode(0, HEAD), tail: decode(HEAD, this.#length), whole };
  }
}

/**
 * The wasm taken apart by what its bytes mean. Compressors find little in code as it stands, where opcodes alternate with
 * numbers of every kind; a stream of opcodes, one of offsets and so on is a seventh smaller. Nothing is left out: an
 * instruction is put together again from its opcode and the next number of the streams that the opcode names.
 *
 * What that does not describe (sections that are no code, heads of functions, rare instructions) is literal: the opcode
 * `LITERAL` for a stretch of bytes; how long each is stands beside the streams.
 */
import { StepError } from '../lib/run.mjs';

/** The id of the section of code. */
const CODE = 10;
/** No opcode. */
const LITERAL = 0xff;
/** Longer than any that `fits`: a character says how long one is. */
const STRETCH_MAX = 127;
/** The names of what is no stream of numbers. The first one is never what follows an opcode. */
const [OPCODES, LENGTHS, LITERALS] = ['opcodes', 'lengths', 'literals'];

const isMemory = (op) => op >= 0x28 && op <= 0x3e;

/** Streams of what follows an opcode: each a number in LEB128. Alignments hang on the opcode, so each has a stream. */
function streamsOf(op) {
  if (op >= 0x02 && op <= 0x04) return ['types'];
  if (op === 0x0c || op === 0x0d) return ['branches'];
  if (op === 0x10) return ['calls'];
  if (op >= 0x20 && op <= 0x22) return [`locals ${op}`];
  if (op === 0x23 || op === 0x24) return ['globals'];
  if (isMemory(op)) return [`alignments ${op}`, op < 0x36 ? 'offsets of loads' : 'offsets of stores'];
  if (op === 0x41) return ['i32'];
  if (op === 0x42) return ['i64'];
  return [];
}

/**
 * @param {Uint8Array} wasm
 * @param {(length: number) => boolean} fits which stretches of literal bytes there may be; 1 must be among them
 * @returns {{ streams: Map<string, number[]>, kinds: string[][] }} what is in each stream, the lengths of literal bytes as
 *   numbers; and by opcode the one or two streams of what follows it
 */
export function splitWasm(wasm, fits) {
  const streams = new Map([OPCODES, LENGTHS, LITERALS].map((name) => [name, []]));
  const put = (name, bytes) => {
    if (!streams.has(name)) streams.set(name, []);
    streams.get(name).push(...bytes);
  };
  const literal = (from, to) => {
    while (from < to) {
      let length = Math.min(to - from, STRETCH_MAX);
      while (!fits(length)) length--;
      put(OPCODES, [LITERAL]);
      put(LENGTHS, [length]);
      put(LITERALS, wasm.subarray(from, from + length));
      from += length;
    }
  };

  let done = 0;
  for (const { start, end } of functionBodies(wasm)) {
    literal(done, start);
    for (let at = start; at < end; ) {
      const op = wasm[at];
      const after = endOfInstruction(wasm, at);
      const names = streamsOf(op);
      if (names.length === 0 && after > at + 1) literal(at, after);
      else {
        put(OPCODES, [op]);
        let from = at + 1;
        for (const name of names) {
          const to = endOfNumber(wasm, from);
          put(name, wasm.subarray(from, to));
          from = to;
        }
      }
      at = after;
    }
    done = end;
  }
  literal(done, wasm.length);
  const kinds = Array.from({ length: 256 }, (_, op) => (op === LITERAL ? [LENGTHS, LITERALS] : streamsOf(op)));
  return { streams, kinds };
}

/** Sections of a module: all of it, and what is behind id and length. */
export function sectionsOf(wasm) {
  const sections = [];
  for (let start = 8; start < wasm.length; ) {
    const [length, from] = numberAt(wasm, start + 1);
    sections.push({ id: wasm[start], start, from, end: from + length });
    start = from + length;
  }
  return sections;
}

/** Where the instructions of each function stand. */
function functionBodies(wasm) {
  const code = sectionsOf(wasm).find(({ id }) => id === CODE);
  if (code === undefined) return [];
  let [functions, next] = numberAt(wasm, code.from);
  const bodies = [];
  for (; functions > 0; functions--) {
    const [length, from] = numberAt(wasm, next);
    const end = from + length;
    let groups;
    for ([groups, next] = numberAt(wasm, from); groups > 0; groups--) next = endOfNumber(wasm, next) + 1;
    bodies.push({ start: next, end });
    next = end;
  }
  return bodies;
}

/** @throws StepError for an instruction that is not known here */
function endOfInstruction(wasm, at) {
  const numbers = (count, from = at + 1) => {
    for (; count > 0; count--) from = endOfNumber(wasm, from);
    return from;
  };
  const op = wasm[at];
  const described = streamsOf(op).length;
  if (described > 0) return numbers(described);
  // Those without anything behind them: control, `drop` and `select`, comparisons and arithmetic.
  const bare = [0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, 0xd1].includes(op) || (op >= 0x45 && op <= 0xc4);
  if (bare) return at + 1;
  // Tables, memory, references.
  if ([0x25, 0x26, 0x3f, 0x40, 0xd0, 0xd2].includes(op)) return numbers(1);
  if (op === 0x0e) {
    const [targets, from] = numberAt(wasm, at + 1);
    return numbers(targets + 1, from);
  }
  if (op === 0x11) return numbers(2);
  if (op === 0x43) return at + 5;
  if (op === 0x44) return at + 9;
  if (op === 0xfc) {
    const second = wasm[at + 1];
    if (second <= 7) return at + 2;
    if ([10, 12, 14].includes(second)) return numbers(3);
    if ([11, 13, 15, 16, 17].includes(second)) return numbers(2);
  }
  throw new StepError(`opcode 0x${op.toString(16)} at ${at} of the wasm is not known to scripts/build/wasm-streams.mjs`);
}

function endOfNumber(wasm, at) {
  while (wasm[at] >= 0x80) at++;
  return at + 1;
}

function numberAt(wasm, at) {
  const end = endOfNumber(wasm, at);
  let number = 0;
  for (let byte = end - 1; byte >= at; byte--) number = number * 128 + (wasm[byte] & 127);
  return [number, end];
}

/** A number in LEB128. */
export function lebOf(number) {
  return number < 128 ? [number] : [(number % 128) + 128, ...lebOf(Math.floor(number / 128))];
}

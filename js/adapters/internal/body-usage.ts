/**
 * What a body says of usage: JSON, lines of JSON, or server-sent events, whole or as far as it came. Cuts the text that was kept
 * of it into events and looks from the last one back, until it knows both counts.
 *
 * Source: WHATWG HTML, 9.2.5 "Parsing an event stream"; of its fields only `data` matters here.
 */
import type { ProviderUsage } from './types.ts';
import { mergeUsage, usageOf } from './usage.ts';
import { Window } from './window.ts';

export interface UsageReader {
  /** Sees the bytes of a body, in their order. */
  sees(chunk: Uint8Array): void;
  /** What they have said so far. Never throws. */
  usage(): ProviderUsage | undefined;
  /** The beginning of the body, all of it if it is short; empty for what is neither JSON nor an event stream. Never throws. */
  text(): string;
}

/** @param eventStream whether the body is one of server-sent events */
export function usageReader(eventStream: boolean): UsageReader {
  // Of anything else than text in braces there is nothing to find out.
  let readable: boolean | undefined = eventStream ? true : undefined;
  let window: Window | undefined;
  return {
    sees(chunk) {
      readable ??= startsAsJson(chunk);
      if (readable === false) return;
      (window ??= new Window()).push(chunk);
    },
    usage() {
      if (window === undefined) return undefined;
      try {
        const { head, tail, whole } = window.text();
        const last = usageIn(whole ? head : tail, eventStream);
        return whole || isComplete(last) ? last : mergeUsage(usageIn(head, eventStream), last);
      } catch {
        return undefined; // A platform without a decoder for what was cut apart.
      }
    },
    text: () => window?.text().head ?? '',
  };
}

const isComplete = (usage: ProviderUsage | undefined): boolean =>
  usage?.promptTokens !== undefined && usage.outputTokens !== undefined;

/** Spaces and a byte order mark may come before. @returns undefined where nothing else has come */
function startsAsJson(chunk: Uint8Array): boolean | undefined {
  const first = chunk.find((byte) => byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf);
  return first === undefined ? undefined : first === 0x7b || first === 0x5b;
}

const NEWLINE = /\r\n|\n|\r/;
const BLANK_LINE = /(?:\r\n|\n|\r(?!\n)){2}/;
/** In every name of a count, and seldom elsewhere: only such events are parsed. */
const COUNT_NAME = /oken(?:s|Count)"/;

function usageIn(text: string, eventStream: boolean): ProviderUsage | undefined {
  const whole = eventStream ? undefined : parsed(text);
  if (whole !== undefined) return usageOf(whole);
  const parts = text.split(eventStream ? BLANK_LINE : NEWLINE);
  let usage: ProviderUsage | undefined;
  for (let at = parts.length - 1; at >= 0 && !isComplete(usage); at--) {
    const part = parts[at]!;
    if (!COUNT_NAME.test(part)) continue;
    const json = eventStream ? dataOf(part) : part;
    const event = parsed(json);
    usage = mergeUsage(event !== undefined ? usageOf(event) : usageCutOut(json), usage);
  }
  return usage ?? usageCutOut(text);
}

/** The data of an event, or, of one whose beginning is missing, all of it. */
function dataOf(event: string): string {
  const lines = event.replace(/^\uFEFF/, '').split(NEWLINE);
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(line[5] === ' ' ? 6 : 5));
  return data.length > 0 ? data.join('\n') : event;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

/** The objects that hold counts, wherever they stand. In a string the quotes would be escaped. */
const HOLDER = /"(?:usage|usageMetadata|meta)"\s*:\s*(?=\{)/g;

/** Of so many it is looked into, from the last one back: they may stand in one another. */
const HOLDERS = 16;
/** So far in each, with its name: what stands after one may be anything. */
const HOLDER_MAX = 16 * 1024;

/** The last object with usage in JSON of which a part is missing. */
function usageCutOut(json: string): ProviderUsage | undefined {
  for (const { 0: name, index } of [...json.matchAll(HOLDER)].slice(-HOLDERS).reverse()) {
    const text = json.slice(index, index + HOLDER_MAX);
    const end = endOfObject(text, name.length);
    const usage = end === undefined ? undefined : usageOf(parsed(`{${text.slice(0, end)}}`));
    if (usage) return usage;
  }
  return undefined;
}

/** Where the object ends that begins at `from`; undefined if it does not. */
function endOfObject(json: string, from: number): number | undefined {
  // A string that does not end goes to the end: else each quote in it would be tried as the beginning of another.
  const marks = /"(?:[^"\\]|\\[^]?)*(?:"|$)|[{}]/g;
  marks.lastIndex = from;
  let depth = 0;
  for (let mark = marks.exec(json); mark; mark = marks.exec(json)) {
    if (mark[0] === '{') depth++;
    else if (mark[0] === '}' && --depth === 0) return marks.lastIndex;
  }
  return undefined;
}

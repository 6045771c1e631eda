/** What callers hand over, as pairs and texts. */
import { describeValue, InputError, isArray } from '../core/errors.ts';
import type { HeadersInput } from './types.ts';

type Pair = readonly [name: string, value: string];

/**
 * Headers as pairs.
 *
 * @param names asked for what a function must be asked for
 * @throws InputError for a value that is no text
 */
export function pairsOf(headers: HeadersInput | null | undefined, names: () => readonly string[]): Pair[] {
  if (headers === undefined || headers === null) return [];
  if (typeof headers === 'function') {
    const get = headers;
    return names().flatMap((name) => valuesOf(name, get(name)));
  }
  if (typeof headers !== 'object') throw bad('headers', headers, HEADERS_ALLOWED);
  if (!isIterable(headers)) return Object.entries(headers).flatMap(([name, value]) => valuesOf(name, value));
  const pairs: Pair[] = [];
  for (const pair of headers as Iterable<unknown>) {
    if (typeof pair !== 'object' || pair === null || !isArray(pair)) throw bad('headers', pair, HEADERS_ALLOWED);
    const [name, value] = pair as readonly unknown[];
    if (typeof name !== 'string') throw bad('headers', name, HEADERS_ALLOWED);
    pairs.push(...valuesOf(name, value));
  }
  return pairs;
}

const HEADERS_ALLOWED = 'a Headers, pairs of names and values, an object, or a function from a name to a value';

function isIterable(value: object): value is Iterable<unknown> {
  return typeof (value as { [Symbol.iterator]?: unknown })[Symbol.iterator] === 'function';
}

/** A header may have come several times. */
function valuesOf(name: string, value: unknown): Pair[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [[name, value]];
  if (typeof value === 'number') return [[name, String(value)]];
  if (typeof value === 'object' && isArray(value))
    return (value as readonly unknown[]).flatMap((one) => valuesOf(name, one));
  throw bad(`headers[${describeValue(name)}]`, value, 'a text, a number, or a list of these');
}

/** Longer bodies are not looked at, in characters: at least as many bytes. `BODY_BYTES_MAX` in Rust. */
export const BODY_MAX: number = 8 * 1024 * 1024;
/** Lists in answers that hold what matters are shorter; longer ones are embeddings and the like. */
const LIST_MAX = 64;

/**
 * A body as text; a parsed one without its long lists, which hold no usage.
 *
 * @throws InputError for what cannot be JSON
 */
export function textOf(body: unknown): string | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string') return body.length > BODY_MAX ? body.slice(0, BODY_MAX + 1) : body;
  if (typeof body !== 'object') throw bad('body', body, BODY_ALLOWED);
  try {
    // Of a list of events the last ones say what holds.
    const whole = isArray(body) ? (body as unknown[]).slice(-LIST_MAX) : body;
    return JSON.stringify(whole, (_key, value: unknown) =>
      typeof value === 'object' && value !== null && isArray(value) && (value as unknown[]).length > LIST_MAX
        ? []
        : value,
    );
  } catch (cause) {
    throw new InputError({ field: 'body', value: body, allowed: BODY_ALLOWED }, { cause });
  }
}

const BODY_ALLOWED = 'a text, or parsed JSON';

/** The error for an argument. */
export function bad(field: string, value: unknown, allowed: string): InputError {
  return new InputError({ field, value, allowed });
}

/** The body of an answer that refuses, wherever it is: in a response, or where SDKs and clients put it in their errors. */
import { TextDecoder } from './text-codec.ts';
import { armTimer, clearTimer } from './timers.ts';
import type { ClockWithTimers } from './types.ts';

type Loose = Readonly<Record<string, unknown>>;

/** Errors are short: a body that has not come after so many ms, or is longer than so many bytes, is not read on. */
const BODY_MS = 1_000;
const BODY_BYTES = 65_536;

interface ReaderLike {
  read(): Promise<{ done: boolean; value?: Uint8Array }>;
  cancel(): Promise<void>;
}
interface Cloneable {
  clone?(): { body?: { getReader?(): ReaderLike } | null };
}

/** As text or parsed; undefined if there is none. A response can be read afterwards all the same. Never throws. */
export async function bodyOf(answer: object, clock: ClockWithTimers): Promise<unknown> {
  try {
    const response = answer as Cloneable;
    if (typeof response.clone !== 'function') return bodyIn(answer);
    const reader = response.clone().body?.getReader?.();
    return reader && (await textOf(reader, clock));
  } catch {
    return undefined; // A body that was read already or broke off, or properties that throw.
  }
}

/** What comes in time. Ends the reading in any case: the connection is free once the response itself is not wanted either. */
async function textOf(reader: ReaderLike, clock: ClockWithTimers): Promise<string> {
  const end = (): void => void reader.cancel().catch(() => {});
  const timer = armTimer(clock, end, BODY_MS);
  const bytes: number[] = [];
  try {
    while (bytes.length < BODY_BYTES) {
      const { done, value } = await reader.read();
      if (done || value === undefined) break;
      for (const byte of value) bytes.push(byte);
    }
  } finally {
    clearTimer(clock, timer);
    end();
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

/** Of what is no `Response`. */
export function bodyIn(error: object): unknown {
  const { error: inner, body, responseBody, data, response, message } = error as Loose;
  // OpenAI's SDK keeps what its body has under `error`; others keep the whole body there.
  if (inner !== undefined && inner !== null) return (inner as Loose)['error'] === undefined ? { error: inner } : inner;
  // Google's makes the body its message.
  const said = typeof message === 'string' && message.startsWith('{') ? message : undefined;
  return body ?? responseBody ?? data ?? (response as Loose | undefined)?.['data'] ?? said;
}

/** The provider's words for the error: of an SDK's error itself, and of its body. */
export function codesIn(answer: object, body: unknown): string[] {
  try {
    const whole = (typeof body === 'string' ? JSON.parse(body) : body) as Loose | null | undefined;
    const places = [answer, whole, whole?.['error']] as (Loose | null | undefined)[];
    return places.flatMap((place) => [place?.['code'], place?.['type']]).filter((code) => typeof code === 'string');
  } catch {
    return [];
  }
}

/**
 * When a stream begins to say something. What opens a stream, or keeps it alive while its call still waits for the model, says
 * nothing: so the first bytes come early when a provider is overloaded, and only the first content tells of that.
 */
import { TextDecoder } from './text-codec.ts';

/** Parts that are looked at, at most: in a form that is not known here none ever says anything. */
const PARTS_MAX = 100;
/** Text, thoughts, sounds, or calls of tools, by the names that providers give them; or an event whose data is no JSON. */
const SAYS =
  /"(?:content|text|delta|thinking|reasoning(?:_content|_text)?|arguments|partial_json|refusal|completion|response|data)"\s*:\s*"[^"]|"functionCall"\s*:\s*\{|^data: ?[^\s{[]/m;

/** What the Responses API opens a stream with: an echo of the request, which may hold content. Other events may follow it. */
const ECHOES = /^.*"type"\s*:\s*"response\.(?:created|queued|in_progress)".*$/gm;

/** Whether a part says something. After the first that does it need not say so again. Never throws. */
export type Says<Part> = (part: Part) => boolean;

/** For streams of JSON: server-sent events, or lines. What is cut apart counts where its next piece says something. */
export const firstBytes = (): Says<Uint8Array> => first((bytes: Uint8Array) => new TextDecoder().decode(bytes));

/** For streams of such bytes, of objects that were read from such, or of what says something by itself: text, numbers. */
export function firstChunk(): Says<unknown> {
  const [bytes, object] = [firstBytes(), first((chunk: unknown) => JSON.stringify(chunk))];
  return (chunk) =>
    ArrayBuffer.isView(chunk) ? bytes(chunk as Uint8Array) : typeof chunk === 'object' ? object(chunk) : chunk !== '';
}

function first<Part>(textOf: (part: Part) => string): Says<Part> {
  let left = PARTS_MAX;
  return (part) => {
    if (left-- <= 0) return false;
    try {
      if (!SAYS.test(textOf(part).replace(ECHOES, ''))) return false;
    } catch {
      return false; // No JSON, or a platform without a decoder for what was cut apart.
    }
    left = 0;
    return true;
  };
}

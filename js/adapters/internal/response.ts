/** A `Response` that keeps the lease to the end of its body, and is otherwise the one `fetch` gave. */
import { holdBody, isEventStream, isStreamed, type HoldBody } from './body.ts';
import { usageReader } from './body-usage.ts';
import type { Call } from '../../core/call.ts';
import { outcomeOfStatus } from './outcome.ts';
import { firstBytes } from '../../core/part.ts';
import type { ExtractedUsage } from './types.ts';
import type { Unread } from './unread.ts';
import { canBuild, web, type ResponseLike, type WebResponse } from './web.ts';

/** Bytes of a body that are kept for `extractUsage`: the last ones, where streams report their usage. */
const KEPT_BYTES = 1024 * 1024;

/** A response around `body` that is otherwise `given`, of which constructors copy only a part. */
function copyOf(given: ResponseLike, body: object): ResponseLike {
  const { headers, status } = given;
  const init = canBuild(given)
    ? given
    : { headers, status: status >= 200 && status < 600 ? status : 200, statusText: '' };
  return resemble(new web.Response(body, init), given);
}

function resemble(copy: ResponseLike, given: ResponseLike): ResponseLike {
  const { clone } = copy;
  for (const name of ['status', 'statusText', 'ok', 'url', 'redirected', 'type'] as const)
    Object.defineProperty(copy, name, { value: given[name] });
  return Object.defineProperty(copy, 'clone', { value: () => resemble(clone.call(copy), copy) });
}

/** How the bytes of a response are followed. */
export interface HoldResponse {
  readonly call: Call;
  readonly idleMs: number;
  readonly unread: Unread;
  /** Reads usage from a copy of an answer whose bytes have all arrived. Default: it is looked for as they pass. */
  readonly extractUsage?: ((response: WebResponse) => ExtractedUsage | Promise<ExtractedUsage>) | undefined;
  /** Called before the lease is given back, with what has come of the body if it is JSON; at most its first 16 KiB of a longer one. */
  readonly ended?: ((body: string) => void) | undefined;
}

/** The response to hand on. The call of one whose bytes cannot be followed has ended when this resolves. */
export async function holdResponse(given: WebResponse, how: HoldResponse): Promise<WebResponse> {
  const { call, extractUsage } = how;
  const response = given as ResponseLike;
  const outcome = outcomeOfStatus(response.status);
  call.answered(response);
  const { body } = response;
  const settle = async (answer: () => unknown): Promise<void> => {
    let usage: ExtractedUsage;
    try {
      usage = await extractUsage?.(answer() as WebResponse);
    } catch {
      // Without a report the reservation stays charged; the answer itself is good.
    }
    call.end(outcome, usage);
  };
  // Objects that only resemble a response, or whose body was taken already, have no bytes that could be followed.
  if (typeof body?.getReader !== 'function' || body.locked) {
    await settle(() => response);
    return given;
  }
  const reader = usageReader(isEventStream(response));
  const { idleMs, unread, ended } = how;
  const { onEnd } = call;
  call.onEnd = () => {
    onEnd?.();
    ended?.(reader.text());
  };
  const following = extractUsage ? keepFor(settle, response) : { onDone: () => call.end(outcome) };
  if (!extractUsage) call.known = reader.usage;
  const onChunk = (chunk: Uint8Array): void => {
    reader.sees(chunk);
    following.onChunk?.(chunk);
  };
  const says = isStreamed(response) ? firstBytes() : undefined;
  const held = holdBody(response, body, { call, idleMs, unread, says, onChunk, onDone: following.onDone });
  return copyOf(response, held) as WebResponse;
}

/** Keeps the last bytes for a copy of the response. */
function keepFor(
  settle: (answer: () => unknown) => Promise<void>,
  response: ResponseLike,
): Pick<HoldBody, 'onChunk' | 'onDone'> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    onChunk(chunk) {
      chunks.push(chunk.slice());
      bytes += chunk.byteLength;
      while (bytes - chunks[0]!.byteLength >= KEPT_BYTES) bytes -= chunks.shift()!.byteLength;
    },
    onDone: () => settle(() => copyOf(response, new web.Blob(chunks))),
  };
}

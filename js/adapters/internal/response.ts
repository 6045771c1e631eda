/** A `Response` that keeps the lease to the end of its body, and is otherwise the one `fetch` gave. */
import { holdBody } from './body.ts';
import type { Call } from '../../core/call.ts';
import { outcomeOfStatus } from './outcome.ts';
import type { ExtractedUsage } from './types.ts';
import { web, type ResponseLike, type WebResponse } from './web.ts';

/** Bytes of a body that are kept for `extractUsage`: the last ones, where streams report their usage. */
const KEPT_BYTES = 1024 * 1024;

/** Gives a copy what `new Response` does not copy. */
function resemble(copy: ResponseLike, { url, redirected, type }: ResponseLike): ResponseLike {
  const { clone } = copy;
  return Object.defineProperties(copy, {
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
    clone: { value: () => resemble(clone.call(copy), copy) },
  });
}

/**
 * The response to hand on. The call of one whose bytes cannot be followed has ended when this resolves.
 *
 * @param extractUsage reads usage from a copy of an answer whose bytes have all arrived
 */
export async function holdResponse(
  given: WebResponse,
  call: Call,
  idleMs: number,
  extractUsage: ((response: WebResponse) => ExtractedUsage | Promise<ExtractedUsage>) | undefined,
): Promise<WebResponse> {
  const response = given as ResponseLike;
  const outcome = outcomeOfStatus(response.status);
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
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const keep = (chunk: Uint8Array): void => {
    chunks.push(chunk.slice());
    bytes += chunk.byteLength;
    while (bytes - chunks[0]!.byteLength >= KEPT_BYTES) bytes -= chunks.shift()!.byteLength;
  };
  const onDone = (): Promise<void> => settle(() => new web.Response(new web.Blob(chunks), response));
  const held = holdBody(response, body, { call, idleMs, onChunk: extractUsage && keep, onDone });
  return resemble(new web.Response(held, response), response) as WebResponse;
}

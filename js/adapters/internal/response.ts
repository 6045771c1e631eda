/** A `Response` that keeps the lease to the end of its body, and is otherwise the one `fetch` gave. */
import { holdBody } from './body.ts';
import type { Call } from '../../core/call.ts';
import { outcomeOfStatus } from './outcome.ts';
import type { ExtractedUsage } from './types.ts';
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
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const keep = (chunk: Uint8Array): void => {
    chunks.push(chunk.slice());
    bytes += chunk.byteLength;
    while (bytes - chunks[0]!.byteLength >= KEPT_BYTES) bytes -= chunks.shift()!.byteLength;
  };
  const onDone = (): Promise<void> => settle(() => copyOf(response, new web.Blob(chunks)));
  const held = holdBody(response, body, { call, idleMs, onChunk: extractUsage && keep, onDone });
  return copyOf(response, held) as WebResponse;
}

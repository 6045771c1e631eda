/**
 * Handlers from a web `Request` to a `Response`: route handlers of Next.js, Workers, Deno, Bun. A request takes a lease until its
 * response, streamed bodies included, is over.
 *
 * @module throttleai/adapters/web
 * @example
 * import { createGovernor, presets } from 'throttleai';
 * import { wrapHandler } from 'throttleai/adapters/web';
 *
 * const governor = createGovernor(presets.balanced());
 * export const GET = wrapHandler(async () => Response.json({ answer: 42 }), { governor });
 */
import { readFunction } from '../core/input.ts';
import type { DeniedBy } from '../core/types.ts';
import { ANONYMOUS, peerReader, type ClientAddressOptions } from './internal/client.ts';
import { readIdle } from './internal/options.ts';
import { outcomeOfStatus } from './internal/outcome.ts';
import { requestReader, type ServerOptions } from './internal/request.ts';
import { serve, type WorkerContext } from './internal/served.ts';
import type { AdapterGovernor } from './internal/types.ts';
import { web, type HandlerLikeRequest, type ResponseLike, type WebRequest, type WebResponse } from './internal/web.ts';

export { rateLimitHeaders } from './internal/limit-headers.ts';
export type { ClientAddressOptions } from './internal/client.ts';
export type { RateLimitHeaders, RateLimitHeadersOptions } from './internal/limit-headers.ts';
export type { AdapterGovernor, AdapterOptions } from './internal/types.ts';
export type { HandlerLikeRequest } from './internal/web.ts';

/**
 * Options of `wrapHandler`. Actor: `"anonymous"`, one for everybody, as a `Request` does not say who sends it: pass `getActorId`.
 * Action: the path of the URL.
 */
export interface WrapHandlerOptions<
  Req extends HandlerLikeRequest = WebRequest,
  Others extends unknown[] = [],
  G extends AdapterGovernor = AdapterGovernor,
> extends ServerOptions<[request: Req, ...others: Others], G> {
  /** Answers a denied request. Default: status 429, `Retry-After` (unless waiting cannot help) and a JSON body. */
  onDeny?: ((request: Req, decision: DeniedBy<G>) => WebResponse | Promise<WebResponse>) | undefined;
  /** A body that nobody reads for this many ms gives up its lease; it can still be read. Default 30000. Range: from 0. */
  idleMs?: number | undefined;
}

/** Options of `clientAddress`. */
export interface HandlerAddressOptions<
  Req extends HandlerLikeRequest = WebRequest,
  Others extends unknown[] = [],
> extends ClientAddressOptions {
  /**
   * The address at the other end of the connection, from what the runtime adds to the request. A list of trusted proxies needs
   * it; with a number of them it is believed that there are so many.
   */
  peer?: ((request: Req, ...others: Others) => string | null | undefined) | undefined;
}

/**
 * For `getActorId`: who sends a request, by the address of the connection, or by what trusted proxies say of it. `"anonymous"`
 * where neither is known.
 *
 * @throws InputError for an option that cannot be used
 * @example
 * const getActorId = clientAddress({ trustedProxy: 1 });
 */
export function clientAddress<Req extends HandlerLikeRequest = WebRequest, Others extends unknown[] = []>(
  options: HandlerAddressOptions<Req, Others> = {},
): (request: Req, ...others: Others) => string {
  const { peer } = options;
  return peerReader<[request: Req, ...others: Others], HandlerAddressOptions<Req, Others>>(
    options,
    (...args) => peer?.(...args),
    (header, ...[{ headers }]) => headers.get(header),
  );
}

/** What a Worker's handler gets beside the request. */
function workerContext(others: readonly unknown[]): WorkerContext | undefined {
  const found = (others as readonly Partial<WorkerContext>[]).find((each) => typeof each?.waitUntil === 'function');
  return found as WorkerContext | undefined;
}

/**
 * Puts a handler under a governor: it is called under a lease, which ends when the body of its response has ended. A client that
 * leaves ends a body, but no handler that has not returned: it keeps its lease until it does, so let it end on
 * `request.signal`.
 *
 * What the options' functions and the handler throw is thrown on; ids and estimates that the governor refuses answer 400.
 *
 * @throws InputError for an option that cannot be used
 * @example
 * const getActorId = clientAddress({ trustedProxy: 1 });
 * export const POST = wrapHandler(async (request) => new Response(await request.text()), { governor, getActorId });
 */
export function wrapHandler<
  Req extends HandlerLikeRequest = WebRequest,
  Others extends unknown[] = [],
  G extends AdapterGovernor = AdapterGovernor,
>(
  handler: (request: Req, ...others: Others) => WebResponse | Promise<WebResponse>,
  options: WrapHandlerOptions<Req, Others, G>,
): (request: Req, ...others: Others) => Promise<WebResponse> {
  readFunction(handler, 'handler');
  const requestFor = requestReader<[request: Req, ...others: Others]>(
    options,
    () => ANONYMOUS,
    (...[{ url }]) => new web.URL(url).pathname,
    ['idleMs'],
  );
  const { onDeny } = options;
  const idleMs = readIdle(options);
  return async (request, ...others) => {
    const response = await serve(options, {
      signal: request.signal,
      method: request.method,
      idleMs,
      request: () => requestFor(request, ...others),
      context: () => workerContext(others),
      handle: async () => (await handler(request, ...others)) as ResponseLike,
      outcomeOf: ({ status }) => outcomeOfStatus(status),
      answer: jsonResponse,
      onDeny: onDeny && (async (decision) => (await onDeny(request, decision)) as ResponseLike),
    });
    return response as WebResponse;
  };
}

function jsonResponse(status: number, body: object | undefined, headers: Record<string, string>): ResponseLike {
  return body === undefined
    ? new web.Response(null, { status, headers })
    : new web.Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
}

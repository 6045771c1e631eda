/**
 * Listeners of `node:http`, `node:https` and `node:http2`: a request takes a lease until its response is over.
 *
 * @module throttleai/adapters/node
 * @example
 * import { createServer } from 'node:http';
 * import { createGovernor, presets } from 'throttleai';
 * import { wrapListener } from 'throttleai/adapters/node';
 *
 * const governor = createGovernor(presets.balanced());
 * const server = createServer(wrapListener((_req, res) => res.end('hello'), { governor }));
 */
import { readFunction } from '../core/input.ts';
import type { DeniedBy } from '../core/types.ts';
import { ANONYMOUS } from './internal/client.ts';
import type { NodeLikeRequest } from './internal/node-request.ts';
import { visit, type NodeLikeResponse } from './internal/node.ts';
import { requestReader, type Known, type ServerOptions } from './internal/request.ts';
import type { AdapterGovernor } from './internal/types.ts';

export { rateLimitHeaders } from './internal/limit-headers.ts';
export { clientAddress } from './internal/node-request.ts';
export type { ClientAddressOptions } from './internal/client.ts';
export type { RateLimitHeaders, RateLimitHeadersOptions } from './internal/limit-headers.ts';
export type { AdapterGovernor, AdapterOptions } from './internal/types.ts';

/** What is read of a request: an `IncomingMessage` or `Http2ServerRequest`. */
export interface ListenerLikeRequest extends NodeLikeRequest {
  readonly url?: string | undefined;
}

/** What is used of a response: a `ServerResponse` or `Http2ServerResponse`. */
export interface ListenerLikeResponse extends NodeLikeResponse {
  statusCode: number;
  /** Sends the body of a denial. */
  end(body: string): unknown;
}

/** @ts-ignore The types of Node may not be installed. */
type TheirRequest = import('node:http').IncomingMessage;
/** @ts-ignore The types of Node may not be installed. */
type TheirResponse = import('node:http').ServerResponse;
type DefaultRequest = Known<TheirRequest, ListenerLikeRequest>;
type DefaultResponse = Known<TheirResponse, ListenerLikeResponse>;

/** Options of `wrapListener`. Actor: the address of the connection. Action: the path of the URL. */
export interface WrapListenerOptions<
  Req extends ListenerLikeRequest = DefaultRequest,
  Res extends ListenerLikeResponse = DefaultResponse,
  G extends AdapterGovernor = AdapterGovernor,
> extends ServerOptions<[req: Req], G> {
  /** Answers a denied request. Default: status 429, `Retry-After` (unless waiting cannot help) and a JSON body. */
  onDeny?: ((req: Req, res: Res, decision: DeniedBy<G>) => unknown) | undefined;
  /**
   * Gets what the listener and the functions of the options throw, or reject with. Default: it is thrown on, and Node takes it
   * for uncaught, as with any listener.
   */
  onError?: ((error: unknown, req: Req, res: Res) => unknown) | undefined;
}

/** The path of a request's URL, which may be whole when the client takes the server for a proxy. */
const pathOf = ({ url = '' }: ListenerLikeRequest): string =>
  url.replace(/^https?:\/\/[^/?]*/i, '').replace(/\?.*$/s, '');

/**
 * Puts a listener for requests under a governor: it is called under a lease, which ends when the response has been sent or its
 * connection is gone. A listener that goes on after that runs without a lease: let it end on `res.on('close')`.
 *
 * Ids and estimates that the governor refuses answer 400.
 *
 * @throws InputError for an option that cannot be used
 * @example
 * const getActorId = clientAddress({ trustedProxy: 1 });
 * createServer(wrapListener((_req, res) => res.end('hello'), { governor, getActorId, headers: rateLimitHeaders() }));
 */
export function wrapListener<
  Req extends ListenerLikeRequest = DefaultRequest,
  Res extends ListenerLikeResponse = DefaultResponse,
  G extends AdapterGovernor = AdapterGovernor,
>(listener: (req: Req, res: Res) => unknown, options: WrapListenerOptions<Req, Res, G>): (req: Req, res: Res) => void {
  readFunction(listener, 'listener');
  const requestFor = requestReader(options, ({ socket }) => socket?.remoteAddress || ANONYMOUS, pathOf, ['onError']);
  const { onDeny, onError } = options;
  if (onError !== undefined) readFunction(onError, 'options.onError');
  return (req, res) => {
    const raise = (error: unknown): void => {
      if (!onError) throw error;
      onError(error, req, res);
    };
    const run = async (): Promise<unknown> => listener(req, res);
    visit(options, {
      res,
      socket: req.socket,
      request: () => requestFor(req),
      // Without a handler of errors they come up where Node expects those of a listener.
      proceed: () => void (onError ? run().catch(raise) : listener(req, res)),
      raise,
      answer(status, body) {
        res.statusCode = status;
        res.setHeader('Content-Type', 'application/json');
        res.end(JSON.stringify(body));
      },
      onDeny: onDeny && ((decision) => onDeny(req, res, decision)),
    });
  };
}

/**
 * Express middleware (4 and 5, and anything with the same shape): a request takes a lease until its response is over.
 *
 * @module throttleai/adapters/express
 * @example
 * import express from 'express';
 * import { createGovernor, presets } from 'throttleai';
 * import { throttleMiddleware } from 'throttleai/adapters/express';
 *
 * const app = express();
 * app.use('/ai', throttleMiddleware({ governor: createGovernor(presets.balanced()) }));
 * app.get('/ai/chat', (_req, res) => { res.json({ answer: 42 }); });
 */
import type { DeniedBy } from '../core/types.ts';
import { headerActor, type NodeLikeRequest } from './internal/node-request.ts';
import { visit, type NodeLikeResponse } from './internal/node.ts';
import { requestReader, type Known, type ServerOptions } from './internal/request.ts';
import type { AdapterGovernor } from './internal/types.ts';

export { rateLimitHeaders } from './internal/limit-headers.ts';
export { clientAddress } from './internal/node-request.ts';
export type { ClientAddressOptions } from './internal/client.ts';
export type { RateLimitHeaders, RateLimitHeadersOptions } from './internal/limit-headers.ts';
export type { AdapterGovernor, AdapterOptions } from './internal/types.ts';

/** What is read of a request. */
export interface ExpressLikeRequest extends NodeLikeRequest {
  readonly ip?: string | undefined;
  readonly path?: string;
}

/** What is used of a response. */
export interface ExpressLikeResponse extends NodeLikeResponse {
  /** Sets the status of a denial, and sends its body. */
  status(code: number): {
    /** Sends a body. */
    json(body: unknown): unknown;
  };
}

/** @ts-ignore The types of Express may not be installed. */
type TheirRequest = import('express').Request;
/** @ts-ignore The types of Express may not be installed. */
type TheirResponse = import('express').Response;
type DefaultRequest = Known<TheirRequest, ExpressLikeRequest>;
type DefaultResponse = Known<TheirResponse, ExpressLikeResponse>;

/**
 * Options of `throttleMiddleware`. Actor: the header `x-actor-id`, else `req.ip`, else `"anonymous"`; behind a proxy
 * `req.ip` is the proxy's, for all clients the same, until `trust proxy` is set. Action: `req.path`, which begins where the
 * middleware is mounted.
 */
export interface ThrottleMiddlewareOptions<
  Req extends ExpressLikeRequest = DefaultRequest,
  Res extends ExpressLikeResponse = DefaultResponse,
  G extends AdapterGovernor = AdapterGovernor,
> extends ServerOptions<[req: Req], G> {
  /** Answers a denied request. Default: status 429, `Retry-After` (unless waiting cannot help) and a JSON body. */
  onDeny?: ((req: Req, res: Res, decision: DeniedBy<G>) => unknown) | undefined;
}

type Next = (error?: unknown) => void;

/**
 * Express middleware that takes a lease before the next handler and gives it back when the response has been sent, or its
 * connection is gone. A handler that goes on after that runs without a lease: let it end on `res.on('close')`.
 *
 * What the options' functions throw goes to `next(error)`; ids and estimates that the governor refuses answer 400.
 *
 * @throws InputError for an option that cannot be used
 * @example
 * interface AuthenticatedRequest extends express.Request { user: { id: string } }
 * app.use('/ai', throttleMiddleware({
 *   governor,
 *   getActorId: (req: AuthenticatedRequest) => req.user.id,
 *   onDeny: (_req, res, { reason }) => res.status(503).send(reason),
 *   wait: { timeoutMs: 5_000 },
 * }));
 */
export function throttleMiddleware<
  Req extends ExpressLikeRequest = DefaultRequest,
  Res extends ExpressLikeResponse = DefaultResponse,
  G extends AdapterGovernor = AdapterGovernor,
>(
  options: ThrottleMiddlewareOptions<Req, Res, G>,
): (req: ExpressLikeRequest, res: ExpressLikeResponse, next: Next) => void {
  const requestFor = requestReader(
    options,
    ({ headers, ip }) => headerActor(headers, ip),
    ({ path = '' }) => path,
  );
  const { onDeny } = options;
  return (req, res, next) =>
    visit(options, {
      res,
      socket: req.socket,
      request: () => requestFor(req as Req),
      proceed: next,
      raise: next,
      answer: (status, body) => res.status(status).json(body),
      onDeny: onDeny && ((decision) => onDeny(req as Req, res as Res, decision)),
    });
}

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
import { openCall, type Call } from '../core/call.ts';
import type { AcquireDecision, AcquireRequest, DeniedBy } from '../core/types.ts';
import { acquireWith } from '../core/waiting.ts';
import { badRequest, denialBody, retryAfter } from './internal/denial.ts';
import { outcomeOfStatus } from './internal/outcome.ts';
import { requestReader, type Known, type ServerOptions } from './internal/request.ts';
import type { AdapterGovernor } from './internal/types.ts';
import { web } from './internal/web.ts';

export type { AdapterGovernor, AdapterOptions } from './internal/types.ts';

/** What is read of a request. */
export interface ExpressLikeRequest {
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly ip?: string | undefined;
  readonly path?: string;
}

/** What is used of a response. */
export interface ExpressLikeResponse {
  /** Sets the status of a denial, and sends its body. */
  status(code: number): {
    /** Sends a body. */
    json(body: unknown): unknown;
  };
  /** Sets `Retry-After`. */
  setHeader(name: string, value: string): unknown;
  /** Tells when the response has been sent, and when its connection is gone. */
  on(event: 'finish' | 'close', listener: () => void): unknown;
  readonly statusCode?: number;
  /** Whether the connection is gone. */
  readonly destroyed?: boolean;
  /** Followed where it is there: what is written renews the lease. */
  write?(...chunk: never[]): unknown;
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
> extends ServerOptions<Req, G> {
  /** Answers a denied request. Default: status 429, `Retry-After` (unless waiting cannot help) and a JSON body. */
  onDeny?: ((req: Req, res: Res, decision: DeniedBy<G>) => unknown) | undefined;
}

type Next = (error?: unknown) => void;

function actorOf({ headers, ip }: ExpressLikeRequest): string {
  const header = headers['x-actor-id'];
  // A proxy may add the header empty, which names nobody.
  return (Array.isArray(header) ? header[0] : header) || ip || 'anonymous';
}

/** Renews the lease as the body is written, so that a long stream keeps it. */
function renewOnWrite(res: ExpressLikeResponse, call: Call): void {
  const { write } = res;
  if (!write) return;
  res.write = (...chunk) => {
    call.flow();
    return write.apply(res, chunk);
  };
}

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
  const requestFor = requestReader(options, actorOf, ({ path = '' }) => path);
  const { governor, wait, onDeny } = options;

  // Async, so that an error of `onDeny` is a rejection, whatever kind of function it is.
  const deny = async (req: Req, res: Res, decision: DeniedBy<G>): Promise<unknown> => {
    if (onDeny) return onDeny(req, res, decision);
    const seconds = retryAfter(governor, decision);
    if (seconds !== undefined) res.setHeader('Retry-After', seconds);
    return res.status(429).json(denialBody(decision));
  };

  return (req, res, next) => {
    // Nobody is left to answer, and `close` will not come a second time.
    if (res.destroyed === true) return;
    const left = wait ? new web.AbortController() : undefined;
    let gone = false;
    let call: Call | undefined;
    res.on('finish', () => call?.end(outcomeOfStatus(res.statusCode)));
    res.on('close', () => {
      gone = true;
      left?.abort();
      call?.end('cancelled');
    });
    // Without an error `next` would go on to the handler, with no lease.
    const raise = (error: unknown): void => next(error || new Error('Rejected without a reason'));
    const refuse = (error: unknown): void => {
      if (gone) return;
      const body = badRequest(error);
      if (body) res.status(400).json(body);
      else raise(error);
    };
    const settle = (decision: AcquireDecision): void => {
      if (decision.granted) {
        call = openCall(governor, request, decision);
        if (gone) return call.end('cancelled');
        renewOnWrite(res, call);
        next();
      } else if (!gone) {
        deny(req as Req, res as Res, decision as DeniedBy<G>).catch(raise);
      }
    };
    let request: AcquireRequest;
    let answer: ReturnType<typeof acquireWith>;
    try {
      request = requestFor(req as Req);
    } catch (error) {
      return raise(error);
    }
    try {
      answer = acquireWith(governor, request, left && { ...wait, signal: left.signal });
    } catch (error) {
      return refuse(error);
    }
    // What `next` throws is the framework's; after a wait nobody else is there to catch it.
    if ('then' in answer) answer.then(settle, refuse).catch(raise);
    else settle(answer);
  };
}

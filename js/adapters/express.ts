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
import type { AcquireDecision, AcquireDenied, AcquireRequest, Priority, TokenEstimate } from '../core/types.ts';
import { acquireWith } from '../core/waiting.ts';
import { defaultAction, openCall, requestOf, type Call } from './internal/call.ts';
import { badRequest, denialBody, retryAfter } from './internal/denial.ts';
import { classifyOutcome } from './internal/outcome.ts';
import type { AdapterOptions } from './internal/types.ts';
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
  status(code: number): { json(body: unknown): unknown };
  setHeader(name: string, value: string): unknown;
  on(event: 'finish' | 'close', listener: () => void): unknown;
  readonly statusCode?: number;
  /** Whether the connection is gone. */
  readonly destroyed?: boolean;
}

/** Options of `throttleMiddleware`. */
export interface ThrottleMiddlewareOptions<
  Req extends ExpressLikeRequest = ExpressLikeRequest,
  Res extends ExpressLikeResponse = ExpressLikeResponse,
> extends AdapterOptions {
  /**
   * Who asks. Default: the header `x-actor-id`, else `req.ip`, else `"anonymous"`. Clients can write any header: behind a
   * login, return the id of the authenticated user.
   */
  getActorId?: (req: Req) => string;
  /** What it asks for. Default: `req.path`, cut to `caps.idBytes`. */
  getAction?: (req: Req) => string;
  /** Default: the governor's, `"interactive"`. */
  getPriority?: (req: Req) => Priority | undefined;
  /** What the request is expected to need. Default: weight 1, no tokens. */
  getEstimate?: (req: Req) => TokenEstimate | undefined;
  /** Answers a denied request. Default: status 429, `Retry-After` (unless waiting cannot help) and a JSON body. */
  onDeny?: (req: Req, res: Res, decision: AcquireDenied) => unknown;
}

type Next = (error?: unknown) => void;

function actorOf({ headers, ip }: ExpressLikeRequest): string {
  const header = headers['x-actor-id'];
  // A proxy may add the header empty, which names nobody.
  return (Array.isArray(header) ? header[0] : header) || ip || 'anonymous';
}

/**
 * Express middleware that takes a lease before the next handler and gives it back when the response has been sent, or its
 * connection is gone. Errors of the options' functions go to `next(error)`; ids that the governor refuses answer 400.
 *
 * @example
 * app.use('/ai', throttleMiddleware({
 *   governor,
 *   getActorId: (req: AuthenticatedRequest) => req.user.id,
 *   wait: { timeoutMs: 5_000 },
 * }));
 */
export function throttleMiddleware<
  Req extends ExpressLikeRequest = ExpressLikeRequest,
  Res extends ExpressLikeResponse = ExpressLikeResponse,
>(options: ThrottleMiddlewareOptions<Req, Res>): (req: Req, res: Res, next: Next) => void {
  const { governor, wait, getActorId, getAction, getPriority, getEstimate, onDeny } = options;

  const requestFor = (req: Req): AcquireRequest => {
    const priority = getPriority?.(req);
    const actorId = getActorId ? getActorId(req) : actorOf(req);
    const action = getAction ? getAction(req) : defaultAction(governor, req.path ?? '');
    return requestOf({ actorId, action, ...(priority && { priority }) }, getEstimate?.(req));
  };

  // Async, so that an error of `onDeny` is a rejection, whatever kind of function it is.
  const deny = async (req: Req, res: Res, decision: AcquireDenied): Promise<unknown> => {
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
    let go: () => void;
    res.on('finish', () => call?.end(classifyOutcome(undefined, res.statusCode)));
    res.on('close', () => {
      gone = true;
      left?.abort();
      call?.end('cancelled');
    });
    const fail = (error: unknown): void => {
      if (gone) return;
      const body = badRequest(error);
      if (body) res.status(400).json(body);
      else next(error);
    };
    const settle = (request: AcquireRequest, decision: AcquireDecision): void => {
      if (decision.granted) {
        call = openCall(governor, request, decision);
        if (gone) call.end('cancelled');
        else next();
      } else if (!gone) {
        deny(req, res, decision).catch(next);
      }
    };
    try {
      const request = requestFor(req);
      const answer = acquireWith(governor, request, left ? { ...wait, signal: left.signal } : null);
      // Apart from the errors above: what `next` throws is the framework's, and after a wait nobody else is there to catch it.
      go =
        'then' in answer
          ? () => void answer.then((decision) => settle(request, decision), fail).catch(next)
          : () => settle(request, answer);
    } catch (error) {
      return fail(error);
    }
    go();
  };
}

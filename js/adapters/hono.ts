/**
 * Hono middleware: a request takes a lease until its response, streamed bodies included, is over.
 *
 * @module throttleai/adapters/hono
 * @example
 * import { Hono } from 'hono';
 * import { createGovernor, presets } from 'throttleai';
 * import { throttle } from 'throttleai/adapters/hono';
 *
 * const app = new Hono();
 * app.use('/ai/*', throttle({ governor: createGovernor(presets.balanced()) }));
 * app.get('/ai/chat', (c) => c.json({ answer: 42 }));
 * export default app;
 */
import type {
  AcquireDecision,
  AcquireDenied,
  AcquireRequest,
  Priority,
  SignalLike,
  TokenEstimate,
} from '../core/types.ts';
import { acquireWith } from '../core/waiting.ts';
import { holdBody } from './internal/body.ts';
import { defaultAction, openCall, requestOf, type Call } from './internal/call.ts';
import { badRequest, denialBody, retryAfter } from './internal/denial.ts';
import { classifyOutcome } from './internal/outcome.ts';
import type { AdapterOptions } from './internal/types.ts';
import { IDLE_MS } from './internal/unread.ts';
import { web, type ResponseLike, type WebResponse } from './internal/web.ts';

export type { AdapterGovernor, AdapterOptions } from './internal/types.ts';

/** What is used of Hono's context. */
export interface HonoLikeContext {
  readonly req: {
    readonly path: string;
    readonly raw: { readonly signal?: SignalLike | null };
    header(name: string): string | undefined;
  };
  /** The handler's error, once it has run. */
  readonly error?: Error | undefined;
  res: WebResponse;
  set(key: 'throttleai_leaseId', value: string): void;
  json(body: object, status?: number, headers?: Record<string, string>): WebResponse;
  text(body: string, status?: number, headers?: Record<string, string>): WebResponse;
}

/** Options of `throttle`. */
export interface HonoThrottleOptions<C extends HonoLikeContext = HonoLikeContext> extends AdapterOptions {
  /**
   * Who asks. Default: the header `x-actor-id`, else `"anonymous"`. Clients can write any header: behind a login, return
   * the id of the authenticated user.
   */
  getActorId?: (c: C) => string;
  /** What it asks for. Default: `c.req.path`, cut to `caps.idBytes`. */
  getAction?: (c: C) => string;
  /** Default: the governor's, `"interactive"`. */
  getPriority?: (c: C) => Priority | undefined;
  /** What the request is expected to need. Default: weight 1, no tokens. */
  getEstimate?: (c: C) => TokenEstimate | undefined;
  /** Answers a denied request. Default: status 429, `Retry-After` (unless waiting cannot help) and a JSON body. */
  onDeny?: (c: C, decision: AcquireDenied) => WebResponse | Promise<WebResponse>;
  /** A body that nobody reads for this many ms gives up its lease; it can still be read. Default 30000. */
  idleMs?: number;
}

/** Status for the log of a request whose client left while it waited. Source: nginx, "client closed request". */
const CLIENT_GONE = 499;

/** Ends the call with the response: at once without a body, else when its bytes have been produced or given up. */
function holdContext(c: HonoLikeContext, call: Call, idleMs: number): void {
  const response = c.res as ResponseLike;
  const outcome = classifyOutcome(c.error, response.status);
  if (!response.body || response.body.locked) call.end(outcome);
  else c.res = new web.Response(holdBody(response, response.body, { call, idleMs, outcome }), response) as WebResponse;
}

/**
 * Hono middleware that takes a lease before the next handler and gives it back when the response's body has ended. The
 * handler finds the lease under `c.get('throttleai_leaseId')`. Ids that the governor refuses answer 400.
 *
 * @example
 * const getActorId = (c: Context<{ Variables: { userId: string } }>): string => c.get('userId');
 * app.use('/ai/*', throttle({ governor, getActorId, wait: { timeoutMs: 5_000 } }));
 */
export function throttle<C extends HonoLikeContext = HonoLikeContext>(
  options: HonoThrottleOptions<C>,
): (c: C, next: () => Promise<void>) => Promise<WebResponse | void> {
  const { governor, wait, getActorId, getAction, getPriority, getEstimate, onDeny, idleMs = IDLE_MS } = options;

  const requestFor = (c: C): AcquireRequest => {
    const priority = getPriority?.(c);
    const actorId = getActorId ? getActorId(c) : c.req.header('x-actor-id') || 'anonymous';
    const action = getAction ? getAction(c) : defaultAction(governor, c.req.path);
    return requestOf({ actorId, action, ...(priority && { priority }) }, getEstimate?.(c));
  };

  return async (c, next) => {
    let request: AcquireRequest;
    let decision: AcquireDecision;
    const { signal } = c.req.raw;
    try {
      request = requestFor(c);
      const answer = acquireWith(governor, request, wait && { ...wait, ...(signal && { signal }) });
      decision = 'then' in answer ? await answer : answer;
    } catch (error) {
      // Nobody is left to answer: what the runtime makes of this status, no client sees.
      if (signal?.aborted) return c.text('', CLIENT_GONE);
      const body = badRequest(error);
      if (!body) throw error;
      return c.json(body, 400);
    }
    if (!decision.granted) {
      if (onDeny) return onDeny(c, decision);
      const seconds = retryAfter(governor, decision);
      return c.json(denialBody(decision), 429, seconds === undefined ? {} : { 'Retry-After': seconds });
    }
    c.set('throttleai_leaseId', decision.leaseId);
    const call = openCall(governor, request, decision);
    try {
      await next();
      holdContext(c, call, idleMs);
    } catch (error) {
      call.fail(error);
      throw error;
    }
    return undefined;
  };
}

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
import { openCall, type Call } from '../core/call.ts';
import { workEndsWithRequest } from '../core/timers.ts';
import type { AcquireDecision, DeniedBy, SignalLike } from '../core/types.ts';
import { acquireWith } from '../core/waiting.ts';
import { holdBody } from './internal/body.ts';
import { badRequest, denialBody, retryAfter } from './internal/denial.ts';
import { readIdle } from './internal/options.ts';
import { classifyOutcome } from './internal/outcome.ts';
import { requestReader, type Known, type ServerOptions } from './internal/request.ts';
import type { AdapterGovernor } from './internal/types.ts';
import { canBuild, web, type ResponseLike, type WebResponse } from './internal/web.ts';

export type { AdapterGovernor, AdapterOptions } from './internal/types.ts';

/** What is used of Hono's context. */
export interface HonoLikeContext {
  readonly req: {
    readonly path: string;
    readonly method?: string;
    readonly raw: { readonly signal?: SignalLike | null };
    /** Reads the actor. */
    header(name: string): string | undefined;
  };
  /** The handler's error, once it has run. */
  readonly error?: Error | undefined;
  /** A Worker's request. Reading it throws where there is none. */
  readonly executionCtx?: {
    /** Keeps the request alive until the promise has settled. */
    waitUntil(promise: Promise<unknown>): void;
  };
  res: WebResponse;
  /** Leaves the lease's id to the handler. */
  set(key: 'throttleai_leaseId', value: string): void;
  /** Answers a denial. */
  json(body: object, status?: number, headers?: Record<string, string>): WebResponse;
  /** Answers for the log where the client has gone. */
  text(body: string, status?: number, headers?: Record<string, string>): WebResponse;
}

/** @ts-ignore The types of Hono may not be installed. */
type TheirContext = import('hono').Context;
type DefaultContext = Known<TheirContext, HonoLikeContext>;

/** @ts-ignore The types of Hono may not be installed. */
declare module 'hono' {
  interface ContextVariableMap {
    /** Set by `throttle` of `throttleai/adapters/hono`. */
    throttleai_leaseId: string;
  }
}

/** Options of `throttle`. Actor: the header `x-actor-id`, else `"anonymous"`. Action: `c.req.path`, the whole path. */
export interface HonoThrottleOptions<
  C extends HonoLikeContext = DefaultContext,
  G extends AdapterGovernor = AdapterGovernor,
> extends ServerOptions<C, G> {
  /** Answers a denied request. Default: status 429, `Retry-After` (unless waiting cannot help) and a JSON body. */
  onDeny?: ((c: C, decision: DeniedBy<G>) => WebResponse | Promise<WebResponse>) | undefined;
  /** A body that nobody reads for this many ms gives up its lease; it can still be read. Default 30000. Range: from 0. */
  idleMs?: number | undefined;
}

/** Status for the log of a request whose client left while it waited. Source: nginx, "client closed request". */
const CLIENT_GONE = 499;

/**
 * On Workers all that a request has left to do is dropped when its client leaves, giving back its lease too: keeps the
 * request until what is returned is called.
 */
function outliveClient(c: HonoLikeContext): () => void {
  let done = (): void => {};
  try {
    if (workEndsWithRequest()) c.executionCtx?.waitUntil(new Promise<void>((resolve) => (done = resolve)));
  } catch {
    // A test's request, which has no such context.
  }
  return done;
}

/** Ends the call with the response: at once when nobody will read a body, else when its bytes have come or are given up. */
function holdContext(c: HonoLikeContext, call: Call, idleMs: number): void {
  if (c.req.raw.signal?.aborted) return call.end('cancelled');
  const response = c.res as ResponseLike;
  const { body } = response;
  const outcome = classifyOutcome(c.error, response.status);
  // A response that cannot be built again is passed on as it is.
  if (!body || body.locked || c.req.method === 'HEAD' || !canBuild(response)) return call.end(outcome);
  c.res = new web.Response(
    holdBody(response, body, { call, idleMs, onDone: () => call.end(outcome) }),
    response,
  ) as WebResponse;
}

/**
 * Hono middleware that takes a lease before the next handler and gives it back when the response's body has ended. A
 * client that leaves ends a body, but no handler that has not returned: it keeps its lease until it does, so let it end
 * on `c.req.raw.signal`.
 *
 * The handler finds the lease under `c.get('throttleai_leaseId')`. What the options' functions throw is thrown on; ids and
 * estimates that the governor refuses answer 400.
 *
 * @throws InputError for an option that cannot be used
 * @example
 * app.use('/ai/*', throttle({
 *   governor,
 *   getActorId: (c: Context<{ Variables: { userId: string } }>) => c.get('userId'),
 *   onDeny: (c, { reason }) => c.text(reason, 503),
 *   wait: { timeoutMs: 5_000 },
 * }));
 */
export function throttle<C extends HonoLikeContext = DefaultContext, G extends AdapterGovernor = AdapterGovernor>(
  options: HonoThrottleOptions<C, G>,
): (c: HonoLikeContext, next: () => Promise<void>) => Promise<WebResponse | void> {
  const requestFor = requestReader<HonoLikeContext>(
    options as unknown as HonoThrottleOptions<HonoLikeContext>,
    (c) => c.req.header('x-actor-id') || 'anonymous',
    (c) => c.req.path,
    ['idleMs'],
  );
  const { governor, wait, onDeny } = options;
  const idleMs = readIdle(options);

  const deny = (c: HonoLikeContext, decision: DeniedBy<G>): WebResponse | Promise<WebResponse> => {
    if (onDeny) return onDeny(c as C, decision);
    const seconds = retryAfter(governor, decision);
    return c.json(denialBody(decision), 429, seconds === undefined ? {} : { 'Retry-After': seconds });
  };

  return async (c, next) => {
    const { signal } = c.req.raw;
    // Nobody is left to answer: what the runtime makes of this status, no client sees.
    const leave = (): WebResponse => c.text('', CLIENT_GONE);
    if (signal?.aborted) return leave();
    const request = requestFor(c);
    const done = outliveClient(c);
    let decision: AcquireDecision;
    try {
      const answer = acquireWith(governor, request, wait && { ...wait, ...(signal && { signal }) });
      decision = 'then' in answer ? await answer : answer;
    } catch (error) {
      done();
      if (signal?.aborted) return leave();
      const body = badRequest(error);
      if (!body) throw error;
      return c.json(body, 400);
    }
    if (!decision.granted) {
      done();
      return deny(c, decision as DeniedBy<G>);
    }
    const call = openCall(governor, request, decision, null, done);
    try {
      c.set('throttleai_leaseId', decision.leaseId);
      await next();
      holdContext(c, call, idleMs);
    } catch (error) {
      call.fail(error);
      throw error;
    }
    return undefined;
  };
}

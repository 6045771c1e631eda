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
import type { DeniedBy, SignalLike } from '../core/types.ts';
import { ANONYMOUS, peerReader, type ClientAddressOptions } from './internal/client.ts';
import { readIdle } from './internal/options.ts';
import { classifyOutcome } from './internal/outcome.ts';
import { requestReader, type Known, type ServerOptions } from './internal/request.ts';
import { serve, type WorkerContext } from './internal/served.ts';
import type { AdapterGovernor } from './internal/types.ts';
import type { ResponseLike, WebResponse } from './internal/web.ts';

export { rateLimitHeaders } from './internal/limit-headers.ts';
export type { ClientAddressOptions } from './internal/client.ts';
export type { RateLimitHeaders, RateLimitHeadersOptions } from './internal/limit-headers.ts';
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
  readonly executionCtx?: WorkerContext;
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
> extends ServerOptions<[c: C], G> {
  /** Answers a denied request. Default: status 429, `Retry-After` (unless waiting cannot help) and a JSON body. */
  onDeny?: ((c: C, decision: DeniedBy<G>) => WebResponse | Promise<WebResponse>) | undefined;
  /** A body that nobody reads for this many ms gives up its lease; it can still be read. Default 30000. Range: from 0. */
  idleMs?: number | undefined;
}

/** Options of `clientAddress`. */
export interface HonoAddressOptions<C extends HonoLikeContext = DefaultContext> extends ClientAddressOptions {
  /**
   * The address at the other end of the connection: `(c) => getConnInfo(c).remote.address`, with the `getConnInfo` that Hono has
   * for your runtime. A list of trusted proxies needs it; with a number of them it is believed that there are so many.
   */
  peer?: ((c: C) => string | null | undefined) | undefined;
}

/**
 * For `getActorId`: who sends a request, by the address of the connection, or by what trusted proxies say of it. `"anonymous"`
 * where neither is known.
 *
 * @throws InputError for an option that cannot be used
 * @example
 * const getActorId = clientAddress({ trustedProxy: 1 });
 */
export function clientAddress<C extends HonoLikeContext = DefaultContext>(
  options: HonoAddressOptions<C> = {},
): (c: HonoLikeContext) => string {
  const { peer } = options;
  return peerReader<[c: HonoLikeContext], HonoAddressOptions<C>>(
    options,
    (c) => peer?.(c as C),
    (header, c) => c.req.header(header),
  );
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
  const requestFor = requestReader<[c: HonoLikeContext]>(
    options as unknown as HonoThrottleOptions<HonoLikeContext>,
    (c) => c.req.header('x-actor-id') || ANONYMOUS,
    (c) => c.req.path,
    ['idleMs'],
  );
  const { onDeny } = options;
  const idleMs = readIdle(options);
  return async (c, next) => {
    let handled = false;
    const response = await serve(options, {
      signal: c.req.raw.signal,
      method: c.req.method,
      idleMs,
      request: () => requestFor(c),
      context: () => c.executionCtx,
      async handle({ leaseId }) {
        c.set('throttleai_leaseId', leaseId);
        await next();
        handled = true;
        return c.res as ResponseLike;
      },
      outcomeOf: ({ status }) => classifyOutcome(c.error, status),
      answer: (status, body, headers) =>
        (body === undefined ? c.text('', status) : c.json(body, status, headers)) as ResponseLike,
      onDeny: onDeny && (async (decision) => (await onDeny(c as C, decision)) as ResponseLike),
    });
    if (!handled) return response as WebResponse;
    // Assigning copies a response.
    if (response !== c.res) c.res = response as WebResponse;
    return undefined;
  };
}

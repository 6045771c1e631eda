/**
 * Fastify (4 and 5): a request takes a lease until its response is over. As a hook, for a route or a scope, or as a plugin.
 *
 * @module throttleai/adapters/fastify
 * @example
 * import fastify from 'fastify';
 * import { createGovernor, presets } from 'throttleai';
 * import { throttlePlugin } from 'throttleai/adapters/fastify';
 *
 * const app = fastify();
 * app.register(throttlePlugin, { governor: createGovernor(presets.balanced()) });
 * app.get('/ai/chat', async () => ({ answer: 42 }));
 */
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

/** What is read of a request. */
export interface FastifyLikeRequest extends NodeLikeRequest {
  readonly url: string;
  readonly ip: string;
}

/** What is used of a reply. */
export interface FastifyLikeReply {
  /** The response of Node. */
  readonly raw: NodeLikeResponse;
  /** Sets the status of a denial, and sends its body. */
  code(status: number): {
    /** Sends a body. */
    send(body: object): unknown;
  };
}

/** @ts-ignore The types of Fastify may not be installed. */
type TheirRequest = import('fastify').FastifyRequest;
/** @ts-ignore The types of Fastify may not be installed. */
type TheirReply = import('fastify').FastifyReply;
type DefaultRequest = Known<TheirRequest, FastifyLikeRequest>;
type DefaultReply = Known<TheirReply, FastifyLikeReply>;

/**
 * Options of `throttleHook` and `throttlePlugin`. Actor: `request.ip`; behind a proxy that is the proxy's, for all clients the
 * same, until `trustProxy` is set. Action: the path of the URL.
 */
export interface FastifyThrottleOptions<
  Req extends FastifyLikeRequest = DefaultRequest,
  Reply extends FastifyLikeReply = DefaultReply,
  G extends AdapterGovernor = AdapterGovernor,
> extends ServerOptions<[request: Req], G> {
  /** Answers a denied request. Default: status 429, `Retry-After` (unless waiting cannot help) and a JSON body. */
  onDeny?: ((request: Req, reply: Reply, decision: DeniedBy<G>) => unknown) | undefined;
}

/** Ends the hook; with an error the framework answers it. */
type Done = (error?: Error) => void;
type Hook = (request: FastifyLikeRequest, reply: FastifyLikeReply, done: Done) => void;

/**
 * A hook for `onRequest` that takes a lease before the handler and gives it back when the response has been sent, or its
 * connection is gone. A handler that goes on after that runs without a lease: let it end on `reply.raw.on('close')`. As a hook
 * for `preHandler` it can read the body, which has been received without a lease then.
 *
 * What the options' functions throw goes to the error handler; ids and estimates that the governor refuses answer 400.
 *
 * @throws InputError for an option that cannot be used
 * @example
 * app.addHook('preHandler', throttleHook({ governor, getTenant: (request) => request.hostname }));
 */
export function throttleHook<
  Req extends FastifyLikeRequest = DefaultRequest,
  Reply extends FastifyLikeReply = DefaultReply,
  G extends AdapterGovernor = AdapterGovernor,
>(options: FastifyThrottleOptions<Req, Reply, G>): Hook {
  const requestFor = requestReader(
    options,
    ({ ip }) => ip || ANONYMOUS,
    ({ url }) => url.replace(/\?.*$/s, ''),
  );
  const { onDeny } = options;
  return (request, reply, done) =>
    visit(options, {
      res: reply.raw,
      socket: request.socket,
      request: () => requestFor(request as Req),
      proceed: done,
      raise: done as (error: unknown) => void,
      answer: (status, body) => reply.code(status).send(body),
      onDeny: onDeny && ((decision) => onDeny(request as Req, reply as Reply, decision)),
    });
}

/** What is used of an instance. */
interface FastifyLikeInstance {
  addHook(name: 'onRequest', hook: Hook): unknown;
}

/**
 * `throttleHook` for all routes of the scope in which it is registered, as a plugin. An option that cannot be used fails the
 * start of the server.
 *
 * @example
 * app.register(async (ai) => {
 *   ai.register(throttlePlugin, { governor, headers: rateLimitHeaders() });
 *   ai.get('/chat', async () => ({ answer: 42 }));
 * }, { prefix: '/ai' });
 */
export async function throttlePlugin(instance: FastifyLikeInstance, options: FastifyThrottleOptions): Promise<void> {
  instance.addHook('onRequest', throttleHook(options));
}

// What `fastify-plugin` would set: the hook is for the scope that registers the plugin, not for one of its own.
Object.assign(throttlePlugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('plugin-meta')]: { name: 'throttlePlugin', fastify: '4.x || 5.x' },
});

/**
 * The adapters for Fastify (5 here, 4 through tsconfig.previous.json), Node and handlers against the types of these. Compiled,
 * never run: what compiles is the test, and each `@ts-expect-error` is one as well.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import express from 'express';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { Hono } from 'hono';
import { createGovernor, presets, type AcquireDenied, type GovernorDenied, type GovernorLike } from 'throttleai';
import * as ofExpress from 'throttleai/adapters/express';
import * as ofFastify from 'throttleai/adapters/fastify';
import * as ofHono from 'throttleai/adapters/hono';
import * as ofNode from 'throttleai/adapters/node';
import * as ofWeb from 'throttleai/adapters/web';

const governor = createGovernor(presets.balanced());
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

export function fastifyApps(own: GovernorLike): void {
  const { throttleHook, throttlePlugin, clientAddress, rateLimitHeaders } = ofFastify;
  const app = fastify();
  app.register(throttlePlugin, {
    governor,
    getActorId: (request) => {
      true satisfies Equal<typeof request, FastifyRequest>;
      return request.ip;
    },
    onDeny: (_request, reply, decision) => {
      true satisfies Equal<typeof reply, FastifyReply>;
      return reply.code(503).send(decision.reason);
    },
  });
  // At every place a hook may stand.
  const hook = throttleHook({ governor, getActorId: clientAddress({ trustedProxy: 1 }), headers: rateLimitHeaders() });
  app.addHook('onRequest', hook);
  app.addHook('preParsing', (request, reply, _payload, done) => hook(request, reply, done));
  app.addHook('preValidation', hook);
  app.addHook('preHandler', hook);
  app.get('/', { onRequest: hook, preHandler: [hook] }, async () => 'hello');
  app.post<{ Body: { prompt: string } }>('/chat', { preHandler: hook }, async ({ body }) => body.prompt);
  const typed = throttleHook({
    governor,
    getActorId: (request) => {
      true satisfies Equal<typeof request, FastifyRequest>;
      return request.routeOptions.url ?? request.url;
    },
    onDeny: (_request, _reply, decision) => {
      true satisfies Equal<typeof decision, GovernorDenied>;
    },
  });
  app.get('/typed', { onRequest: typed }, async () => 'hello');
  interface UserRequest extends FastifyRequest {
    user: { id: string };
  }
  app.addHook('preHandler', throttleHook({ governor, getActorId: (request: UserRequest) => request.user.id }));
  throttleHook({
    governor: own,
    onDeny: (_request, _reply, decision) => {
      true satisfies Equal<typeof decision, AcquireDenied>;
    },
  });
  const options: ofFastify.FastifyThrottleOptions = { governor, getActorId: undefined, headers: undefined };
  app.register(throttlePlugin, options);
  // @ts-expect-error a request has no such field
  throttleHook({ governor, getActorId: (request) => request.nobody });
  // @ts-expect-error there must be a governor
  app.register(throttlePlugin, {});
}

export function listeners(own: GovernorLike): void {
  const { wrapListener, clientAddress, rateLimitHeaders } = ofNode;
  const wrapped: RequestListener = wrapListener(
    (req, res) => {
      true satisfies Equal<typeof req, IncomingMessage>;
      res.writeHead(200).end(req.url);
    },
    {
      governor,
      getActorId: (req) => req.socket.remoteAddress ?? 'nobody',
      headers: rateLimitHeaders({ limits: ['a', 'b'], draft: 7 }),
      onDeny: (_req, res, decision) => {
        true satisfies Equal<typeof decision, GovernorDenied>;
        res.writeHead(503).end();
      },
      onError: (error, _req, res) => {
        true satisfies Equal<typeof error, unknown>;
        res.writeHead(500).end();
      },
    },
  );
  createServer(wrapped);
  createServer(wrapListener((_req, res) => res.end(), { governor, getActorId: clientAddress() }));
  createServer(wrapListener(async (_req: IncomingMessage, res: ServerResponse) => void res.end(), { governor }));
  createHttp2Server(
    wrapListener((req: Http2ServerRequest, res: Http2ServerResponse) => res.end(req.authority), {
      governor,
      getActorId: clientAddress({ trustedProxy: ['::1'], header: 'forwarded', ipv6Prefix: 56 }),
    }),
  );
  wrapListener((_req, res) => res.end(), {
    governor: own,
    onDeny: (_req, _res, decision) => {
      true satisfies Equal<typeof decision, AcquireDenied>;
    },
  });
  // @ts-expect-error only what a proxy can write
  clientAddress({ header: 'x-real-ip' });
  // @ts-expect-error there is no such draft
  rateLimitHeaders({ draft: 8 });
  // @ts-expect-error a listener is a function
  wrapListener({}, { governor });
}

export function handlers(own: GovernorLike): void {
  const { wrapHandler, clientAddress, rateLimitHeaders } = ofWeb;
  const plain = wrapHandler(() => new Response('hello'), { governor, getActorId: clientAddress({ trustedProxy: 1 }) });
  plain satisfies (request: Request) => Promise<Response>;
  const typed = wrapHandler(
    async (request) => {
      true satisfies Equal<typeof request, Request>;
      return new Response(await request.text());
    },
    {
      governor,
      headers: rateLimitHeaders(),
      getAction: (request) => request.method,
      onDeny: (request, decision) => {
        true satisfies Equal<typeof decision, GovernorDenied>;
        return Response.json({ url: request.url, reason: decision.reason }, { status: 503 });
      },
    },
  );
  typed satisfies (request: Request) => Response | Promise<Response>;
  // A route handler of Next.js, with a request that knows more.
  interface NextRequest extends Request {
    readonly nextUrl: { readonly pathname: string };
  }
  interface Context {
    params: Promise<{ id: string }>;
  }
  const next = wrapHandler(
    async (request: NextRequest, { params }: Context) => new Response(request.nextUrl.pathname + (await params).id),
    {
      governor,
      getActorId: (_request, context) => {
        true satisfies Equal<typeof context, Context>;
        return 'somebody';
      },
      getAction: ({ nextUrl }) => nextUrl.pathname,
    },
  );
  next satisfies (request: NextRequest, context: Context) => Promise<Response>;
  // A Worker's.
  interface Env {
    KEY: string;
  }
  const worker = {
    fetch: wrapHandler(
      async (_request: Request, env: Env, _context: { waitUntil(promise: Promise<unknown>): void }) =>
        new Response(env.KEY),
      { governor, getActorId: (request) => request.headers.get('cf-connecting-ip') ?? 'nobody' },
    ),
  };
  void worker.fetch(new Request('http://localhost'), { KEY: '' }, { waitUntil() {} });
  // Deno's and Bun's, which say who is connected.
  const peer = (_request: Request, info: { remoteAddr: { hostname: string } }): string => info.remoteAddr.hostname;
  const getActorId = clientAddress({ trustedProxy: ['10.0.0.0/8'], peer });
  wrapHandler((_request: Request, _info: { remoteAddr: { hostname: string } }) => new Response(), {
    governor,
    getActorId,
  });
  wrapHandler(() => new Response(), {
    governor: own,
    onDeny: (_request, decision) => {
      true satisfies Equal<typeof decision, AcquireDenied>;
      return new Response();
    },
  });
  // @ts-expect-error an answer is a response
  wrapHandler(() => 'no', { governor });
  // @ts-expect-error there must be a governor
  wrapHandler(() => new Response(), {});
}

/** What the documented adapters have of this. */
export function documented(): void {
  const headers: ofExpress.RateLimitHeaders = ofExpress.rateLimitHeaders({ partitionKey: ({ key }) => key?.tenant });
  express().use(ofExpress.throttleMiddleware({ governor, headers, getActorId: ofExpress.clientAddress() }));
  const getActorId = ofHono.clientAddress({ trustedProxy: ['::1'], peer: (c) => c.req.header('x-peer') });
  new Hono().use(ofHono.throttle({ governor, headers, getActorId }));
}

// The adapters against the frameworks' own types, in a project with DOM and Node types.
import { createServer } from 'node:http';
import express from 'express';
import { Hono } from 'hono';
import { createGovernor, presets } from 'throttleai';
import {
  throttleMiddleware,
  type ExpressLikeRequest,
  type ExpressLikeResponse,
  type ThrottleMiddlewareOptions,
} from 'throttleai/adapters/express';
import {
  wrapFetch,
  type FetchFn,
  type ProviderUsage,
  type ThrottledFetchResult,
  type WrapFetchOptions,
} from 'throttleai/adapters/fetch';
import { throttle, type HonoLikeContext, type HonoThrottleOptions } from 'throttleai/adapters/hono';
import { rateLimitHeaders, wrapListener, type WrapListenerOptions } from 'throttleai/adapters/node';
import {
  estimateTokensFromChars,
  estimateTokensFromMessages,
  wrapChatCompletions,
  type OpenAIAdapterOptions,
  type OpenAILikeResponse,
  type OpenAIUsage,
  type ThrottledOpenAIResult,
} from 'throttleai/adapters/openai';
import { clientAddress, wrapHandler, type WrapHandlerOptions } from 'throttleai/adapters/web';
import { createMockProvider } from 'throttleai/testing';

const governor = createGovernor(presets.balanced());

const app = express();
app.use(throttleMiddleware({ governor }));
app.use(
  '/ai',
  throttleMiddleware({ governor, getActorId: (req: express.Request) => req.hostname, getAction: (req) => req.path }),
);
app.use(
  throttleMiddleware({
    governor,
    onDeny: (_req, res, { cause, retryAt }) => res.status(503).json({ cause, at: retryAt ?? 0 }),
  }),
);
// Callbacks know the framework's request, or one's own.
app.use(throttleMiddleware({ governor, getActorId: (req) => req.header('x-user') ?? req.hostname }));
interface AuthenticatedRequest extends express.Request {
  user: { id: string };
}
app.use('/ai', throttleMiddleware({ governor, getActorId: (req: AuthenticatedRequest) => req.user.id }));
// @ts-expect-error a request has no such field
throttleMiddleware({ governor, getActorId: (req) => req.nobody });
export const expressOptions: ThrottleMiddlewareOptions<ExpressLikeRequest, ExpressLikeResponse> = { governor };

const hono = new Hono();
hono.use('/ai/*', throttle({ governor, getActorId: (c) => c.req.query('user') ?? 'nobody' }));
hono.use('/ai/*', throttle({ governor, onDeny: (c, { cause, retryAt }) => c.text(cause.slice(0, retryAt ?? 1), 429) }));
hono.get('/ai/chat', (c) => c.text(c.get('throttleai_leaseId')));
export const honoOptions: HonoThrottleOptions<HonoLikeContext> = { governor };

const listenerOptions: WrapListenerOptions = { governor, getActorId: (req) => req.socket.remoteAddress ?? 'nobody' };
createServer(wrapListener((req, res) => res.writeHead(200).end(req.method), listenerOptions));
const handlerOptions: WrapHandlerOptions = { governor, getActorId: clientAddress({ trustedProxy: 1 }) };
export const GET = wrapHandler((request) => Response.json(request.url), {
  ...handlerOptions,
  headers: rateLimitHeaders(),
});
interface RouteContext {
  params: Promise<{ id: string }>;
}
const POST = wrapHandler(
  async (request: Request, { params }: RouteContext) => new Response((await params).id + request.method),
  { governor, getActorId: (_request, { params }) => typeof params },
);
POST satisfies (request: Request, context: RouteContext) => Promise<Response>;
// @ts-expect-error an answer is a response
wrapHandler(() => 'no', { governor });

const fetchOptions: WrapFetchOptions = { governor, actorId: 'user-1', classifyAction: () => 'chat' };
const throttled = wrapFetch(fetch, fetchOptions);
export const fetched: Promise<ThrottledFetchResult> = throttled('https://api.example.com/', { method: 'POST' });
export const custom: FetchFn = async (input, init) => fetch(input as string, init as RequestInit);
export const status = fetched.then((result) => (result.ok ? result.response.status : result.decision.retryAfterMs));

interface Completion extends OpenAILikeResponse {
  choices: string[];
}
const usage: OpenAIUsage = { prompt_tokens: 1, completion_tokens: 2 };
const create = async (_params: { model: string }): Promise<Completion> => ({ choices: ['hello'], usage });
export const until: Promise<number | null> = wrapFetch(fetch, { governor })('').then((result) =>
  result.ok ? 0 : result.decision.retryAt,
);
const openaiOptions: OpenAIAdapterOptions = { governor, actorId: 'user-1' };
const chat = wrapChatCompletions(create, openaiOptions);
const estimate = {
  promptTokens: estimateTokensFromChars(400),
  maxOutputTokens: estimateTokensFromMessages([{ role: 'user', content: 'hi' }]),
};
export const answered: Promise<ThrottledOpenAIResult<Completion>> = chat({ model: 'mock' }, estimate);
export const cause = wrapChatCompletions(create, { governor })({ model: 'mock' }).then((done) =>
  done.ok ? '' : done.decision.cause.toUpperCase(),
);
export const used: ProviderUsage = { promptTokens: 1, outputTokens: 2 };

export const provider = createMockProvider({ limits: { maxInFlight: 2 } });

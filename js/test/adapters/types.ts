/**
 * The adapters against the types of Express (5 here, 4 through tsconfig.previous.json) and Hono. Compiled, never run: what
 * compiles is the test, and each `@ts-expect-error` is one as well.
 */
import express from 'express';
import { Hono, type Context } from 'hono';
import {
  createGovernor,
  presets,
  type AcquireDenied,
  type GovernorDenied,
  type GovernorLike,
  type Priority,
  type TokenEstimate,
} from 'throttleai';
import {
  throttleMiddleware,
  type ExpressLikeRequest,
  type ExpressLikeResponse,
  type ThrottleMiddlewareOptions,
} from 'throttleai/adapters/express';
import { wrapFetch, type WrapFetchOptions } from 'throttleai/adapters/fetch';
import { throttle, type HonoThrottleOptions } from 'throttleai/adapters/hono';
import { wrapChatCompletions, type OpenAIAdapterOptions } from 'throttleai/adapters/openai';
import { wrapTool, type WrapToolOptions } from 'throttleai/adapters/tools';

const governor = createGovernor(presets.balanced());
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

interface AuthenticatedRequest extends express.Request {
  user: { id: string };
}

export function expressApps(): void {
  const app = express();
  const router = express.Router();
  // Callbacks without annotations see the framework's own request and response.
  app.use(
    throttleMiddleware({
      governor,
      getActorId: (req) => {
        true satisfies Equal<typeof req, express.Request>;
        return req.header('x-user') ?? req.hostname;
      },
      getAction: (req) => `${req.method} ${req.baseUrl}${req.path}`,
      getPriority: (req) => (req.query['slow'] === undefined ? 'interactive' : 'background'),
      getEstimate: (req) => ({ promptTokens: Number(req.headers['content-length'] ?? 0) / 4 }),
      onDeny: (req, res, decision) => {
        true satisfies Equal<typeof res, express.Response>;
        true satisfies Equal<typeof decision, GovernorDenied>;
        return res.status(req.path === '/' ? 503 : 429).send(decision.recommendation);
      },
    }),
  );
  // With a request of one's own, at every place a middleware may stand.
  const authenticated = throttleMiddleware({
    governor,
    getActorId: (req: AuthenticatedRequest) => req.user.id,
    getAction: (req) => req.user.id + req.path,
    onDeny: (_req, res) => res.sendStatus(429),
  });
  app.use('/ai', authenticated);
  app.get('/ai/:id', authenticated, (req, res) => void res.json(req.params.id));
  router.use(authenticated);
  router.post('/chat', [authenticated], (_req: express.Request, res: express.Response) => void res.end());
  const handler: express.RequestHandler = authenticated;
  const options: ThrottleMiddlewareOptions<AuthenticatedRequest> = { governor, getActorId: ({ user }) => user.id };
  app.use(handler, throttleMiddleware(options), throttleMiddleware<express.Request, express.Response>({ governor }));
  // Anything of the same shape.
  const like: ThrottleMiddlewareOptions<ExpressLikeRequest, ExpressLikeResponse> = { governor };
  const res = { status: () => ({ json() {} }), setHeader() {}, on() {} };
  throttleMiddleware(like)({ headers: {}, path: '/p' }, res, () => {});
  // @ts-expect-error a request has no such field
  throttleMiddleware({ governor, getActorId: (req) => req.nobody });
  // @ts-expect-error an id is a string
  throttleMiddleware({ governor, getActorId: () => 7 });
  // @ts-expect-error there must be a governor
  throttleMiddleware({});
}

export function honoApps(): void {
  const app = new Hono();
  app.use('/ai/*', throttle({ governor }));
  app.get('/ai/chat', (c) => {
    c.get('throttleai_leaseId') satisfies string;
    return c.text(c.var.throttleai_leaseId);
  });
  // Callbacks without annotations see the framework's own context.
  app.use(
    throttle({
      governor,
      getActorId: (c) => {
        true satisfies Equal<typeof c, Context>;
        return c.req.query('user') ?? c.req.header('x-user') ?? 'nobody';
      },
      getAction: (c) => `${c.req.method} ${c.req.path}`,
      onDeny: (c, decision) => {
        true satisfies Equal<typeof decision, GovernorDenied>;
        return c.json({ reason: decision.reason }, 503);
      },
    }),
  );
  const typed = new Hono<{ Variables: { userId: string } }>();
  const getActorId = (c: Context<{ Variables: { userId: string } }>): string => c.get('userId');
  typed.use('/ai/*', throttle({ governor, getActorId, onDeny: async (c) => c.text(c.get('userId'), 429) }));
  typed.get('/ai/chat', throttle({ governor, getActorId }), (c) =>
    c.text(c.get('userId') + c.get('throttleai_leaseId')),
  );
  new Hono().use(throttle({ governor })).get('/', (c) => c.text(c.get('throttleai_leaseId')));
  const options: HonoThrottleOptions = { governor, getActorId: (c) => c.req.path };
  app.use(throttle(options));
  // @ts-expect-error an answer is a response
  throttle({ governor, onDeny: () => 'no' });
  // @ts-expect-error there must be a governor
  throttle({});
}

/** Denials of a `Governor` have all their fields, whatever takes them; of an object of the user's what its own type says. */
export async function denials(own: GovernorLike): Promise<void> {
  const create = async (_params: object): Promise<object> => ({});
  const answers = [
    await wrapFetch(fetch, { governor })(''),
    await wrapChatCompletions(create, { governor })({}),
    await wrapTool(() => 1, { governor, toolId: 't' })(),
  ];
  for (const answer of answers) if (!answer.ok) true satisfies Equal<typeof answer.decision, GovernorDenied>;
  const options: WrapFetchOptions = { governor: own };
  const others = [
    await wrapFetch(fetch, options)(''),
    await wrapChatCompletions(create, { governor: own })({}),
    await wrapTool(() => 1, { governor: own, toolId: 't' })(),
  ];
  for (const answer of others) if (!answer.ok) true satisfies Equal<typeof answer.decision, AcquireDenied>;
  throttleMiddleware({
    governor: own,
    onDeny: (_req, _res, decision) => {
      true satisfies Equal<typeof decision, AcquireDenied>;
    },
  });
  throttle({
    governor: own,
    onDeny: (c, decision) => {
      true satisfies Equal<typeof decision, AcquireDenied>;
      return c.text('');
    },
  });
}

/** Whatever may be left out may be `undefined`, under `exactOptionalPropertyTypes` too. */
export function undefinedOptions(priority: Priority | undefined, estimate: TokenEstimate | undefined): unknown[] {
  const caller = { governor, wait: undefined, actorId: undefined, priority };
  const fetchOptions: WrapFetchOptions = {
    ...caller,
    classifyAction: undefined,
    estimate,
    extractUsage: undefined,
    idempotencyKey: undefined,
    idleMs: undefined,
  };
  const openaiOptions: OpenAIAdapterOptions = { ...caller, action: undefined, idleMs: undefined };
  const toolOptions: WrapToolOptions = { ...caller, toolId: 't', costWeight: undefined, idempotencyKey: undefined };
  const server = { governor, wait: undefined, getActorId: undefined, getAction: undefined, onDeny: undefined };
  const read = { getPriority: () => priority, getEstimate: () => estimate };
  return [
    wrapFetch(fetch, fetchOptions),
    wrapChatCompletions(async (_params: object) => ({}), openaiOptions),
    wrapTool(() => 1, toolOptions),
    throttleMiddleware({ ...server, ...read }),
    throttle({ ...server, ...read, idleMs: undefined }),
  ];
}

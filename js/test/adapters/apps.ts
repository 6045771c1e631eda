/**
 * The same governed app with each framework, for the tests that ask all of them the same. Its routes answer in all the ways
 * in which a handler can; each is there under every mount, whose middleware differs.
 */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import express4 from 'express4';
import { Hono, type Context } from 'hono';
import { stream } from 'hono/streaming';
import type { Governor } from 'throttleai';
import { throttleMiddleware } from 'throttleai/adapters/express';
import { throttle } from 'throttleai/adapters/hono';

/** What a test may follow or hold up. */
export interface Hooks {
  /** A handler runs. */
  reached?: () => void;
  /** Called between chunks of `/chunks`, and before `/breaks` breaks. Default: other requests run meanwhile. */
  pace?: () => Promise<void>;
  /** A chunk of `/big` was asked for. */
  produced?: () => void;
}

/** Chunks of `/chunks`. */
export const CHUNKS = 8;
/** Bytes of a chunk of `/big`. */
export const BIG_CHUNK: number = 64 * 1024;
const WAIT = { timeoutMs: 120_000 };

/** Lets other requests run. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** `/big?chunks=N`, at the pace of the reader. */
function* big(chunks: number, { produced }: Hooks): Generator<Uint8Array> {
  const chunk = new Uint8Array(BIG_CHUNK);
  for (let i = 0; i < chunks; i++) {
    produced?.();
    yield chunk;
  }
}

const thrown = (): never => {
  throw new Error('thrown');
};
const rejected = (): Promise<never> => turns(1).then(thrown);

/** What a deny handler may do that asks the governor again, from within the refusal. */
function askAgain(governor: Governor): string {
  const again = governor.acquire({ actorId: 'deny-handler', action: 'again' });
  if (again.granted) governor.release(again.leaseId);
  return `again ${again.granted}`;
}

function expressApp(make: typeof express, governor: Governor, hooks: Hooks): RequestListener {
  const { reached, pace = () => turns(1) } = hooks;
  const app = make().disable('etag');
  app.use('/now', throttleMiddleware({ governor }));
  app.use('/wait', throttleMiddleware({ governor, wait: WAIT }));
  app.use('/deny-throws', throttleMiddleware({ governor, onDeny: thrown }));
  app.use('/deny-rejects', throttleMiddleware({ governor, onDeny: rejected }));
  app.use(
    '/deny-asks',
    throttleMiddleware({ governor, onDeny: (_req, res) => res.status(503).send(askAgain(governor)) }),
  );
  const routes = make.Router();
  /** Express 4 leaves rejections to the app. */
  const route = (path: string, handler: (req: express.Request, res: express.Response) => unknown): void => {
    routes.all(path, async (req, res, next) => {
      reached?.();
      try {
        await handler(req, res);
      } catch (error) {
        next(error);
      }
    });
  };
  route('/json', (req, res) => res.json({ path: req.path }));
  route('/later', async (_req, res) => (await turns(CHUNKS), res.send('later')));
  route('/chunks', async (_req, res) => {
    for (let i = 0; i < CHUNKS && !res.destroyed; i++) {
      if (i > 0) await pace();
      res.write(`chunk ${i}\n`);
    }
    res.end();
  });
  route('/held', async (_req, res) => {
    res.write('held');
    if (!res.destroyed) await once(res, 'close');
  });
  // That the reader has left is no error.
  route('/big', ({ query }, res) => pipeline(Readable.from(big(Number(query['chunks']), hooks)), res).catch(() => {}));
  route('/throws', thrown);
  route('/rejects', rejected);
  route('/breaks', async (_req, res) => {
    res.write('part');
    await pace();
    thrown();
  });
  route('/empty', (_req, res) => res.status(204).end());
  route('/moved', (_req, res) => res.redirect(303, '/now/json'));
  app.use(['/now', '/wait', '/deny-throws', '/deny-rejects', '/deny-asks'], routes);
  const onError: express.ErrorRequestHandler = (error: Error, _req, res, next) =>
    void (res.headersSent ? next(error) : res.status(500).send(error.message));
  app.use(onError);
  return app;
}

function honoApp(governor: Governor, hooks: Hooks): RequestListener {
  const { reached, pace = () => turns(1) } = hooks;
  const app = new Hono();
  app.use('/now/*', throttle({ governor }));
  app.use('/wait/*', throttle({ governor, wait: WAIT }));
  app.use('/deny-throws/*', throttle({ governor, onDeny: thrown }));
  app.use('/deny-rejects/*', throttle({ governor, onDeny: rejected }));
  app.use('/deny-asks/*', throttle({ governor, onDeny: (c) => c.text(askAgain(governor), 503) }));
  const routes = new Hono();
  const route = (path: string, handler: (c: Context) => Response | Promise<Response>): void => {
    routes.all(path, (c) => {
      reached?.();
      return handler(c);
    });
  };
  route('/json', (c) => c.json({ path: c.req.path }));
  route('/later', async (c) => (await turns(CHUNKS), c.text('later')));
  route('/chunks', (c) =>
    stream(c, async (out) => {
      for (let i = 0; i < CHUNKS && !out.aborted; i++) {
        if (i > 0) await pace();
        await out.write(`chunk ${i}\n`);
      }
    }),
  );
  route('/held', (c) =>
    stream(c, async (out) => {
      const left = new Promise<void>((resolve) => out.onAbort(resolve));
      await out.write('held');
      await left;
    }),
  );
  route('/big', (c) => {
    const chunks = big(Number(c.req.query('chunks')), hooks);
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      const { done, value } = chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    };
    return c.body(new ReadableStream({ pull }, { highWaterMark: 0 }));
  });
  route('/throws', thrown);
  route('/rejects', rejected);
  route('/breaks', (c) => {
    let parts = 0;
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      if (parts++ === 0) return controller.enqueue(new TextEncoder().encode('part'));
      await pace();
      thrown();
    };
    return c.body(new ReadableStream({ pull }, { highWaterMark: 0 }));
  });
  route('/empty', (c) => c.body(null, 204));
  route('/moved', (c) => c.redirect('/now/json', 303));
  for (const mount of ['/now', '/wait', '/deny-throws', '/deny-rejects', '/deny-asks']) app.route(mount, routes);
  app.onError((error, c) => c.text(error.message, 500));
  return getRequestListener(app.fetch);
}

type MakeApp = (governor: Governor, hooks?: Hooks) => Server;

/** By the name of the framework. */
export const apps: Record<'Express 4' | 'Express 5' | 'Hono', MakeApp> = {
  // The types of Express 4 are compared elsewhere; what is used here is the same in both.
  'Express 4': (governor, hooks = {}) =>
    createServer(expressApp(express4 as unknown as typeof express, governor, hooks)),
  'Express 5': (governor, hooks = {}) => createServer(expressApp(express, governor, hooks)),
  Hono: (governor, hooks = {}) => createServer(honoApp(governor, hooks)),
};

/** How many clients are connected. */
export function connections(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}

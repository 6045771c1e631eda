/** The governed app with Express. */
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type express from 'express';
import type { Governor } from 'throttleai';
import { throttleMiddleware } from 'throttleai/adapters/express';
import { askAgain, big, CHUNKS, MOUNTS, rejected, thrown, TOLD, turns, WAIT, type Hooks } from './shared.ts';

export function expressApp(make: typeof express, governor: Governor, hooks: Hooks): RequestListener {
  const { reached, pace = () => turns(1) } = hooks;
  const app = make().disable('etag');
  app.use('/now', throttleMiddleware({ governor }));
  app.use('/wait', throttleMiddleware({ governor, wait: WAIT }));
  app.use('/told', throttleMiddleware({ governor, headers: TOLD }));
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
  route('/unchanged', (_req, res) => res.status(304).end());
  route('/moved', (_req, res) => res.redirect(303, '/now/json'));
  for (const mount of MOUNTS) app.use(`/${mount}`, routes);
  const onError: express.ErrorRequestHandler = (error: Error, _req, res, next) =>
    void (res.headersSent ? next(error) : res.status(500).send(error.message));
  app.use(onError);
  return app;
}

/** The governed app with Hono. */
import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { stream } from 'hono/streaming';
import type { Governor } from 'throttleai';
import { throttle } from 'throttleai/adapters/hono';
import { askAgain, big, CHUNKS, MOUNTS, rejected, thrown, TOLD, turns, WAIT, type Hooks } from './shared.ts';

export function honoApp(governor: Governor, hooks: Hooks): RequestListener {
  const { reached, pace = () => turns(1) } = hooks;
  const app = new Hono();
  app.use('/now/*', throttle({ governor }));
  app.use('/wait/*', throttle({ governor, wait: WAIT }));
  app.use('/told/*', throttle({ governor, headers: TOLD }));
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
  route('/unchanged', (c) => c.body(null, 304));
  route('/moved', (c) => c.redirect('/now/json', 303));
  for (const mount of MOUNTS) app.route(`/${mount}`, routes);
  app.onError((error, c) => c.text(error.message, 500));
  return getRequestListener(app.fetch);
}

/** The governed app with nothing but `node:http`. */
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Governor } from 'throttleai';
import { wrapListener, type WrapListenerOptions } from 'throttleai/adapters/node';
import { askAgain, big, CHUNKS, placeOf, rejected, thrown, TOLD, turns, WAIT, type Hooks } from './shared.ts';

const urlOf = ({ url = '' }: IncomingMessage): URL => new URL(url, 'http://localhost');

function answers({ pace = () => turns(1), ...hooks }: Hooks): Record<string, RequestListener> {
  return {
    json: (req, res) => void res.end(JSON.stringify({ path: urlOf(req).pathname })),
    later: async (_req, res) => (await turns(CHUNKS), res.end('later')),
    async chunks(_req, res) {
      for (let i = 0; i < CHUNKS && !res.destroyed; i++) {
        if (i > 0) await pace();
        res.write(`chunk ${i}\n`);
      }
      res.end();
    },
    async held(_req, res) {
      res.write('held');
      if (!res.destroyed) await once(res, 'close');
    },
    big(req, res) {
      const chunks = Number(urlOf(req).searchParams.get('chunks'));
      // That the reader has left is no error.
      return pipeline(Readable.from(big(chunks, hooks)), res).catch(() => {});
    },
    throws: thrown,
    rejects: rejected,
    async breaks(_req, res) {
      res.write('part');
      await pace();
      thrown();
    },
    empty: (_req, res) => void res.writeHead(204).end(),
    unchanged: (_req, res) => void res.writeHead(304).end(),
    moved: (_req, res) => void res.writeHead(303, { location: '/now/json' }).end(),
  };
}

function onError(error: unknown, _req: IncomingMessage, res: ServerResponse): void {
  if (res.headersSent) res.destroy();
  else res.writeHead(500).end((error as Error).message);
}

export function nodeApp(governor: Governor, hooks: Hooks): RequestListener {
  const routes = answers(hooks);
  const listener: RequestListener = (req, res) => {
    hooks.reached?.();
    return routes[placeOf(urlOf(req).pathname)[1]]!(req, res);
  };
  const wrapped = (options: Partial<WrapListenerOptions>): RequestListener =>
    wrapListener(listener, { governor, onError, ...options });
  const mounts: Record<string, RequestListener> = {
    now: wrapped({}),
    wait: wrapped({ wait: WAIT }),
    told: wrapped({ headers: TOLD }),
    'deny-throws': wrapped({ onDeny: thrown }),
    'deny-rejects': wrapped({ onDeny: rejected }),
    'deny-asks': wrapped({ onDeny: (_req, res) => res.writeHead(503).end(askAgain(governor)) }),
  };
  return (req, res) => mounts[placeOf(urlOf(req).pathname)[0]]!(req, res);
}

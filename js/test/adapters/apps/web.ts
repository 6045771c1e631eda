/** The governed app as bare handlers from a `Request` to a `Response`. */
import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Governor } from 'throttleai';
import { wrapHandler, type WrapHandlerOptions } from 'throttleai/adapters/web';
import { askAgain, big, CHUNKS, placeOf, rejected, thrown, TOLD, turns, WAIT, type Hooks } from './shared.ts';

type Handler = (request: Request) => Response | Promise<Response>;

/** A body that is made as it is read. */
function pulled(chunks: Iterator<string | Uint8Array> | AsyncIterator<string | Uint8Array>): Response {
  const encoder = new TextEncoder();
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const { done, value } = await chunks.next();
    if (done) controller.close();
    else controller.enqueue(typeof value === 'string' ? encoder.encode(value) : value);
  };
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
}

function answers({ pace = () => turns(1), ...hooks }: Hooks): Record<string, Handler> {
  return {
    json: ({ url }) => Response.json({ path: new URL(url).pathname }),
    later: async () => (await turns(CHUNKS), new Response('later')),
    chunks() {
      async function* chunks(): AsyncGenerator<string> {
        for (let i = 0; i < CHUNKS; i++) {
          if (i > 0) await pace();
          yield `chunk ${i}\n`;
        }
      }
      return pulled(chunks());
    },
    held(request) {
      async function* chunks(): AsyncGenerator<string> {
        yield 'held';
        await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
      }
      return pulled(chunks());
    },
    big: ({ url }) => pulled(big(Number(new URL(url).searchParams.get('chunks')), hooks)),
    throws: thrown,
    rejects: rejected,
    breaks() {
      async function* chunks(): AsyncGenerator<string> {
        yield 'part';
        await pace();
        thrown();
      }
      return pulled(chunks());
    },
    empty: () => new Response(null, { status: 204 }),
    unchanged: () => new Response(null, { status: 304 }),
    moved: ({ url }) => Response.redirect(new URL('/now/json', url), 303),
  };
}

export function webApp(governor: Governor, hooks: Hooks): RequestListener {
  const routes = answers(hooks);
  const handler: Handler = (request) => {
    hooks.reached?.();
    return routes[placeOf(new URL(request.url).pathname)[1]]!(request);
  };
  const wrapped = (options: Partial<WrapHandlerOptions>): Handler => wrapHandler(handler, { governor, ...options });
  const mounts: Record<string, Handler> = {
    now: wrapped({}),
    wait: wrapped({ wait: WAIT }),
    told: wrapped({ headers: TOLD }),
    'deny-throws': wrapped({ onDeny: thrown }),
    'deny-rejects': wrapped({ onDeny: rejected }),
    'deny-asks': wrapped({ onDeny: () => new Response(askAgain(governor), { status: 503 }) }),
  };
  return getRequestListener(async (request) => {
    try {
      return await mounts[placeOf(new URL(request.url).pathname)[0]]!(request);
    } catch (error) {
      return new Response((error as Error).message, { status: 500 });
    }
  });
}

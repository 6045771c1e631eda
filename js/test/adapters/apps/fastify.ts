/** The governed app with Fastify. */
import type { RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import type fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Governor } from 'throttleai';
import { throttleHook, throttlePlugin } from 'throttleai/adapters/fastify';
import { askAgain, big, CHUNKS, rejected, thrown, TOLD, turns, WAIT, type Hooks } from './shared.ts';

/** A stream that Fastify sends as it comes. */
function streamed(chunks: Iterable<unknown> | AsyncIterable<unknown>): Readable {
  return Readable.from(chunks, { objectMode: false, highWaterMark: 1 });
}

function addRoutes(app: FastifyInstance, { reached, pace = () => turns(1), ...hooks }: Hooks): void {
  const route = (path: string, handler: (request: FastifyRequest, reply: FastifyReply) => unknown): void => {
    app.get(path, async (request, reply) => {
      reached?.();
      return handler(request, reply);
    });
  };
  route('/json', ({ url }) => ({ path: url }));
  route('/later', async () => (await turns(CHUNKS), 'later'));
  route('/chunks', (_request, reply) => {
    async function* chunks(): AsyncGenerator<string> {
      for (let i = 0; i < CHUNKS; i++) {
        if (i > 0) await pace();
        yield `chunk ${i}\n`;
      }
    }
    return reply.send(streamed(chunks()));
  });
  route('/held', (_request, reply) => {
    const stream = new Readable({ read() {} });
    stream.push('held');
    return reply.send(stream);
  });
  route('/big', ({ query }, reply) => {
    const { chunks } = query as { chunks: string };
    return reply.send(streamed(big(Number(chunks), hooks)));
  });
  route('/throws', thrown);
  route('/rejects', rejected);
  route('/breaks', (_request, reply) => {
    async function* chunks(): AsyncGenerator<string> {
      yield 'part';
      await pace();
      thrown();
    }
    return reply.send(streamed(chunks()));
  });
  route('/empty', (_request, reply) => reply.code(204).send());
  route('/unchanged', (_request, reply) => reply.code(304).send());
  route('/moved', (_request, reply) => reply.code(303).header('location', '/now/json').send());
}

export function fastifyApp(make: typeof fastify, governor: Governor, hooks: Hooks): RequestListener {
  const app = make();
  const mount = (prefix: string, govern: (scope: FastifyInstance) => unknown): void => {
    app.register(
      async (scope) => {
        govern(scope);
        addRoutes(scope, hooks);
      },
      { prefix },
    );
  };
  // The one as a plugin, the other as a hook.
  mount('/now', (scope) => scope.register(throttlePlugin, { governor }));
  mount('/wait', (scope) => scope.addHook('onRequest', throttleHook({ governor, wait: WAIT })));
  mount('/told', (scope) => scope.register(throttlePlugin, { governor, headers: TOLD }));
  mount('/deny-throws', (scope) => scope.register(throttlePlugin, { governor, onDeny: thrown }));
  mount('/deny-rejects', (scope) => scope.register(throttlePlugin, { governor, onDeny: rejected }));
  mount('/deny-asks', (scope) =>
    scope.register(throttlePlugin, { governor, onDeny: (_request, reply) => reply.code(503).send(askAgain(governor)) }),
  );
  app.setErrorHandler((error: Error, _request, reply) => void reply.code(500).send(error.message));
  const ready = app.ready();
  return (request, response) => void ready.then(() => app.routing(request, response));
}

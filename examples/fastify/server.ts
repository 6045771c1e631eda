// A Fastify app behind a proxy: who asks is the address that the proxy has seen, and clients are told what is left to them.
import fastify, { type FastifyInstance } from 'fastify';
import type { Governor } from 'throttleai';
import { clientAddress, rateLimitHeaders, throttlePlugin } from 'throttleai/adapters/fastify';

export function createApp(governor: Governor): FastifyInstance {
  const app = fastify();
  app.get('/health', async () => 'ok'); // outside the scope: takes no lease
  app.register(
    async (ai) => {
      ai.register(throttlePlugin, {
        governor,
        getActorId: clientAddress({ trustedProxy: ['127.0.0.0/8', '::1'] }),
        headers: rateLimitHeaders(),
      });
      ai.get('/chat', async () => ({ answer: 42 }));
    },
    { prefix: '/ai' },
  );
  return app;
}

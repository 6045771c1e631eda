// A Worker in front of a provider. The governor lives at module scope: one for each isolate, so these limits hold per
// isolate; what must hold for all of them belongs into a Durable Object.
import { Hono, type Context } from 'hono';
import { createGovernor, presets } from 'throttleai';
import { throttle } from 'throttleai/adapters/hono';

interface Env {
  Bindings: { PROVIDER_URL: string; PROVIDER_KEY?: string };
  Variables: { userId: string; throttleai_leaseId: string };
}

const governor = createGovernor({ ...presets.balanced(), fairness: { softCapRatio: 0.4 } });

const app = new Hono<Env>();

app.use('/ai/*', async (c, next) => {
  // Stands for the real login.
  const user = /^Bearer token-(\w+)$/.exec(c.req.header('authorization') ?? '')?.[1];
  if (user === undefined) return c.json({ error: 'Log in first' }, 401);
  c.set('userId', user);
  return next();
});
app.use('/ai/*', throttle({ governor, getActorId: (c: Context<Env>) => c.get('userId') }));

app.post('/ai/chat', async (c) => {
  const { prompt } = await c.req.json<{ prompt: string }>();
  const answer = await fetch(`${c.env.PROVIDER_URL}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${c.env.PROVIDER_KEY}` },
    body: JSON.stringify({ model: 'mock-small', messages: [{ role: 'user', content: prompt }], stream: true }),
    signal: c.req.raw.signal,
  });
  // The lease lasts until the last byte of this stream.
  return new Response(answer.body, { status: answer.status, headers: { 'content-type': 'text/event-stream' } });
});
app.get('/health', (c) => c.json({ leases: governor.activeLeases }));

export default app;

/**
 * A governed Hono app with one slot, the same in every runtime, and a bare handler under `/bare`; `/state` tells what their governor
 * knows.
 */
import { Hono } from 'hono';
import { stream } from 'hono/streaming';
import { createGovernor, createStatsCollector } from 'throttleai';
import { throttle } from 'throttleai/adapters/hono';
import { wrapHandler } from 'throttleai/adapters/web';

const stats = createStatsCollector();
const governor = createGovernor({ concurrency: { maxInFlight: 1 }, leaseTtlMs: 3_600_000, onEvent: stats.handler });

export const app = new Hono();
app.use('/now/*', throttle({ governor }));
app.use('/wait/*', throttle({ governor, wait: { timeoutMs: 30_000 } }));
const routes = new Hono();
routes.all('/json', (c) => c.json({ lease: c.get('throttleai_leaseId').startsWith('lease-') }));
routes.all('/empty', (c) => c.body(null, 204));
routes.all('/throws', () => {
  throw new Error('thrown');
});
// Answers until its client leaves, as a model does: on Workers a request that does nothing is ended as hung.
routes.all('/held', (c) =>
  stream(c, async (out) => {
    while (!out.aborted) {
      await out.write('held');
      await out.sleep(20);
    }
  }),
);
routes.all('/proxy', (c) => fetch(c.req.query('from')));
// Until its client leaves, as above.
const bare = ({ url }) => {
  if (!url.endsWith('/held')) return Response.json({ leases: governor.activeLeases });
  const pull = async (controller) => {
    controller.enqueue(new TextEncoder().encode('held'));
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), {
    headers: { 'content-type': 'text/event-stream' },
  });
};
app.mount('/bare', wrapHandler(bare, { governor }));
app.route('/now', routes);
app.route('/wait', routes);
app.onError((error, c) => c.text(error.message, 500));
app.get('/state', (c) => {
  const { activeLeases, waiting } = governor.snapshot();
  return c.json({ leases: activeLeases, waiting, outcomes: stats.snapshot().outcomes });
});

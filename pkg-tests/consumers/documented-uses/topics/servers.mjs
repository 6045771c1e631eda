/** The adapters of two servers, as they are documented: granted, then denied. */
import { Hono } from 'hono';
import { during, freeThenTaken, oneSlot } from '../adapter-support.mjs';

/** A response with the two methods of Express that the adapter uses. */
function likeExpress(res) {
  return Object.assign(res, {
    status(code) {
      res.statusCode = code;
      return res;
    },
    json: (body) => res.end(JSON.stringify(body)),
  });
}

const denialOf = async (response) =>
  `${response.status}, Retry-After ${response.headers.get('retry-after')}, ${await response.text()}`;

export function servers({ throttleai, express: { throttleMiddleware }, hono: { throttle } }) {
  return {
    'Express’s shape': () => {
      const governor = oneSlot(throttleai);
      const middleware = throttleMiddleware({ governor });
      const handler = (req, res) =>
        middleware(req, likeExpress(res), () => res.json({ leases: governor.activeLeases }));
      return during(handler, (origin) =>
        freeThenTaken(governor, async () => denialOf(await fetch(`${origin}/ai/chat`))),
      );
    },

    Hono: () => {
      const governor = oneSlot(throttleai);
      const app = new Hono();
      app.use('/ai/*', throttle({ governor }));
      app.get('/ai/chat', (c) => c.json({ lease: c.get('throttleai_leaseId').startsWith('lease-') }));
      return freeThenTaken(governor, async () => denialOf(await app.request('/ai/chat')));
    },
  };
}

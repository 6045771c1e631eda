import { app } from '../hono/app.mjs';
import { visit } from '../hono/client.mjs';

const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: app.fetch });
console.log(await visit(`http://127.0.0.1:${server.port}`));
await server.stop(true);

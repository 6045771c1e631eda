import { app } from '../hono/app.mjs';
import { visit } from '../hono/client.mjs';

const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, app.fetch);
console.log(await visit(`http://127.0.0.1:${server.addr.port}`));
Deno.exit();

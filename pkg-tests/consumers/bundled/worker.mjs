import { line } from './app.mjs';

export default { fetch: async () => new Response(await line()) };

export { app as default } from '../hono/app.mjs';

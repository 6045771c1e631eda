import { visit as visitApp } from '../hono/client.mjs';

export const visit = (origin) => visitApp(origin, false);

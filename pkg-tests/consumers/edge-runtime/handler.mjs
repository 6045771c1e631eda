import { line } from '../bundled/app.mjs';

addEventListener('fetch', (event) => event.respondWith(line().then((text) => new Response(text))));

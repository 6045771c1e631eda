// The same uses as `main.mjs`, of what `require` gives.
const modules = {
  throttleai: require('throttleai'),
  express: require('throttleai/adapters/express'),
  fetch: require('throttleai/adapters/fetch'),
  hono: require('throttleai/adapters/hono'),
  openai: require('throttleai/adapters/openai'),
  tools: require('throttleai/adapters/tools'),
};

import('./show.mjs').then(({ show }) => show(modules));

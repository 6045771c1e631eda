import { defineConfig } from 'vitest/config';

const project = (name, options) => ({
  root: 'bundled',
  test: { name, globals: true, include: ['*.test.mjs'], ...options },
});

/** Left to Node, which is the default; in jsdom; and put through Vite, as users may ask for. */
export default defineConfig({
  test: {
    projects: [
      project('node', { environment: 'node' }),
      project('jsdom', { environment: 'jsdom' }),
      project('inline', { environment: 'node', server: { deps: { inline: ['throttleai'] } } }),
    ],
  },
});

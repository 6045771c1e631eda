/** The published entry points: name in dist/ -> source. The single list; `exports` of package.json is checked against it. */
export const entries = {
  index: 'js/entrypoints/inline.ts',
  'index.edge': 'js/entrypoints/edge.ts',
  'adapters/fetch': 'js/adapters/fetch.ts',
  'adapters/openai': 'js/adapters/openai.ts',
  'adapters/ai-sdk': 'js/adapters/ai-sdk.ts',
  'adapters/tools': 'js/adapters/tools.ts',
  'adapters/express': 'js/adapters/express.ts',
  'adapters/hono': 'js/adapters/hono.ts',
  'adapters/fastify': 'js/adapters/fastify.ts',
  'adapters/node': 'js/adapters/node.ts',
  'adapters/web': 'js/adapters/web.ts',
  'estimate/index': 'js/estimate/index.ts',
  'testing/index': 'js/testing/index.ts',
  'providers/index': 'js/entrypoints/providers.ts',
  'providers/index.edge': 'js/entrypoints/providers-edge.ts',
};

/** Entries without a CommonJS twin: those runtimes know no `require`. */
export const esmOnly = ['index.edge', 'providers/index.edge'];

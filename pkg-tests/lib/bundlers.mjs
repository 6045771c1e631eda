/**
 * The bundlers, frameworks and test runners. Each case: a name; what makes the bundle; what runs it and prints a line;
 * where the bundle is and how the core is in it, if that is not one inlined text. To add one, add it here, with a folder in
 * consumers/ if it needs a configuration.
 */
import { COMPATIBILITY_DATE, fetched, inChromium, inWorkerd, node, opened, tool } from './commands.mjs';
import { plainBundlers } from './plain-bundlers.mjs';

const LOOPBACK = '127.0.0.1';
/** The wasm as a module of its own, as runtimes want it that compile ahead of time. */
const asFile = { texts: 0, files: 1, glue: 1 };

const vite = (...args) => tool('vite/bin/vite.js', ...args);
const viteDev = (...args) => vite('dev', ...args, '--host', LOOPBACK, '--port', '0');
const jest = (...options) => node(...options, 'node_modules/jest/bin/jest.js', '--config', 'jest/jest.config.cjs');
const wrangler = (...args) =>
  tool('wrangler/bin/wrangler.js', ...args, '--name', 'gate', '--compatibility-date', COMPATIBILITY_DATE);

export const bundlers = [
  ...plainBundlers,
  {
    name: 'Vite, build',
    build: () => vite('build', '--config', 'vite/vite.config.mjs'),
    run: () => inChromium('/out/vite/vite/index.html'),
    out: 'out/vite',
  },
  {
    name: 'Vite, dev',
    run: () => opened('/vite/index.html', viteDev('--config', 'vite/vite.config.mjs')),
    out: 'out/vite-dev',
  },
  {
    name: '@cloudflare/vite-plugin, build',
    build: () => vite('build', 'vite-cloudflare'),
    run: () => inWorkerd('out/vite-cloudflare/gate/index.js'),
    out: 'out/vite-cloudflare',
    cores: asFile,
  },
  {
    name: '@cloudflare/vite-plugin, dev',
    run: () => fetched(['/'], viteDev('vite-cloudflare')),
    out: 'out/vite-cloudflare-dev',
    cores: { ...asFile, files: 0 }, // it stays in node_modules
  },
  {
    name: 'wrangler, as for deploying',
    build: () => wrangler('deploy', 'bundled/worker.mjs', '--dry-run', '--outdir', 'out/wrangler'),
    run: () => inWorkerd('out/wrangler/worker.js'),
    out: 'out/wrangler',
    cores: asFile,
  },
  ...['edge-light', 'browser'].map((condition) => ({
    name: `edge-runtime, condition ${condition}`,
    run: () => node('edge-runtime/main.mjs', condition),
    out: `out/edge-runtime-${condition}`,
    ...(condition === 'edge-light' && { cores: asFile }),
  })),
  ...['--turbopack', '--webpack'].map((bundler) => ({
    name: `Next ${bundler}, node and edge routes`,
    build: () => tool('next/dist/bin/next', 'build', bundler, 'next'),
    run: () => fetched(['/node', '/edge'], tool('next/dist/bin/next', 'start', 'next', '-H', LOOPBACK, '-p', '0')),
    lines: 2,
    out: 'next/.next/server',
    cores: { texts: 1, files: 1, glue: 2 }, // the text for Node, the file for the edge
  })),
  { name: 'Jest with jsdom, CommonJS', tests: () => jest() },
  { name: 'Jest with jsdom, ES modules', tests: () => jest('--experimental-vm-modules') },
  {
    name: 'Vitest: Node, jsdom, inlined',
    tests: () => tool('vitest/vitest.mjs', 'run', '--config', 'vitest/vitest.config.mjs'),
  },
];

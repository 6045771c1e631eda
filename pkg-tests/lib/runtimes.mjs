/**
 * The runtimes: which consumer, run by what. Each case is a name, the consumer's folder, and a command that prints one
 * line, or a line a use. To add a runtime, add a line here and a folder in consumers/.
 */
import { join } from 'node:path';
import { app, here } from './install.mjs';
import { bunBinary, chromiumBinary, denoBinary, nodeBinary, workerdBinary } from './tools.mjs';

const NODES = [18, 20, 22, 24, 26];
/** The first that resolves a promise across requests, the first that compiles bytes at start-up, a recent one. */
const COMPATIBILITY_DATES = ['2024-10-14', '2025-06-01', '2026-04-01'];

const driver = (name) => join(here, 'drivers', name);
const inFolder = (folder, file) => join(app, folder, file);

const node = (major, kind, file) => ({
  name: `node ${major}, ${kind}`,
  folder: `node-${kind}`,
  command: () => [nodeBinary(major), [inFolder(`node-${kind}`, file)]],
});

const documented = (kind, file) => ({
  name: `node 20, documented uses, ${kind}`,
  folder: 'documented-uses',
  command: () => [nodeBinary(20), [inFolder('documented-uses', file)]],
});

// Miniflare runs on Node; the Worker itself runs in workerd. A client makes several requests at once.
const worker = (folder, date, ...client) => ({
  name: `workerd ${date}, ${folder}`,
  folder,
  command: () => [
    nodeBinary(24),
    [
      driver('workerd.mjs'),
      inFolder(folder, 'main.mjs'),
      date,
      'workerd',
      ...client.map((file) => inFolder(folder, file)),
    ],
  ],
});

// Over a socket, so that clients can leave.
const honoWorker = (date) => ({
  name: `Hono on workerd ${date}`,
  folder: 'hono-worker',
  command: () => [
    process.execPath,
    [
      driver('workerd-raw.mjs'),
      workerdBinary(),
      date,
      inFolder('hono-worker', 'main.mjs'),
      'bundle',
      inFolder('hono-worker', 'client.mjs'),
    ],
  ],
});

const chromium = (folder) => ({
  name: folder.replaceAll('-', ' '),
  folder,
  command: () => [process.execPath, [driver('chromium.mjs'), chromiumBinary(), app, `/${folder}/index.html`]],
});

export const runtimes = [
  ...NODES.flatMap((major) => [node(major, 'import', 'main.mjs'), node(major, 'require', 'main.cjs')]),
  documented('import', 'main.mjs'),
  documented('require', 'main.cjs'),
  ...NODES.filter((major) => major >= 24).map((major) => ({
    name: `node ${major}, await using`,
    folder: 'await-using',
    command: () => [nodeBinary(major), [inFolder('await-using', 'main.mjs')]],
  })),
  {
    name: 'node 20 without what sandboxes lack',
    folder: 'node-bare',
    command: () => [nodeBinary(20), [inFolder('node-bare', 'main.mjs')]],
  },
  {
    name: 'node 20 --jitless',
    folder: 'node-jitless',
    command: () => [nodeBinary(20), ['--jitless', inFolder('node-jitless', 'main.mjs')]],
  },
  { name: 'bun', folder: 'bun', command: () => [bunBinary(), ['run', inFolder('bun', 'main.ts')]] },
  {
    name: 'deno, no permissions',
    folder: 'deno',
    command: () => [denoBinary(), ['run', '--no-prompt', '--node-modules-dir=manual', inFolder('deno', 'main.ts')]],
  },
  ...COMPATIBILITY_DATES.flatMap((date) => [
    worker('worker', date),
    worker('durable-object', date),
    worker('waiting-worker', date, 'client.mjs'),
  ]),
  {
    // Made by a bundler that does not know Workers: the inlined wasm compiles at start-up.
    name: 'workerd 2025-06-01, bundled for browsers',
    folder: 'worker',
    command: () => [nodeBinary(24), [driver('workerd.mjs'), inFolder('worker', 'main.mjs'), '2025-06-01', 'browser']],
  },
  {
    name: 'workerd itself, without miniflare',
    folder: 'worker',
    command: () => [
      process.execPath,
      [
        driver('workerd-raw.mjs'),
        workerdBinary(),
        COMPATIBILITY_DATES.at(-1),
        inFolder('worker', 'main.mjs'),
        'bundle',
      ],
    ],
  },
  { name: 'Hono on bun', folder: 'hono-bun', command: () => [bunBinary(), ['run', inFolder('hono-bun', 'main.ts')]] },
  {
    name: 'Hono on deno',
    folder: 'hono-deno',
    command: () => [
      denoBinary(),
      ['run', '--no-prompt', '--allow-net=127.0.0.1', '--node-modules-dir=manual', inFolder('hono-deno', 'main.ts')],
    ],
  },
  ...COMPATIBILITY_DATES.map(honoWorker),
  chromium('chromium-page'),
  chromium('chromium-worker'),
  chromium('chromium-csp-allowed'),
  chromium('chromium-csp'),
];

/**
 * What an adapter costs an app that has the main entry, which is the only way to use one: it takes a governor. And that an
 * adapter by itself loads neither the core nor the wasm.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import { tool } from './commands.mjs';
import { coresIn } from './cores.mjs';
import { installed, project } from './install.mjs';

const COST_BYTES_MAX = 1536;
/**
 * Of those that know how all providers write usage: its table and reader; `fetch` also cuts it out of bodies and streams. And of
 * those that send a `Response` on: a reader that pauses, or whose answer was collected, gives its lease back.
 */
const MORE_BYTES_MAX = { openai: 2048, fetch: 4608, hono: 1792, web: 1792 };
const NO_CORE = { texts: 0, files: 0, glue: 0 };

/** The function that each is imported for; of several, the one that costs most. */
const exported = {
  fetch: 'governedFetch',
  'ai-sdk': 'governedMiddleware',
  openai: 'wrapChatCompletions',
  tools: 'wrapTool',
  express: 'throttleMiddleware',
  hono: 'throttle',
  fastify: 'throttlePlugin',
  node: 'wrapListener',
  web: 'wrapHandler',
};
const adapters = Object.keys(exported);

/** What the quick start of the README imports; all of it is used, so that bundlers keep it. */
const app = `import { createGovernor, presets, withLease } from 'throttleai';
globalThis.app = [createGovernor, presets, withLease];
`;
const imported = (adapter) => `import { ${exported[adapter]} } from 'throttleai/adapters/${adapter}';
globalThis.adapter = ${exported[adapter]};
`;
const required = (adapter) => `globalThis.adapter = require('throttleai/adapters/${adapter}');\n`;

/** Minified modules of the files, into the folder. */
const bundlers = {
  esbuild: (files, out) => [
    tool('esbuild/bin/esbuild', ...files, '--bundle', '--minify', '--format=esm', `--outdir=${out}`),
  ],
  // In one run they would share chunks.
  rolldown: (files, out) => files.map((file) => tool('rolldown/bin/cli.mjs', file, '--minify', '-d', out)),
};

/** @param {(command: [string, string[]]) => void} execute runs it in the bundlers' project */
export function adapterChecks(execute) {
  const perBundler = Object.keys(bundlers).flatMap((bundler) => [
    {
      name: `${bundler}, an adapter adds at most its budget to an app`,
      run: () => checkCosts(`out/adapters/${bundler}-app`, commandsOf(bundler, execute)),
    },
    {
      name: `${bundler}, an adapter alone holds no core`,
      run: () => checkAlone(`out/adapters/${bundler}-alone`, commandsOf(bundler, execute)),
    },
  ]);
  return [{ name: 'every adapter is measured', run: checkComplete }, ...perBundler];
}

function checkComplete() {
  const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  const published = Object.keys(exports).filter((path) => path.startsWith('./adapters/'));
  const missing = published.filter((path) => !adapters.includes(path.slice('./adapters/'.length)));
  if (missing.length > 0) throw new Error(`not measured: ${missing.join(', ')}`);
}

const commandsOf = (bundler, execute) => (files, out) => bundlers[bundler](files, out).forEach(execute);

function checkCosts(folder, bundle) {
  const sources = { app };
  for (const adapter of adapters) sources[adapter] = app + imported(adapter);
  const sizes = gzipped(bundled(folder, sources, 'mjs', bundle));
  const costs = adapters.map((adapter) => [adapter, sizes[adapter] - sizes.app]);
  const most = (adapter) => MORE_BYTES_MAX[adapter] ?? COST_BYTES_MAX;
  const used = costs.map(([adapter, bytes]) => Math.round((100 * bytes) / most(adapter)));
  console.log(`       ${listed(costs)} bytes, up to ${Math.max(...used)} % of budget; the app alone ${sizes.app}`);
  const dear = costs.filter(([adapter, bytes]) => !(bytes <= most(adapter)));
  const hint = 'what the main entry holds too costs an adapter nothing';
  if (dear.length > 0) throw new Error(`over their budget of bytes gzip: ${listed(dear)}; ${hint}`);
}

function checkAlone(folder, bundle) {
  const sourcesOf = (write) => Object.fromEntries(adapters.map((adapter) => [adapter, write(adapter)]));
  const asModule = bundled(`${folder}/import`, sourcesOf(imported), 'mjs', bundle);
  const asCommonJs = bundled(`${folder}/require`, sourcesOf(required), 'cjs', bundle);
  console.log(`       ${listed(Object.entries(gzipped(asModule)))} bytes gzip`);
  const scripts = [asModule, asCommonJs].flatMap((made) => Object.values(made));
  if (scripts.some((script) => script.includes('WebAssembly')))
    throw new Error('an adapter brings the loader of the core');
  const found = coresIn(join(project, folder));
  if (!isDeepStrictEqual(found, NO_CORE)) throw new Error(`adapters bring the core: ${JSON.stringify(found)}`);
}

/** @returns {Record<string, string>} what the bundler made of each source; nothing of the package is left out of it */
function bundled(folder, sources, extension, bundle) {
  const at = join(project, folder);
  rmSync(at, { recursive: true, force: true });
  mkdirSync(join(at, 'in'), { recursive: true });
  const files = Object.entries(sources).map(([name, source]) => {
    const file = `${folder}/in/${name}.${extension}`;
    writeFileSync(join(project, file), source);
    return file;
  });
  bundle(files, `${folder}/out`);
  const made = Object.keys(sources).map((name) => [name, readFileSync(join(at, 'out', `${name}.js`), 'utf8')]);
  for (const [name, script] of made) {
    if (/["'`]throttleai(\/|["'`])/.test(script)) throw new Error(`the bundle of ${name} leaves an import to others`);
  }
  return Object.fromEntries(made);
}

const gzipped = (scripts) =>
  Object.fromEntries(Object.entries(scripts).map(([name, script]) => [name, gzipSync(script, { level: 9 }).length]));

const listed = (sizes) => sizes.map(([name, bytes]) => `${name} ${bytes}`).join(', ');

/** Which module may use which: arrows point one way. */
import { posix } from 'node:path';
import { withoutComments } from './text.mjs';

/**
 * Rust: a module uses modules of lower levels only; modules of one level never each other, but for the lowest, which is
 * vocabulary. A module that is not named here is an error: decide its place first.
 */
const LEVELS = [
  ['time', 'config', 'decision', 'observation', 'error', 'codec', 'chunks', 'heap', 'index', 'list', 'text'],
  ['lease', 'limit', 'queue', 'fairness', 'adaptive', 'gate', 'provider'],
  ['governor'],
  ['trace'],
  ['wasm', 'wasm_providers'],
];

export function rustArrows(files) {
  const levelOf = new Map(LEVELS.flatMap((names, level) => names.map((name) => [name, level])));
  return files.flatMap(({ path, text }) => {
    const from = /^src\/(\w+)/.exec(path)[1];
    if (from === 'lib') return [];
    if (!levelOf.has(from)) return [`${path}: module "${from}" has no level in scripts/tidy/arrows.mjs`];
    const [tested] = withoutComments(text).split(/^#\[cfg\(test\)\]/m);
    return usedBy(tested)
      .filter((to) => to !== from && levelOf.has(to))
      .filter((to) => !(levelOf.get(to) < levelOf.get(from) || (levelOf.get(from) === 0 && levelOf.get(to) === 0)))
      .map((to) => `${path}: ${from} must not use ${to}`);
  });
}

function usedBy(text) {
  const single = [...text.matchAll(/\bcrate::(\w+)/g)].map(([, name]) => name);
  const grouped = [...text.matchAll(/\bcrate::\{([^;]*)\}/g)].flatMap(([, list]) => list.match(/\w+/g) ?? []);
  return [...new Set([...single, ...grouped])];
}

/** TypeScript: folder (or file) of js/ -> where its imports may point. `node:` modules need the word `node`. */
const MAY_IMPORT = {
  core: ['core'],
  adapters: ['core', 'own'],
  stores: ['core', 'own'],
  metrics: ['core', 'own'],
  estimate: ['core', 'estimate'],
  providers: ['core', 'providers'],
  testing: ['core', 'testing', 'node'],
  cli: ['core', 'cli', 'node'],
  entrypoints: ['core', 'index', 'providers', 'entrypoints'],
  index: ['core'],
};
/** The only importers of what the build generates. */
const GENERATED = {
  'js/core/loader.ts': 'glue.js',
  'js/adapters/internal/usage.ts': 'usage-rows.js',
  'js/entrypoints/inline.ts': 'wasm-text.js',
  'js/entrypoints/providers.ts': 'providers-text.js',
};
/** The only importers of wasm files. */
const EDGES = ['js/entrypoints/edge.ts', 'js/entrypoints/providers-edge.ts'];

/** Frameworks whose types an adapter may name; nothing of them is imported at run time. */
const FRAMEWORKS = {
  'js/adapters/express.ts': 'express',
  'js/adapters/fastify.ts': 'fastify',
  'js/adapters/hono.ts': 'hono',
  'js/adapters/node.ts': 'node:http',
};

export function typescriptArrows(files) {
  return files.flatMap(({ path, text }) => {
    const from = placeOf(path);
    const allowed = MAY_IMPORT[from];
    if (allowed === undefined) return [`${path}: "${from}" has no arrows in scripts/tidy/arrows.mjs`];
    return importsOf(text)
      .filter((specifier) => !mayImport(path, specifier, allowed))
      .map((specifier) => `${path}: must not import ${specifier}`);
  });
}

const importsOf = (text) =>
  [...withoutComments(text).matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, specifier]) => specifier);

function mayImport(path, specifier, allowed) {
  if (specifier === FRAMEWORKS[path]) return true;
  if (specifier.startsWith('node:')) return allowed.includes('node');
  if (!specifier.startsWith('.')) return false;
  const target = posix.join(posix.dirname(path), specifier);
  if (target.startsWith('build/')) return posix.basename(target) === GENERATED[path];
  if (specifier.endsWith('.wasm?module')) return EDGES.includes(path);
  const to = placeOf(target);
  return allowed.includes(to) || (allowed.includes('own') && ownOf(path, target));
}

/** Siblings never import each other, but each may use its own folder and the `internal` one. */
function ownOf(path, target) {
  const folder = path.split('/').slice(0, 2).join('/');
  const own = path.split('/')[2].replace(/\.ts$/, '');
  return own === 'internal'
    ? target.startsWith(`${folder}/internal/`)
    : target.startsWith(`${folder}/internal/`) ||
        target.startsWith(`${folder}/${own}/`) ||
        target === `${folder}/${own}.ts`;
}

const placeOf = (path) => path.split('/')[1].replace(/\.ts$/, '');

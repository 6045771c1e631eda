/**
 * Builds the API reference into build/docs: the package's from its sources with TypeDoc, the documents among it, and the
 * crate's with rustdoc, under rust/. Fails on any warning and on links that lead nowhere. TypeDoc needs the compiler's
 * JavaScript interface, which TypeScript 7 does not have; so a TypeScript 5.9 is installed here, beside it.
 * The last line is `N passed, N failed`.
 */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { at } from '../lib/paths.mjs';
import { run, tryRun } from '../lib/run.mjs';
import { hashOf } from '../lib/stamp.mjs';
import { entries } from '../build/entries.mjs';
import { deadLinks } from './links.mjs';

const here = at('scripts/docs');
const out = at('build/docs');
const rustdoc = at('target/doc');

/** `npm ci` of this folder, unless its lock file is the one that is installed. */
function installTools() {
  const stamp = join(here, 'node_modules/.throttleai-lock');
  const wanted = hashOf([join(here, 'package-lock.json'), join(here, 'package.json')]);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('installing TypeDoc into scripts/docs/node_modules');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here });
  writeFileSync(stamp, wanted);
}

/** What the build builds; the two forms of the main entry are one in `reference.ts`. */
function entryPoints() {
  const others = Object.values(entries).filter((source) => !source.startsWith('js/entrypoints/'));
  return [join(here, 'reference.ts'), ...others.map((source) => at(source))];
}

function packageReference() {
  rmSync(out, { recursive: true, force: true });
  const typedoc = join(here, 'node_modules/typedoc/bin/typedoc');
  const options = [
    '--options',
    join(here, 'typedoc.json'),
    ...entryPoints().flatMap((file) => ['--entryPoints', file]),
  ];
  try {
    quietly(process.execPath, [typedoc, ...options], { cwd: here });
  } catch (error) {
    const hint = 'A type that users need not name: `intentionallyNotExported` in scripts/docs/typedoc.json.';
    throw new Error(`${error.message}${hint}`, { cause: error });
  }
}

/** What users look for first: an entry that is left out makes no warning. */
function completeness() {
  const pages = {
    'classes/throttleai.Governor.html': ['acquireAsync', 'renew', 'save', 'tokenRateLimit'],
    'functions/throttleai.createGovernor.html': ['ConfigError'],
    'functions/throttleai_adapters_hono.throttle.html': ['throttleai_leaseId'],
    'functions/throttleai_testing.createMockProvider.html': ['MockProviderOptions'],
    'documents/docs_tuning.html': ['softCapRatio'],
  };
  for (const [page, words] of Object.entries(pages)) {
    const text = readFileSync(join(out, page), 'utf8');
    for (const word of words) if (!text.includes(word)) throw new Error(`${page} does not name ${word}`);
  }
}

function crateReference() {
  rmSync(rustdoc, { recursive: true, force: true });
  const env = { RUSTDOCFLAGS: '-D warnings', CARGO_TARGET_DIR: at('target') };
  quietly('cargo', ['doc', '--quiet', '--no-deps', '--lib'], { env });
  cpSync(rustdoc, join(out, 'rust'), { recursive: true });
  // Pages of rustdoc's own link to it, and rustdoc makes none for a single crate.
  writeFileSync(join(out, 'rust/index.html'), '<meta http-equiv="refresh" content="0; url=throttleai/index.html" />\n');
}

function links() {
  const { pages, dead } = deadLinks(out);
  console.log(`       ${pages} pages`);
  if (pages < 100) throw new Error('that is too few: something was not built');
  if (dead.length > 0) throw new Error(dead.slice(0, 20).join('\n'));
}

function quietly(program, args, options) {
  const { status, output, error } = tryRun(program, args, { quiet: true, ...options });
  if (status !== 0) throw new Error(`${output}${error?.message ?? ''}`);
}

const checks = {
  'reference of the package': packageReference,
  'what users look for is in it': completeness,
  'reference of the crate': crateReference,
  'no link leads nowhere': links,
};

installTools();
run(process.execPath, [at('scripts/build.mjs')], { quiet: true });
let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    check();
    console.log(`ok     ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error.message.replace(/^/gm, '         ')}`);
  }
}
if (failed > 0) process.exitCode = 1;
else console.log('build/docs/index.html, build/docs/rust/throttleai/index.html');
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);

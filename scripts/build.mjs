/**
 * Builds what is published, into dist/. `npm run build` runs all steps; `node scripts/build.mjs STEP...` runs those
 * named, with the steps they need before them. A step whose inputs did not change is skipped.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mirror } from './build/dist.mjs';
import { entries } from './build/entries.mjs';
import { bindgen, writeFactory } from './build/glue.mjs';
import { bundleAll } from './build/js.mjs';
import { writeNotices } from './build/notices.mjs';
import { optimise } from './build/opt.mjs';
import { emitTypes } from './build/types.mjs';
import { wasmTextModule } from './build/wasm-text.mjs';
import { usageRowsModule } from './build/usage-rows.mjs';
import { buildWasm, forced } from './build/wasm.mjs';
import { withLock } from './lib/lock.mjs';
import { at, paths } from './lib/paths.mjs';
import { StepError, tryRun } from './lib/run.mjs';
import { whenChanged } from './lib/stamp.mjs';

const crate = ['Cargo.toml', 'Cargo.lock', 'build.rs', '.cargo', 'src'].map((name) => at(name));
const lock = at('package-lock.json');
const rustc = () => tryRun('rustc', ['-vV'], { quiet: true }).output;
const glueFile = join(paths.generated, 'glue.js');
const textFile = join(paths.generated, 'wasm-text.js');
const providersFile = join(paths.generated, 'providers-text.js');
const usageFile = join(paths.generated, 'usage-rows.js');
const PROVIDERS_EXPORTS = ['memory', 'providers_input', 'providers_call', 'providers_output'];
/** Each entry's folder holds all that is its own; what entries share is in the other two. */
const folders = new Set(Object.values(entries).map((source) => dirname(source)));
const sources = ['js/core', 'js/providers', 'js/index.ts', ...folders].map((name) => at(name));

/** Each: what it needs done before, what it reads, what it writes, how. `lab` is for tests and never published. */
const steps = {
  wasm: {
    about: 'Rust to wasm',
    inputs: crate,
    outputs: [paths.wasm],
    extra: [String(forced)],
    make: () => buildWasm('wasm', paths.wasm),
  },
  glue: {
    about: 'wasm-bindgen, and its output as a factory',
    needs: ['wasm'],
    inputs: [paths.wasm, at('scripts/glue')],
    outputs: [paths.bindgen, glueFile, glueFile.replace('.js', '.d.ts')],
    make() {
      bindgen(paths.wasm, paths.bindgen);
      writeFactory(paths.bindgen, glueFile);
    },
  },
  opt: {
    about: 'wasm-opt, and the wasm as text',
    needs: ['glue'],
    inputs: [paths.bindgen, lock],
    outputs: [paths.optimised, textFile, textFile.replace('.js', '.d.ts')],
    make() {
      optimise(join(paths.bindgen, 'throttleai_bg.wasm'), paths.optimised);
      writeText(textFile, wasmTextModule(readFileSync(paths.optimised)));
    },
  },
  providers: {
    about: 'the wasm of the dialects, and its text',
    inputs: [...crate, lock],
    outputs: [paths.providersWasm, paths.providers, providersFile, providersFile.replace('.js', '.d.ts')],
    extra: [String(forced)],
    make() {
      // Read once for an answer: size counts, speed does not.
      buildWasm('providers', paths.providersWasm, { CARGO_PROFILE_RELEASE_OPT_LEVEL: 'z' });
      optimise(paths.providersWasm, paths.providers, { level: '-Oz', exports: PROVIDERS_EXPORTS });
      // Base64: what reads the other text is a module of its own, which the main entry would then share a file with.
      const base64 = readFileSync(paths.providers).toString('base64');
      const declaration = 'export declare const base64: string;\n';
      writeText(providersFile, { source: `export const base64 = '${base64}';\n`, declaration });
    },
  },
  usage: {
    about: 'where answers say what they used, for adapters',
    needs: ['providers'],
    inputs: [paths.providers, at('scripts/build/usage-rows.mjs')],
    outputs: [usageFile, usageFile.replace('.js', '.d.ts')],
    make: () => writeText(usageFile, usageRowsModule(readFileSync(paths.providers))),
  },
  js: {
    about: 'TypeScript to ESM and CommonJS',
    needs: ['opt', 'usage'],
    inputs: [paths.generated, ...sources, lock],
    outputs: [paths.js],
    make: () => bundleAll(paths.js),
  },
  types: {
    about: 'declarations for both',
    needs: ['opt', 'usage'],
    inputs: [...sources, at('tsconfig.json'), at('tsconfig.build.json'), lock],
    outputs: [paths.types],
    make: () => emitTypes(entries, paths.types),
  },
  notices: {
    about: 'licences of what the wasm contains',
    inputs: [at('Cargo.toml'), at('Cargo.lock')],
    outputs: [paths.notices],
    make: () => writeNotices(join(paths.notices, 'THIRD-PARTY-LICENSES.txt')),
  },
  dist: {
    about: 'dist/ from all of these',
    needs: ['js', 'types', 'notices'],
    inputs: [paths.js, paths.types, paths.notices, paths.optimised, paths.providers],
    outputs: [paths.dist],
    keep: true,
    make: () =>
      mirror(
        [
          [paths.js, ''],
          [paths.types, 'types'],
          [paths.notices, ''],
          [paths.optimised, 'throttleai.wasm'],
          [paths.providers, 'providers/providers.wasm'],
        ],
        paths.dist,
      ),
  },
  lab: {
    about: 'a second wasm with replay and simulation, for tests',
    inputs: [...crate, at('scripts/glue'), lock],
    outputs: [paths.lab],
    extra: [String(forced)],
    make() {
      const raw = join(paths.lab, 'raw.wasm');
      const folder = join(paths.lab, 'bindgen');
      buildWasm('lab', raw);
      bindgen(raw, folder);
      writeFactory(folder, join(paths.lab, 'glue.js'));
      optimise(join(folder, 'throttleai_bg.wasm'), join(paths.lab, 'throttleai.wasm'));
    },
  },
};

function writeText(file, { source, declaration }) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
  writeFileSync(file.replace('.js', '.d.ts'), declaration);
}

const defaults = Object.keys(steps).filter((name) => name !== 'lab');

async function build(names) {
  const done = new Set();
  for (const name of names) await buildStep(name, done);
}

async function buildStep(name, done) {
  if (done.has(name)) return;
  done.add(name);
  const step = steps[name];
  if (step === undefined) throw new StepError(`No step "${name}". There are: ${Object.keys(steps).join(', ')}`);
  for (const needed of step.needs ?? []) await buildStep(needed, done);
  const start = performance.now();
  const made = await whenChanged(name, { ...step, extra: [...(step.extra ?? []), rustc()] }, step.make);
  const took = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`build ${name.padEnd(8)}${made ? `${took} s` : 'unchanged'}  ${step.about}`);
}

const wanted = process.argv.slice(2);
try {
  await withLock(() => build(wanted.length > 0 ? wanted : defaults));
} catch (error) {
  console.error(error instanceof StepError ? `\nbuild failed: ${error.message}` : error);
  process.exitCode = 1;
}

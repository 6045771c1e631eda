/** What is in the tarball, whether tools agree that it is well made, and whether it keeps its budgets. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { run, tryRun } from '../../scripts/lib/run.mjs';
import { filesUnder } from '../../scripts/lib/stamp.mjs';
import { app, here, installed } from './install.mjs';
import { nodeBinary } from './tools.mjs';

/**
 * The goal is for leases, concurrency and rates; the rest is what limits by key, models, prices, `wrap`, fair waiting and the
 * controller that learns from refusals and outages add (32), then what providers answer, gates and retries (10), and limits that
 * are learnt (4).
 */
const SIZE_KB_GOAL = 72;
const SIZE_KB_MAX = SIZE_KB_GOAL + 46;
/** `throttleai/providers` with what it imports: a wasm of its own, and the tables of the dialects in it. */
const PROVIDERS_KB_MAX = 64;
const START_MS_MAX = 15;
const START_RUNS = 30;
const START_ROUNDS = 3;
const START_NODE = 20;

export function packageChecks(tarball) {
  return [
    { name: 'only what users need', run: contents },
    { name: 'no dependencies, no install scripts', run: manifest },
    { name: 'every file that is exported is there', run: exportsExist },
    { name: 'every entry loads, by import and by require', run: entriesLoad },
    { name: 'an error that nobody catches is told below one short line of code', run: uncaught },
    { name: 'the wasm of the main entry, the same in both forms, without what is for tests', run: wasm },
    { name: 'the wasm of the providers, the same in both forms, and no other', run: providersWasm },
    { name: 'code in ASCII, which engines keep with one byte a character', run: ascii },
    { name: 'licences of what the wasm contains', run: notices },
    { name: 'publint, strict', run: () => publint(tarball) },
    { name: 'are the types wrong', run: () => attw(tarball) },
    { name: `main entry at most ${SIZE_KB_MAX} KB gzip`, run: () => size('index', SIZE_KB_MAX) },
    { name: 'adapters, each without the core', run: adapterSizes },
    { name: `providers at most ${PROVIDERS_KB_MAX} KB gzip`, run: () => size('providers/index', PROVIDERS_KB_MAX) },
    { name: `import to first decision at most ${START_MS_MAX} ms on Node ${START_NODE}`, run: start },
  ];
}

const packageJson = () => JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
const shipped = () => filesUnder(installed).map((file) => file.slice(installed.length + 1));

function contents() {
  const allowed =
    /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|dist\/(types\/.*\.d\.c?ts|.*\.c?js|throttleai\.wasm|providers\/providers\.wasm|THIRD-PARTY-LICENSES\.txt))$/;
  const files = shipped();
  const odd = files.filter((file) => !allowed.test(file));
  const missing = ['README.md', 'CHANGELOG.md', 'LICENSE'].filter((file) => !files.includes(file));
  if (odd.length > 0) throw new Error(`shipped, but nobody needs it: ${odd.join(', ')}`);
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
}

function manifest() {
  const { dependencies, optionalDependencies, peerDependencies, scripts = {} } = packageJson();
  if (dependencies ?? optionalDependencies ?? peerDependencies)
    throw new Error('the package has run-time dependencies');
  const hooks = Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name));
  if (hooks.length > 0) throw new Error(`scripts that run when users install: ${hooks}`);
}

function exportsExist() {
  const files = new Set(shipped());
  const missing = pathsIn(packageJson().exports).filter((path) => !files.has(path.slice(2)));
  if (missing.length > 0) throw new Error(`exported, but not there: ${missing.join(', ')}`);
}

const pathsIn = (value) => (typeof value === 'string' ? [value] : Object.values(value).flatMap(pathsIn));

/** ES module and CommonJS give the same names. */
async function entriesLoad() {
  const require = createRequire(join(app, 'package.json'));
  const code = (subpath) =>
    `import(${JSON.stringify(subpath)}).then((m) => console.log(Object.keys(m).sort().join(' ')))`;
  for (const path of Object.keys(packageJson().exports)) {
    if (/\.(wasm|json)$/.test(path)) continue;
    const subpath = path.replace('.', 'throttleai');
    const imported = run(process.execPath, ['-e', code(subpath)], { cwd: app, quiet: true }).trim();
    const required = Object.keys(require(subpath)).sort().join(' ');
    if (imported !== required) throw new Error(`${subpath}: import gives ${imported}\nrequire gives ${required}`);
  }
}

/** Node prints the line that threw above the message; through a pipe, what stands behind 64 KB may be lost. */
function uncaught() {
  for (const load of [
    `import { createGovernor } from 'throttleai';`,
    `const { createGovernor } = require('throttleai');`,
  ])
    for (const [code, message] of [
      ['createGovernor({ maxInflight: 5 });', 'ConfigError: maxInflight must be left out'],
      ['const g = createGovernor(); g.close(); g.snapshot();', 'ClosedError: This governor is closed'],
      ['createGovernor().acquire();', 'InputError: request must be an object'],
    ]) {
      const type = load.startsWith('import') ? 'module' : 'commonjs';
      const args = [`--input-type=${type}`, '-e', `${load} ${code}`];
      const { output } = tryRun(process.execPath, args, { cwd: app, quiet: true });
      const shown = output.slice(0, 3_000);
      if (!shown.includes(message)) throw new Error(`${code} prints ${output.length} characters, at first\n${shown}`);
    }
}

/** Prints the hashes of what a program compiles; of the main entry the reader of the text, then the module. */
const compiledBytes = (program) => `
  import { createHash } from 'node:crypto';
  const { Module } = WebAssembly;
  WebAssembly.Module = class extends Module {
    constructor(bytes) {
      super(bytes);
      console.log(createHash('sha256').update(bytes).digest('hex'));
    }
  };
  ${program}`;
const GOVERNS = `const { createGovernor } = await import('throttleai'); createGovernor().close();`;
const READS = `const { readUsage } = await import('throttleai/providers'); readUsage('{}');`;

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** The last module that a program compiles is this file. */
function inlined(file, program) {
  const hashes = run(process.execPath, ['--input-type=module', '-e', compiledBytes(program)], {
    cwd: app,
    quiet: true,
  });
  if (hashes.trim().split('\n').at(-1) !== sha256(readFileSync(join(installed, file))))
    throw new Error(`the inlined wasm is not ${file}`);
}

function providersWasm() {
  const files = shipped().filter((file) => file.endsWith('.wasm'));
  const known = ['dist/providers/providers.wasm', 'dist/throttleai.wasm'];
  if (files.sort().join() !== known.join()) throw new Error(`expected ${known}, found ${files}`);
  inlined(known[0], READS);
}

function wasm() {
  const file = 'dist/throttleai.wasm';
  const module = new WebAssembly.Module(readFileSync(join(installed, file)));
  const lab = WebAssembly.Module.exports(module).filter(({ name }) =>
    /^lab_|replay|simulat|provoke|providers/i.test(name),
  );
  inlined(file, GOVERNS);
  if (lab.length > 0) throw new Error(`exports that are for tests: ${lab.map(({ name }) => name)}`);
}

function ascii() {
  for (const file of shipped().filter((name) => /\.c?js$/.test(name))) {
    const odd = /[^\0-\x7f]/.exec(readFileSync(join(installed, file), 'utf8'));
    if (odd !== null) throw new Error(`${file} has a ${JSON.stringify(odd[0])} at ${odd.index}`);
  }
}

function notices() {
  const text = readFileSync(join(installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
  for (const name of ['wasm-bindgen', 'Rust Standard Library']) {
    if (!text.includes(name)) throw new Error(`THIRD-PARTY-LICENSES.txt does not name ${name}`);
  }
}

async function publint(tarball) {
  const { publint: lint } = await import('publint');
  const { formatMessage } = await import('publint/utils');
  const bytes = readFileSync(tarball);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const { messages, pkg } = await lint({ strict: true, pack: { tarball: file } });
  if (messages.length > 0) throw new Error(messages.map((message) => formatMessage(message, pkg)).join('\n'));
}

function attw(tarball) {
  const script = join(here, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  const options = [
    '--profile',
    'node16',
    '--exclude-entrypoints',
    'throttleai.wasm',
    '--no-color',
    '--format',
    'ascii',
  ];
  const { status, output } = tryRun(process.execPath, [script, tarball, ...options], { quiet: true });
  if (status !== 0) throw new Error(output);
}

/** Sum over an entry and all that it imports, for ES modules and CommonJS; the larger counts. */
function size(name, kbMax) {
  const sums = [`dist/${name}.js`, `dist/${name}.cjs`].map((entry) => {
    const files = [...reached(join(installed, entry))];
    const sum = gzipped(files);
    const ofGoal =
      name === 'index' ? `, ${Math.round((100 * sum) / 1024 / SIZE_KB_GOAL)} % of the goal of ${SIZE_KB_GOAL} KB` : '';
    console.log(`       ${entry}: ${report(sum / 1024, kbMax, 'KB')}${ofGoal} in ${files.length} files`);
    return sum;
  });
  const hint = 'look at the wasm first: each KB of it is a KB here';
  if (Math.max(...sums) > kbMax * 1024) throw new Error(`over the budget of ${kbMax} KB gzip: ${hint}`);
}

/** What an adapter brings along where nothing is left out; what it costs beside the main entry the bundlers measure. */
function adapterSizes() {
  const core = join(installed, 'dist/index.js');
  const sizes = Object.keys(packageJson().exports)
    .filter((path) => path.startsWith('./adapters/'))
    .map((path) => {
      const files = [...reached(join(installed, 'dist', `${path}.js`))];
      if (files.includes(core)) throw new Error(`${path} loads the core`);
      return `${path.slice('./adapters/'.length)} ${(gzipped(files) / 1024).toFixed(1)}`;
    });
  console.log(`       ${sizes.join(', ')} KB gzip`);
}

const gzipped = (files) => files.reduce((total, file) => total + gzipSync(readFileSync(file), { level: 9 }).length, 0);

function reached(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, path] of text.matchAll(/(?:\bfrom|\bimport|\brequire\()\s*[`'"](\.{1,2}\/[^`'"]+)[`'"]/g)) {
    reached(join(dirname(file), path), found);
  }
  return found;
}

/**
 * The median over cold processes, printed. Tests judge no time, because a machine that does something else at the moment
 * would fail them; `THROTTLEAI_BUDGETS=check` does, in up to three rounds.
 */
function start() {
  for (let round = 1; round <= START_ROUNDS; round++) {
    const times = Array.from({ length: START_RUNS }, coldStart).sort((a, b) => a - b);
    const median = (times[START_RUNS / 2 - 1] + times[START_RUNS / 2]) / 2;
    const spread = `${times[0].toFixed(1)} to ${times.at(-1).toFixed(1)} ms over ${START_RUNS} processes`;
    console.log(`       ${report(median, START_MS_MAX, 'ms')}, ${spread}`);
    if (median <= START_MS_MAX || process.env.THROTTLEAI_BUDGETS !== 'check') return;
  }
  throw new Error(`over the budget of ${START_MS_MAX} ms in ${START_ROUNDS} rounds`);
}

const coldStart = () =>
  Number(run(nodeBinary(START_NODE), [join(app, 'start-up/main.mjs')], { cwd: app, quiet: true }));

const report = (value, budget, unit) =>
  `${value.toFixed(1)} ${unit}, ${Math.round((100 * value) / budget)} % of budget`;

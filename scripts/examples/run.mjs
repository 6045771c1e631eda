/**
 * Runs examples/ as a user would: copied into a project that has installed the packed tarball, type-checked there, each
 * executed, its output held against `expected.txt`. What else they import comes from the repository's own installs.
 * The last line is `N passed, N failed`.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installBundlers, installTarball, installTools, pack } from '../../pkg-tests/lib/install.mjs';
import { nodeBinary, tscScript } from '../../pkg-tests/lib/tools.mjs';
import { at } from '../lib/paths.mjs';
import { run, tryRun } from '../lib/run.mjs';

const project = at('build/examples');
const RUN_MS_MAX = 120_000;
const README_LINES = 5;

const script = (file) => [process.execPath, ['--import', 'tsx', file]];

/** How an example is run, where it is not a script `main.ts`. */
const commands = {
  'hono-worker': () => [nodeBinary(24), [at('scripts/examples/worker.mjs'), join(project, 'hono-worker')]],
  'test-clock': () => [process.execPath, ['--import', 'tsx', '--test', '--test-reporter=tap', 'summarise.test.ts']],
};

function install() {
  installTools();
  const tarball = pack();
  rmSync(project, { recursive: true, force: true });
  cpSync(at('examples'), project, { recursive: true });
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'examples', private: true, type: 'module' }));
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--offline'];
  run('npm', ['install', ...options, tarball], { cwd: project, quiet: true });
  installTarball(tarball);
  installBundlers();
}

function typeCheck(tsc) {
  const config = join(project, 'tsconfig.json');
  const compilerOptions = { types: ['node'], typeRoots: [at('node_modules/@types')] };
  writeFileSync(config, JSON.stringify({ extends: at('tsconfig.json'), compilerOptions, include: ['*/**/*.ts'] }));
  const { status, output } = tryRun(process.execPath, [tsc, '-p', config], { quiet: true, cwd: project });
  if (status !== 0) throw new Error(output);
}

/** What docs/runtimes.md names as a failure is one, and stops where it says. */
function node10() {
  const folder = join(project, 'node10');
  mkdirSync(folder);
  const compile = (source) => {
    writeFileSync(join(folder, 'main.ts'), source);
    const options = [
      '--noEmit',
      '--target',
      'es2022',
      '--module',
      'commonjs',
      '--moduleResolution',
      'node10',
      'main.ts',
    ];
    return tryRun(process.execPath, [tscScript('typescript59'), ...options], { quiet: true, cwd: folder }).output;
  };
  const main = compile(`import { createGovernor } from 'throttleai';\ncreateGovernor();\n`);
  if (main.includes('error')) throw new Error(`the main entry: ${main}`);
  const adapter = compile(`import { wrapFetch } from 'throttleai/adapters/fetch';\nvoid wrapFetch;\n`);
  if (!adapter.includes('TS2307')) throw new Error(`an adapter is found now: ${adapter}`);
}

function execute(name) {
  const [program, args] = commands[name]?.() ?? script('main.ts');
  const cwd = join(project, name);
  const { status, stdout, output, error } = tryRun(program, args, { quiet: true, timeoutMs: RUN_MS_MAX, cwd });
  if (status !== 0) throw new Error(`exit code ${status ?? error?.message}\n${output}`);
  const expected = readFileSync(join(cwd, 'expected.txt'), 'utf8').trim();
  const printed = stdout.trim();
  // Of a test runner's output only the sums are the same each time.
  const found = name === 'test-clock' ? printed.match(/^# (pass|fail) \d+$/gm).join('\n') : printed;
  if (found !== expected) throw new Error(`expected\n${expected}\ngot\n${printed}`);
}

function inNext() {
  const command = [at('scripts/examples/next.mjs'), join(project, 'next-route')];
  const { status, stdout, output } = tryRun(nodeBinary(24), command, { quiet: true, timeoutMs: RUN_MS_MAX });
  if (status !== 0 || stdout.trim() !== '200 data: [DONE]') throw new Error(output);
}

function readme(name) {
  const file = join(project, name, 'README.md');
  if (!existsSync(file)) throw new Error('README.md is missing');
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  if (lines.length > README_LINES) throw new Error(`README.md has ${lines.length} lines, ${README_LINES} are enough`);
}

const names = readdirSync(at('examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

mkdirSync(at('build'), { recursive: true });
install();
const checks = [
  ['types, TypeScript 7', () => typeCheck(at('node_modules/typescript/bin/tsc'))],
  ['types, TypeScript 5.9', () => typeCheck(tscScript('typescript59'))],
  ['moduleResolution node10 finds no adapters', node10],
  ['next-route is built and served by Next', inNext],
  ...names.flatMap((name) => [
    [`${name} runs`, () => execute(name)],
    [`${name} has a short README`, () => readme(name)],
  ]),
];

let failed = 0;
for (const [name, check] of checks) {
  let problem;
  try {
    check();
  } catch (error) {
    problem = error.message.replace(/^/gm, '         ');
    failed += 1;
  }
  console.log(problem === undefined ? `ok     ${name}` : `FAILED ${name}\n${problem}`);
}
if (failed > 0) process.exitCode = 1;
console.log(`${checks.length - failed} passed, ${failed} failed`);

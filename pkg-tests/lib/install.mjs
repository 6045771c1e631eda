/** Puts everything in place: the tools of this folder, and the packed tarball installed as a user would. */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../scripts/lib/run.mjs';
import { hashOf } from '../../scripts/lib/stamp.mjs';

export const here = fileURLToPath(new URL('..', import.meta.url));
export const cache = join(here, '.cache');
/** Where the consumers run: a project with the tarball in its node_modules, outside the sources. */
export const app = join(cache, 'app');
export const installed = join(app, 'node_modules/throttleai');
/** Where the bundlers run: a project with them and the tarball in one node_modules, as users have it. */
export const project = join(cache, 'bundlers');
/** Where the examples of SDKs run. */
export const sdkProject = join(cache, 'sdks');

const LOCK = ['package-lock.json', 'package.json'];

/** The runtimes and compilers. */
export const installTools = () => install(here, 'runtimes and compilers into pkg-tests/node_modules');

/** `npm ci`, unless the lock file is the one that is installed. */
function install(folder, what) {
  const stamp = join(folder, 'node_modules/.throttleai-lock');
  const wanted = hashOf(LOCK.map((name) => join(folder, name)));
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log(`installing ${what}`);
  // Without install scripts: every program comes as a package that holds its binary. Without warnings: they are about the
  // Node that runs npm, and the tools run with one of their own.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
  writeFileSync(stamp, wanted);
}

/** @returns {string} the tarball that `npm pack` makes of a fresh build */
export function pack() {
  const root = join(here, '..');
  run(process.execPath, [join(root, 'scripts/build.mjs')], { quiet: true });
  const folder = join(cache, 'pack');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root, quiet: true });
  const [name, ...others] = readdirSync(folder);
  if (name === undefined || others.length > 0) throw new Error(`npm pack left ${readdirSync(folder)}`);
  return join(folder, name);
}

/** A project that has installed the tarball, with the consumers copied into it. */
export function installTarball(tarball) {
  rmSync(app, { recursive: true, force: true });
  mkdirSync(app, { recursive: true });
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--offline', tarball], {
    cwd: app,
    quiet: true,
  });
  copyConsumers(app);
}

/** The bundlers' project: what `installTarball` unpacked, beside the tools, and the consumers. Call it after that. */
export function installBundlers() {
  installBeside('bundlers', project, 'bundlers, frameworks and test runners into pkg-tests/.cache/bundlers');
  copyConsumers(project);
}

/** The project of the SDKs, in the same way, without consumers: its programs are those of the documents. */
export const installSdks = () => installBeside('sdks', sdkProject, 'SDKs of providers into pkg-tests/.cache/sdks');

/** @param {string} lock the folder with the lock file */
function installBeside(lock, folder, what) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (name !== 'node_modules') rmSync(join(folder, name), { recursive: true });
  }
  for (const name of LOCK) copyFileSync(join(here, lock, name), join(folder, name));
  install(folder, what);
  const copy = join(folder, 'node_modules/throttleai');
  rmSync(copy, { recursive: true, force: true });
  cpSync(installed, copy, { recursive: true });
}

function copyConsumers(folder) {
  cpSync(join(here, 'consumers'), folder, { recursive: true });
  cpSync(join(here, 'scenario.mjs'), join(folder, 'scenario.mjs'));
}

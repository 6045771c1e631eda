/** Puts everything in place: the tools of this folder, and the packed tarball installed as a user would. */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../scripts/lib/run.mjs';
import { hashOf } from '../../scripts/lib/stamp.mjs';

export const here = fileURLToPath(new URL('..', import.meta.url));
export const cache = join(here, '.cache');
/** Where the consumers run: a project with the tarball in its node_modules, outside the sources. */
export const app = join(cache, 'app');
export const installed = join(app, 'node_modules/throttleai');

/** `npm ci` of the runtimes and compilers, unless the lock file is the one that is installed. */
export function installTools() {
  const stamp = join(here, 'node_modules/.throttleai-lock');
  const wanted = hashOf([join(here, 'package-lock.json'), join(here, 'package.json')]);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('installing runtimes and compilers into pkg-tests/node_modules');
  // Without install scripts: every runtime comes as a package that holds its binary.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here });
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
  cpSync(join(here, 'consumers'), app, { recursive: true });
  cpSync(join(here, 'scenario.mjs'), join(app, 'scenario.mjs'));
}

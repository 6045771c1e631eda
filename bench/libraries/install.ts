/**
 * Installs the compared libraries beside this file, unless what is installed is what the lock file says. Run on its own
 * before the types are checked, and by the benchmark and its tests.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = new URL('./', import.meta.url);
const stamp = new URL('node_modules/.throttleai-lock', here);

export function installLibraries(): void {
  const lock = readFileSync(new URL('package-lock.json', here), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  // To stderr: stdout may be meant for a program.
  console.error('installing the compared libraries into bench/libraries/node_modules');
  const { status, error } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: fileURLToPath(here),
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new Error('npm ci failed in bench/libraries', { cause: error });
  writeFileSync(stamp, lock);
}

/** Name and version of each; the versions are pinned. */
export function libraryVersions(): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', here), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return dependencies;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) installLibraries();

/** Finds the programs under test. What is missing is an error that says how to get it, never a skipped test. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { tryRun } from '../../scripts/lib/run.mjs';
import { here } from './install.mjs';

const platform = `${process.platform}-${process.arch}`;
const AGAIN = 'delete pkg-tests/node_modules and run the test again';

function found(file, hint) {
  if (!existsSync(file)) throw new Error(`${file} is missing: ${hint}`);
  return file;
}

export const nodeBinary = (major) =>
  found(join(here, `node_modules/node${major}-${platform}/bin/node`), `no Node ${major} for ${platform}; ${AGAIN}`);

export const bunBinary = () =>
  found(join(here, `node_modules/@oven/bun-${platform.replace('arm64', 'aarch64')}/bin/bun`), `no Bun; ${AGAIN}`);

export const denoBinary = () => {
  const name = process.platform === 'linux' ? `${platform}-glibc` : platform;
  return found(join(here, `node_modules/@deno/${name}/deno`), `no Deno; ${AGAIN}`);
};

export const workerdBinary = () => {
  const name = platform.replace('x64', '64');
  return found(join(here, `node_modules/@cloudflare/workerd-${name}/bin/workerd`), `no workerd; ${AGAIN}`);
};

export const tscScript = (alias) => found(join(here, `node_modules/${alias}/bin/tsc`), AGAIN);

/** Debian's Chromium, installed if we may. `CHROMIUM` names another one. */
export function chromiumBinary() {
  const candidates = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const first = () => candidates.find((path) => path !== undefined && existsSync(path));
  if (first() === undefined && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log('installing chromium');
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    tryRun('apt-get', ['update', '-qq'], { env, quiet: true });
    tryRun('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], { env, quiet: true });
  }
  const chosen = first();
  if (chosen === undefined) throw new Error('no Chromium: apt-get install chromium, or name one with CHROMIUM=/path');
  return chosen;
}

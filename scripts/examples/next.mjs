/**
 * `next.mjs FOLDER`: builds the routes of an example with Next, serves them, and prints what one call of the chat gives.
 * Next gets JavaScript: it would look for TypeScript itself, and the types are checked elsewhere.
 */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { here, project } from '../../pkg-tests/lib/install.mjs';
import { filesUnder } from '../lib/stamp.mjs';

const folder = process.argv[2];
const app = join(project, 'next-route');
const next = join(project, 'node_modules/next/dist/bin/next');
const { createMockProvider } = createRequire(join(folder, 'package.json'))('throttleai/testing');

function copy() {
  rmSync(app, { recursive: true, force: true });
  for (const file of filesUnder(join(folder, 'app'), join(folder, 'lib'))) {
    const script = join(app, relative(folder, file).replace(/\.ts$/, '.js'));
    mkdirSync(dirname(script), { recursive: true });
    writeFileSync(script, stripTypeScriptTypes(readFileSync(file, 'utf8')).replaceAll(".ts'", ".js'"));
  }
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'next-route', private: true }));
  copyFileSync(join(here, 'consumers/next/next.config.mjs'), join(app, 'next.config.mjs'));
}

/** @returns {Promise<string>} the server's address, when it says so */
function addressOf({ stdout }) {
  return new Promise((resolve, reject) => {
    let output = '';
    stdout.on('data', (chunk) => {
      output += chunk;
      const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? [];
      if (address !== undefined) resolve(address);
    });
    stdout.once('end', () => reject(new Error(`the server ended without an address:\n${output}`)));
  });
}

copy();
const provider = await createMockProvider();
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', PROVIDER_URL: provider.baseURL };
const built = spawnSync(process.execPath, [next, 'build', '--turbopack', app], { env, encoding: 'utf8' });
if (built.status !== 0) throw new Error(`${built.stdout}${built.stderr}`);
const server = spawn(process.execPath, [next, 'start', app, '-H', '127.0.0.1', '-p', '0'], {
  env,
  stdio: ['ignore', 'pipe', 'inherit'],
});
process.once('SIGTERM', () => process.exit(1)).once('exit', () => server.kill());
try {
  const body = JSON.stringify({ prompt: 'Hello' });
  const response = await fetch(`${await addressOf(server)}/api/chat`, { method: 'POST', body });
  console.log(response.status, (await response.text()).trim().split('\n').at(-1));
} finally {
  server.kill();
  await provider.close();
}

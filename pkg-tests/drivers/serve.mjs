/**
 * `serve.mjs fetch|BINARY PATHS PROGRAM ARGS...`: starts a server, waits for the address that it prints, and prints what
 * it answers for each path; or, with Chromium's binary, the title of the page there.
 */
import { spawn } from 'node:child_process';
import { titleOf } from './lib/page.mjs';

const [client, paths, program, ...args] = process.argv.slice(2);
const ADDRESS = /http:\/\/127\.0\.0\.1:\d+/;

const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
const ended = new Promise((resolve) => server.once('close', resolve));
// A driver that is stopped because it takes too long leaves no server behind.
process.once('SIGTERM', () => process.exit(1)).once('exit', () => server.kill());

try {
  const address = await addressOf(server);
  for (const path of paths.split(',')) console.log(await answer(`${address}${path}`));
} finally {
  server.kill();
  await ended;
}

function addressOf({ stdout }) {
  return new Promise((resolve, reject) => {
    let output = '';
    stdout.on('data', (chunk) => {
      output += chunk;
      const [address] = ADDRESS.exec(output) ?? [];
      if (address !== undefined) resolve(address);
    });
    stdout.once('end', () => reject(new Error(`the server ended without an address:\n${output}`)));
  });
}

async function answer(url) {
  return client === 'fetch' ? (await fetch(url)).text() : titleOf(url, client);
}

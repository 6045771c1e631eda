/** `chromium.mjs BINARY FOLDER PATH`: serves the folder on loopback, opens the page, prints the title it gives itself. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { titleOf } from './lib/page.mjs';

const [executablePath, folder, path] = process.argv.slice(2);
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

const server = createServer((request, response) => {
  const name = normalize(new URL(request.url, 'http://localhost').pathname);
  try {
    const body = readFileSync(join(folder, name));
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
try {
  console.log(await titleOf(`http://127.0.0.1:${server.address().port}${path}`, executablePath));
} finally {
  server.close();
}

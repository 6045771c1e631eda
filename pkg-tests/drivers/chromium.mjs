/** `chromium.mjs BINARY FOLDER PATH`: serves the folder on loopback, opens the page, prints the title it gives itself. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { chromium } from 'playwright-core';

const [executablePath, folder, path] = process.argv.slice(2);
const WAIT_MS_MAX = 30_000;
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};
/** Keeps Chromium from calling home; it needs nothing but this server. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

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

const profile = mkdtempSync(join(tmpdir(), 'throttleai-chromium-'));
const browser = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: QUIET });
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(String(error)));
  page.on('console', (message) => console.error(message.text()));
  await page.goto(`http://127.0.0.1:${server.address().port}${path}`);
  await page.waitForFunction(() => document.title !== '', undefined, { timeout: WAIT_MS_MAX });
  console.log(await page.title());
} finally {
  await browser.close();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}

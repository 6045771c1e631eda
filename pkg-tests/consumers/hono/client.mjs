/** What a client sees of `app.mjs`, over a socket. All runtimes must say the same. */
import { createServer } from 'node:http';

/** How often the state is asked for until it is as it must become; each time is a request. */
const ASKS_MAX = 2_000;

/**
 * @param {string} origin of the server
 * @param {boolean} [noticed] whether the runtime notices that a client leaves which waits. Workers do not: it has its turn
 * @returns {Promise<string>} one line
 */
export async function visit(origin, noticed = true) {
  const seen = [];
  const ask = async (path, init) => {
    const response = await fetch(origin + path, init);
    return [init?.method ?? 'GET', path, response.status, await response.text()].join(' ').trim();
  };
  const state = async () => (await fetch(`${origin}/state`)).json();
  const until = async (good) => {
    for (let asks = 0; asks < ASKS_MAX; asks++) {
      const now = await state();
      if (good(now)) return;
    }
    throw new Error(`it never came to ${good}: ${JSON.stringify(await state())}`);
  };
  /** Takes the slot. @returns what gives it back: the client leaves */
  const hold = async (path = '/now/held') => {
    const abort = new AbortController();
    const { body } = await fetch(origin + path, { signal: abort.signal });
    await body.getReader().read();
    return () => abort.abort();
  };

  seen.push(await ask('/now/json'));
  for (const [method, path] of [
    ['HEAD', 'json'],
    ['HEAD', 'held'],
    ['GET', 'empty'],
    ['GET', 'throws'],
  ]) {
    seen.push(await ask(`/now/${path}`, { method }));
    await until(({ leases }) => leases === 0);
  }

  seen.push(await ask('/bare/json'));
  (await hold('/bare/held'))();
  await until(({ leases }) => leases === 0);

  const leave = await hold();
  const denied = await fetch(`${origin}/now/json`);
  seen.push(`${denied.status} ${denied.headers.get('retry-after')} ${(await denied.json()).reason}`);
  const waits = ask('/wait/json');
  await until(({ waiting }) => waiting === 1);
  const gone = new AbortController();
  const goes = fetch(`${origin}/wait/json`, { signal: gone.signal }).catch(() => 'gone');
  await until(({ waiting }) => waiting === 2);
  gone.abort();
  seen.push(await goes);
  if (noticed) await until(({ waiting }) => waiting === 1);
  leave();
  seen.push(await waits);
  await until(({ leases, waiting }) => leases === 0 && waiting === 0);

  // A client that leaves in the middle of what a provider streams: that is told so too.
  const provider = await endless();
  const { body } = await fetch(`${origin}/now/proxy?from=${encodeURIComponent(provider.url)}`, {
    signal: provider.client,
  });
  const reader = body.getReader();
  for (let bytes = 0; bytes < 10_000;) bytes += (await reader.read()).value.byteLength;
  provider.leave();
  await provider.left;
  await until(({ leases }) => leases === 0);
  seen.push(JSON.stringify((await state()).outcomes));
  return seen.join(' | ');
}

/** A provider whose answer ends when nobody is left to read it. */
async function endless() {
  const client = new AbortController();
  let gone;
  const left = new Promise((resolve) => (gone = resolve));
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => response.write(`data: ${'x'.repeat(1000)}\n\n`), 20);
    response.on('close', () => {
      clearInterval(timer);
      server.close();
      gone();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  return { url, client: client.signal, leave: () => client.abort(), left };
}

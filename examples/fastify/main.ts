// Tries the app out: two clients behind one proxy, two calls a minute for each of them.
import { createGovernor } from 'throttleai';
import { createTestClock } from 'throttleai/testing';
import { createApp } from './server.ts';

const clock = createTestClock(); // moves only when told, so that each run prints the same
const governor = createGovernor({ clock, limits: [{ metric: 'requests', limit: 2, window: '1m', per: 'actor' }] });
const app = createApp(governor);
const url = await app.listen({ port: 0, host: '127.0.0.1' });

/** Asks as a proxy would that has seen `client`. What stands before that the client has made up. */
async function ask(path: string, client: string): Promise<void> {
  const response = await fetch(url + path, { headers: { 'x-forwarded-for': `192.0.2.1, ${client}` } });
  const { status, headers } = response;
  await response.text();
  console.log([client, path, status, headers.get('ratelimit'), headers.get('retry-after')].join(' ').trim());
  clock.advance(10_000);
}

for (let call = 0; call < 3; call++) await ask('/ai/chat', '203.0.113.7');
await ask('/ai/chat', '2001:db8:1:2::3');
await ask('/ai/chat', '2001:db8:1:2::4'); // the same network
await ask('/health', '203.0.113.7');
await ask('/ai/chat', '203.0.113.7'); // the first call is more than a minute ago

await app.close();
governor.close();

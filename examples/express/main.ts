// Tries the app out: two users, one slot, a provider that never answers by itself.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { createGovernor, formatEvent } from 'throttleai';
import { createMockProvider, createTestClock } from 'throttleai/testing';
import { createApp } from './server.ts';

const provider = await createMockProvider({ faults: { hang: 1 } });
const openai = new OpenAI({ apiKey: 'mock', baseURL: provider.baseURL, maxRetries: 0 });
let released = (): void => {};
const ended = new Promise<void>((resolve) => (released = resolve));
const governor = createGovernor({
  concurrency: { maxInFlight: 1 },
  clock: createTestClock(), // it stands still, so that each run prints the same
  onEvent: (event) => {
    if (event.type !== 'deny')
      console.log(
        formatEvent(event)
          .replace(/lease=\S+ ?/, '')
          .trim(),
      );
    if (event.type === 'release') released();
  },
});

const server = createApp(governor, openai).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ai/chat`;
const post = (token: string, signal?: AbortSignal): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-actor-id': 'somebody-else' },
    body: JSON.stringify({ prompt: 'Hello' }),
    ...(signal && { signal }),
  });

console.log(`without a login: ${(await post('made-up')).status}`);

const ann = new AbortController();
const first = post('token-ann', ann.signal);
while (provider.stats().inFlight === 0) await new Promise((resolve) => setImmediate(resolve));

const denied = await post('token-bob');
console.log(`bob, while ann's call runs: ${denied.status}, Retry-After ${denied.headers.get('retry-after')}`);
console.log(JSON.stringify(await denied.json()));

ann.abort();
await first.catch(() => console.log('ann has left'));
await ended;
console.log(`leases held: ${governor.activeLeases}`);

server.close();
governor.close();
await provider.close();

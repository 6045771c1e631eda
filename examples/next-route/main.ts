// Calls the route as Next would: six requests at once, of which one actor's share is three.
import { createMockProvider } from 'throttleai/testing';
import { POST } from './app/api/chat/route.ts';
import { governor } from './lib/governor.ts';

const provider = await createMockProvider();
process.env['PROVIDER_URL'] = provider.baseURL;

const ask = (): Promise<Response> =>
  POST(new Request('http://localhost/api/chat', { method: 'POST', body: JSON.stringify({ prompt: 'Hello' }) }));

const responses = await Promise.all(Array.from({ length: 6 }, ask));
console.log(responses.map(({ status }) => status).join(' '));

for (const response of responses) {
  const text = await response.text();
  if (response.ok) console.log(`a stream that ends with "${text.trim().split('\n').at(-1)}"`);
  else console.log(`Retry-After ${response.headers.get('retry-after')}: ${text}`);
}
console.log(`leases held: ${governor.activeLeases}`);
governor.close();
await provider.close();

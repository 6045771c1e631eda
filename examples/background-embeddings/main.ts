// Embeddings fill what chats leave free: background calls wait in the queue and never take the reserve.
import OpenAI from 'openai';
import { createGovernor, withLease } from 'throttleai';
import { createMockProvider } from 'throttleai/testing';

const provider = await createMockProvider({ limits: { maxInFlight: 4 }, latency: { medianMs: 5 } });
const openai = new OpenAI({ apiKey: 'mock', baseURL: provider.baseURL, maxRetries: 0 });
const governor = createGovernor({ concurrency: { maxInFlight: 4, interactiveReserve: 1 } });

const documents = Array.from({ length: 30 }, (_, index) => `Document ${index}: what leases are for, part ${index}.`);
let running = 0;
let most = 0;

async function embed(text: string): Promise<number[]> {
  most = Math.max(most, ++running);
  try {
    const answer = await openai.embeddings.create({ model: 'mock-small', input: text, dimensions: 8 });
    return answer.data[0]?.embedding ?? [];
  } finally {
    running--;
  }
}

const request = { actorId: 'indexer', action: 'embed', priority: 'background' } as const;
const index = Promise.all(
  documents.map((text) => withLease(governor, request, () => embed(text), { strategy: 'wait', maxWaitMs: Infinity })),
);
const state = (): string => `${governor.activeLeases} calls run, ${governor.snapshot().waiting} wait`;
console.log(state());

// A person asks meanwhile and does not wait at all.
const chat = withLease(governor, { actorId: 'ann', action: 'chat', priority: 'interactive' }, () =>
  openai.chat.completions.create({ model: 'mock-small', messages: [{ role: 'user', content: 'Hello' }] }),
);
console.log(`with the chat: ${state()}`);
console.log(`the chat was ${(await chat).granted ? 'answered' : 'denied'}`);

const vectors = (await index).map((answer) => (answer.granted ? answer.result : []));
console.log(`${vectors.filter((vector) => vector.length === 8).length} documents embedded, at most ${most} at once`);
console.log(`the provider refused ${provider.stats().refused}`);
governor.close();
await provider.close();

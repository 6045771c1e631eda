// Six calls at once to a provider that takes two at a time: first refused on the spot, then waiting for their turn.
import OpenAI from 'openai';
import { createGovernor, formatSnapshot, withLease } from 'throttleai';
import { createMockProvider } from 'throttleai/testing';

const provider = await createMockProvider({ limits: { maxInFlight: 2 } });
// The SDK's own retries would be calls that no lease counts.
const openai = new OpenAI({ apiKey: 'mock', baseURL: provider.baseURL, maxRetries: 0 });
const governor = createGovernor({ concurrency: { maxInFlight: 2 }, rate: { requestsPerMinute: 20 } });

const request = { actorId: 'script', action: 'chat' };
const prompts = ['Name a lake', 'Name a river', 'Name a hill', 'Name a city', 'Name a bay', 'Name a moor'];
const ask = (prompt: string) =>
  openai.chat.completions.create({ model: 'mock-small', messages: [{ role: 'user', content: prompt }] });

console.log('refused on the spot:');
const burst = prompts.map((prompt) => withLease(governor, request, () => ask(prompt)));
console.log(formatSnapshot(governor.snapshot()));
for (const answer of await Promise.all(burst)) {
  console.log(answer.granted ? 'answered' : answer.decision.recommendation);
}

console.log('waiting for their turn:');
const patient = { strategy: 'wait', maxWaitMs: 30_000 } as const;
const answers = await Promise.all(prompts.map((prompt) => withLease(governor, request, () => ask(prompt), patient)));
console.log(`${answers.filter((answer) => answer.granted).length} of ${prompts.length} answered`);
console.log(formatSnapshot(governor.snapshot()));

const { received, refused } = provider.stats();
console.log(`the provider got ${received} calls and refused ${refused}`);
governor.close();
await provider.close();

// Two customers, a cent a day each: one spends it, is told so and does not keep the other from going on.
import OpenAI from 'openai';
import { createGovernor, DeniedError } from 'throttleai';
import { estimateTokens } from 'throttleai/estimate';
import { createMockProvider } from 'throttleai/testing';

const provider = await createMockProvider();
const openai = new OpenAI({ apiKey: 'mock', baseURL: provider.baseURL, maxRetries: 0 });
const governor = createGovernor({
  limits: [{ name: 'budget', metric: 'costUsd', limit: 0.01, window: '1d', per: 'tenant', warnAt: [0.5] }],
  models: {
    // The provider's own limits, and its prices in dollars a million tokens.
    'mock-small': { limits: [{ metric: 'tokens', limit: 100_000, window: '1m' }], prices: { input: 1, output: 20 } },
  },
  onEvent: (event) => {
    if (event.type === 'warn') console.log(`${event.key?.tenant} has used half of its ${event.limit}`);
  },
});

const paramsOf = (prompt: string): OpenAI.ChatCompletionCreateParamsNonStreaming => ({
  model: 'mock-small',
  max_tokens: 100,
  messages: [{ role: 'user', content: prompt }],
});
const chat = governor.wrap((_tenant: string, prompt: string) => openai.chat.completions.create(paramsOf(prompt)), {
  key: 'chat',
  model: 'mock-small',
  tenant: (tenant) => tenant,
  estimate: (_tenant, prompt) => estimateTokens(paramsOf(prompt)),
  usage: ({ usage }) => usage && { promptTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens },
  wait: false, // A budget that is spent is not worth waiting for.
});

let micros = 0;
try {
  for (;;) {
    const { usage } = await chat('acme', 'Write me a poem');
    micros += usage!.prompt_tokens + 20 * usage!.completion_tokens;
  }
} catch (error) {
  if (!DeniedError.isInstance(error)) throw error;
  console.log(`acme is denied: ${error.decision.reason}, by the limit "${error.decision.limit}"`);
}
console.log(`acme has spent at most a cent: ${micros <= 10_000}, and what is left is no call: ${micros > 7_900}`);

const { choices } = await chat('globex', 'Name a lake');
console.log(`globex is ${choices.length === 1 ? 'answered' : 'ignored'}`);
governor.close();
await provider.close();

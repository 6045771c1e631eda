// A chat that streams, through the real SDK: the lease lasts as long as the stream, the real usage replaces the estimate.
import OpenAI from 'openai';
import { createGovernor, formatSnapshot } from 'throttleai';
import { estimateTokensFromMessages, wrapChatCompletions } from 'throttleai/adapters/openai';
import { createMockProvider } from 'throttleai/testing';

const provider = await createMockProvider();
const openai = new OpenAI({ apiKey: 'mock', baseURL: provider.baseURL, maxRetries: 0 });
const governor = createGovernor({ concurrency: { maxInFlight: 2 }, rate: { tokensPerMinute: 10_000 } });
const chat = wrapChatCompletions(openai.chat.completions, { governor, actorId: 'ann', wait: { timeoutMs: 10_000 } });

const messages: OpenAI.ChatCompletionMessageParam[] = [];
const MAX_TOKENS = 40;

/** One turn: yields the answer as it arrives and remembers it. */
async function* say(text: string): AsyncGenerator<string> {
  messages.push({ role: 'user', content: text });
  const r = await chat(
    {
      model: 'mock-small',
      messages,
      max_tokens: MAX_TOKENS,
      stream: true,
      stream_options: { include_usage: true }, // without it the estimate stays charged
    },
    { promptTokens: estimateTokensFromMessages(messages), maxOutputTokens: MAX_TOKENS },
  );
  if (!r.ok) throw new Error(r.decision.recommendation);
  let answer = '';
  for await (const chunk of r.result) {
    const piece = chunk.choices[0]?.delta.content ?? '';
    answer += piece;
    yield piece;
  }
  messages.push({ role: 'assistant', content: answer });
}

for (const text of ['What is a lease?', 'And a waiter?']) {
  let answer = '';
  for await (const piece of say(text)) {
    if (answer === '' && piece !== '') console.log(`during "${text}": ${formatSnapshot(governor.snapshot())}`);
    answer += piece;
  }
  console.log(`${answer.split(' ').length} words, then: ${formatSnapshot(governor.snapshot())}`);
}

// A reader that has enough just stops: the SDK ends the request, the adapter the lease.
for await (const _piece of say('Tell me everything')) break;
console.log(`after a reader that stopped: ${formatSnapshot(governor.snapshot())}`);
governor.close();
await provider.close();

/** The three versions of the AI SDK with `governedMiddleware`: generated and streamed texts settle what the SDK itself reports. */
import assert from 'node:assert/strict';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAI as createOpenAI2 } from '@ai-sdk/openai2';
import { createOpenAI as createOpenAI3 } from '@ai-sdk/openai3';
import * as ai7 from 'ai';
import * as ai5 from 'ai5';
import * as ai6 from 'ai6';
import { createGovernor, DeniedError } from 'throttleai';
import { governedMiddleware } from 'throttleai/adapters/ai-sdk';

const asked = { prompt: 'Hello', maxOutputTokens: 50 };

/** @type {((tokensPerMinute: number) => { governor: ReturnType<typeof createGovernor>; generate(): Promise<number | undefined>; stream(): Promise<number | undefined> })[]} */
const versions = [
  (tokensPerMinute) => {
    const governor = createGovernor({ rate: { tokensPerMinute } });
    const middleware = governedMiddleware(governor);
    const model = ai5.wrapLanguageModel({ model: createOpenAI2().chat('gpt-4o'), middleware });
    return {
      governor,
      generate: async () => (await ai5.generateText({ model, ...asked })).usage.totalTokens,
      async stream() {
        const { usage, textStream } = ai5.streamText({ model, ...asked });
        for await (const _text of textStream);
        return (await usage).totalTokens;
      },
    };
  },
  (tokensPerMinute) => {
    const governor = createGovernor({ rate: { tokensPerMinute } });
    const middleware = governedMiddleware(governor);
    const model = ai6.wrapLanguageModel({ model: createOpenAI3().chat('gpt-4o'), middleware });
    return {
      governor,
      generate: async () => (await ai6.generateText({ model, ...asked })).usage.totalTokens,
      async stream() {
        const { usage, textStream } = ai6.streamText({ model, ...asked });
        for await (const _text of textStream);
        return (await usage).totalTokens;
      },
    };
  },
  (tokensPerMinute) => {
    const governor = createGovernor({ rate: { tokensPerMinute } });
    const middleware = governedMiddleware(governor);
    const model = ai7.wrapLanguageModel({ model: createOpenAI().chat('gpt-4o'), middleware });
    return {
      governor,
      generate: async () => (await ai7.generateText({ model, ...asked })).usage.totalTokens,
      async stream() {
        const { usage, textStream } = ai7.streamText({ model, ...asked });
        for await (const _text of textStream);
        return (await usage).totalTokens;
      },
    };
  },
];

for (const [at, version] of versions.entries()) {
  for (const how of /** @type {const} */ (['generate', 'stream'])) {
    const made = version(10_000);
    const sum = await made[how]();
    const { tokenRateCount, activeLeases } = made.governor;
    assert.ok(sum !== undefined && sum > 0, `version ${at + 5}, ${how}`);
    assert.deepEqual([tokenRateCount, activeLeases], [sum, 0], `version ${at + 5}, ${how}`);
  }
  await assert.rejects(version(10).generate(), (error) => DeniedError.isInstance(error));
}
console.log('ok');

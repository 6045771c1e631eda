/** wrapChatCompletions: what counts as usage, of providers that report a part of it, or report early. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wrapChatCompletions } from 'throttleai/adapters/openai';
import { notedGovernor } from './support.ts';

const estimate = { promptTokens: 100, maxOutputTokens: 400 };

test('a half that the provider leaves out keeps its estimate', async (t) => {
  const { governor } = notedGovernor(t, { rate: { tokensPerMinute: 1000 } });
  const create = async (_params: object): Promise<object> => ({ usage: { prompt_tokens: 3 } });
  assert.ok((await wrapChatCompletions(create, { governor })({}, estimate)).ok);
  assert.equal(governor.tokenRateCount, 403);
});

test('usage counts that came before the last chunk, and the latest of several', async (t) => {
  const { governor } = notedGovernor(t, { rate: { tokensPerMinute: 1000 } });
  const create = async function* (_params: object): AsyncGenerator<{ usage?: object | null }> {
    yield { usage: { prompt_tokens: 1, completion_tokens: 1 } };
    yield { usage: { prompt_tokens: 3, completion_tokens: 4 } };
    yield { usage: null };
    yield {};
  };
  const answer = await wrapChatCompletions(create, { governor })({ stream: true }, estimate);
  assert.ok(answer.ok);
  for await (const _chunk of answer.result);
  assert.equal(governor.tokenRateCount, 7);
});

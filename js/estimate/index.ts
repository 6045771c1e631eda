/**
 * Tokens that a request will need, before it is sent: what a governor reserves. Errs upward; the report of the real usage
 * gives back what was too much.
 *
 * @module throttleai/estimate
 * @example
 * import { encode } from 'gpt-tokenizer';
 * import { createGovernor } from 'throttleai';
 * import { estimateTokens } from 'throttleai/estimate';
 *
 * const gov = createGovernor({ rate: { tokensPerMinute: 100_000 } });
 * const request = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }], max_completion_tokens: 500 };
 * const estimate = estimateTokens(request, { tokenizer: (text) => encode(text).length });
 * const decision = gov.acquire({ actorId: 'user-1', action: 'chat', estimate });
 */
import { InputError } from '../core/errors.ts';
import { countable, readOptions, type Ask } from './ask.ts';
import { contentsTokens } from './contents.ts';
import { Field } from './field.ts';
import { inputTokens, messagesTokens, textsTokens } from './messages.ts';
import { outputOf } from './output.ts';
import type { EstimateOptions, RequestEstimate, RequestShape } from './types.ts';

export type { EstimateOptions, RequestEstimate, RequestShape } from './types.ts';

/**
 * Estimates a request: of OpenAI (chat, responses, completions, embeddings), of Anthropic (messages) or of Gemini
 * (contents), with its tools, schemas, images and number of answers; its list of messages, texts or contents alone; or a
 * bare text. Which it is shows in the fields that it has.
 *
 * - A text counts by `tokenizer`, or else by characters.
 * - Tools and schemas count as their JSON, images by size, detail and model, each message has a few tokens more.
 * - What cannot be seen (sound, files, conversations that the provider keeps) needs a number in `partTokens`, or else a
 *   `fallback`; what is not known at all needs a `fallback`. No part is left out silently.
 * - Not counted, as nobody can know it before: what tools of the provider bring in while they run.
 *
 * Writes nothing. Linear in the size of the request.
 *
 * @throws InputError naming the field of `request` or `options`, its value and what is allowed; what `tokenizer` throws
 * @example
 * estimateTokens({ messages: [{ role: 'user', content: 'Hello world' }], max_tokens: 100, n: 2 });
 * // { promptTokens: 13, maxOutputTokens: 200, shape: 'messages', rule: 'characters', outputRule: 'request' }
 */
export function estimateTokens(request: unknown, options?: EstimateOptions | null): RequestEstimate {
  const root = new Field(request, 'request');
  const ask = readOptions(options, root);
  const output = outputOf(root, ask);
  try {
    const { shape, tokens } = promptOf(root, ask);
    return { promptTokens: countable(Math.ceil(tokens)), ...output, shape, rule: ask.counter.rule };
  } catch (error) {
    if (ask.fallback === undefined || !isAbout(error, root)) throw error;
    return { promptTokens: ask.fallback, ...output, shape: undefined, rule: 'fallback' };
  }
}

/** Whether an error says that the request was not understood; a failing tokenizer is another matter. */
function isAbout(error: unknown, root: Field): boolean {
  return InputError.isInstance(error) && error.field.startsWith(root.path);
}

function promptOf(root: Field, ask: Ask): { shape: RequestShape; tokens: number } {
  if (typeof root.value === 'string') return { shape: 'text', tokens: ask.counter.text(root.value) };
  if (root.isArray) return listOf(root, ask);
  const [messages, input, prompt] = [root.get('messages'), root.get('input'), root.get('prompt')];
  if (!messages.absent) return { shape: 'messages', tokens: messagesTokens(root, messages, ask) };
  // A prompt that is an object is one that OpenAI keeps: part of a request with `input`.
  if (!input.absent || prompt.isObject) return { shape: 'input', tokens: inputTokens(root, input, ask) };
  if (!prompt.absent) {
    const suffix = root.get('suffix');
    return { shape: 'prompt', tokens: textsTokens(prompt, ask) + (suffix.absent ? 0 : textsTokens(suffix, ask)) };
  }
  const contents = root.either('contents', 'content');
  if (!contents.absent) return { shape: 'contents', tokens: contentsTokens(root, contents, ask) };
  throw root.bad(
    'a text, or a request of OpenAI (messages, input, prompt), Anthropic (messages) or Gemini (contents), or one of these ' +
      'fields alone; for others give options.fallback',
  );
}

/** A list alone: its first item says what it is a list of. */
function listOf(root: Field, ask: Ask): { shape: RequestShape; tokens: number } {
  const first = root.get('0');
  if (!first.get('parts').absent) return { shape: 'contents', tokens: contentsTokens(root, root, ask) };
  if (first.isObject) return { shape: 'messages', tokens: messagesTokens(root, root, ask) };
  return { shape: 'input', tokens: textsTokens(root, ask) };
}

/** Answers in OpenAI's formats: chat completions whole and as chunks, embeddings, the list of models. */
import { createRandom, hashText, between, type Random } from './random.ts';
import type { ParsedCall } from './requests.ts';
import { countTokens, makeTokens } from './text.ts';

/** An answer before it is written in one of the formats. */
export interface Answer {
  call: ParsedCall;
  id: string;
  created: number;
  model: string;
  tokens: string[];
  finish: 'stop' | 'length';
  promptTokens: number;
}

/** Token counts as OpenAI reports them. */
export interface MockUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** The shortest answer is this part of the maximum; models seldom use all they are allowed. */
const SHORTEST = 1 / 4;

/** Draws an answer of a quarter to all of the allowed tokens. */
export function drawAnswer(call: ParsedCall, random: Random, now: number): Answer {
  const length = between(random, Math.max(1, Math.floor(call.maxTokens * SHORTEST)), call.maxTokens);
  return {
    call,
    id: `chatcmpl-${Math.floor(random() * 2 ** 32).toString(36)}`,
    created: Math.floor(now / 1000),
    model: call.model,
    tokens: makeTokens(random, length),
    finish: length === call.maxTokens ? 'length' : 'stop',
    promptTokens: call.promptTokens,
  };
}

/** The usage after `count` output tokens. */
export function usageOf(promptTokens: number, count: number): MockUsage {
  return { prompt_tokens: promptTokens, completion_tokens: count, total_tokens: promptTokens + count };
}

/** The whole answer. */
export function completion(answer: Answer): unknown {
  const { id, created, model, tokens, finish, promptTokens } = answer;
  const message = { role: 'assistant', content: tokens.join(''), refusal: null };
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finish }],
    usage: usageOf(promptTokens, tokens.length),
  };
}

/** The chunks of a streamed answer: role, one a token, the reason it ended, and the usage if asked for. */
export function* chunks(answer: Answer, includeUsage: boolean): Generator<unknown> {
  const { id, created, model, tokens, finish, promptTokens } = answer;
  const head = { id, object: 'chat.completion.chunk', created, model };
  const usage = includeUsage ? { usage: null } : {};
  const chunk = (delta: object, reason: string | null): unknown => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
    ...usage,
  });
  yield chunk({ role: 'assistant', content: '' }, null);
  for (const token of tokens) yield chunk({ content: token }, null);
  yield chunk({}, finish);
  if (includeUsage) yield { ...head, choices: [], usage: usageOf(promptTokens, tokens.length) };
}

/** A vector that depends on the text only, of length 1. */
function vector(text: string, dimensions: number): Float32Array {
  const random = createRandom(hashText(text, 0));
  const values = Float32Array.from({ length: dimensions }, () => random() * 2 - 1);
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return values.map((value) => value / length);
}

/** The answer to an embeddings request. */
export function embeddings(call: ParsedCall): unknown {
  const data = call.inputs.map((text, index) => {
    const values = vector(text, call.dimensions);
    const embedding = call.base64 ? Buffer.from(values.buffer).toString('base64') : [...values];
    return { object: 'embedding', index, embedding };
  });
  const total = call.inputs.reduce((sum, text) => sum + countTokens(text), 0);
  return { object: 'list', data, model: call.model, usage: { prompt_tokens: total, total_tokens: total } };
}

/** The list of models. */
export function modelList(models: readonly string[]): unknown {
  return { object: 'list', data: models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'mock' })) };
}

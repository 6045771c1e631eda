/** Requests of OpenAI (chat, responses, completions, embeddings) and of Anthropic. */
import { hiddenTokens, type Ask } from './ask.ts';
import type { Field } from './field.ts';
import { contentTokens, partTokens } from './parts.ts';
import { toolsTokens } from './tools.ts';

/**
 * What surrounds a message, beside its role; and what precedes the answer. Source: OpenAI cookbook, "How to count tokens
 * with tiktoken" (3 and 3; a model of 2023 had 4).
 */
const MESSAGE_TOKENS = 4;
const ANSWER_TOKENS = 3;

/** `{ messages }`: OpenAI chat, Anthropic messages. */
export function messagesTokens(request: Field, messages: Field, ask: Ask): number {
  let tokens = ANSWER_TOKENS + toolsTokens(request.get('tools'), ask);
  for (const message of messages.items('a list of messages')) tokens += messageTokens(message, ask);
  const system = request.get('system');
  if (!system.absent) tokens += MESSAGE_TOKENS + contentTokens(system, ask);
  for (const key of ['functions', 'response_format', 'output_format', 'output_config']) {
    tokens += ask.counter.json(request.get(key));
  }
  return tokens;
}

/** `{ input }`: OpenAI responses, embeddings. */
export function inputTokens(request: Field, input: Field, ask: Ask): number {
  let tokens = toolsTokens(request.get('tools'), ask) + ask.counter.json(request.get('text').get('format'));
  // Too many if it is embedded; but nothing else tells a text to embed from one to answer.
  if (!input.isArray) tokens += ANSWER_TOKENS + MESSAGE_TOKENS;
  tokens += textsTokens(input, ask);
  const instructions = request.get('instructions');
  if (!instructions.absent) tokens += MESSAGE_TOKENS + textsTokens(instructions, ask);
  // What the provider keeps under an id and adds to the input.
  for (const key of ['previous_response_id', 'conversation', 'prompt']) {
    const kept = request.get(key);
    if (!kept.absent) tokens += hiddenTokens(kept, key, ask);
  }
  return tokens;
}

/** A text, a list of tokens, or a list of texts, lists of tokens, messages and items. */
export function textsTokens(texts: Field, ask: Ask): number {
  if (texts.absent) return 0;
  if (typeof texts.value === 'string') return ask.counter.text(texts.value);
  if (!texts.isArray) return messageTokens(texts, ask);
  // Tokens are numbers: they need not be read to be counted.
  if (typeof texts.get('0').value === 'number') return texts.length();
  return texts.items().reduce((sum, text) => sum + textsTokens(text, ask), 0);
}

/** Beside these, whatever else a message has is counted as JSON: calls of tools, names, reasoning. */
const NOT_IN_PROMPT = ['role', 'content', 'type', 'id', 'status', 'cache_control'];

function messageTokens(message: Field, ask: Ask): number {
  if (!message.isObject) throw message.bad('a text, or an object with a role and content, or with a type');
  const role = message.get('role');
  if (role.absent) return MESSAGE_TOKENS + partTokens(message, ask);
  let tokens = MESSAGE_TOKENS + ask.counter.text(role.text()) + contentTokens(message.get('content'), ask);
  for (const key of message.keys()) {
    if (NOT_IN_PROMPT.includes(key)) continue;
    const other = message.get(key);
    if (other.absent) continue;
    // The name of sound that the provider keeps.
    tokens += key === 'audio' ? hiddenTokens(other, key, ask) : ask.counter.json(other);
  }
  return tokens;
}

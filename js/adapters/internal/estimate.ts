/** Rough token counts, for estimates before a call. */
import { bad, readAmount } from '../../core/input.ts';

/** What is read of a chat message. */
export interface MessageLike {
  role?: string;
  /** Text, or parts of which the texts count. */
  content?: string | readonly { text?: string | null }[] | readonly object[] | null;
}

/** Characters a token has on average in English text. Source: OpenAI, "What are tokens". */
const CHARS_PER_TOKEN = 4;
/** What each message costs beside its text. Source: OpenAI cookbook, "How to count tokens with tiktoken". */
const TOKENS_PER_MESSAGE = 4;

/** So many characters are too many for any estimate. */
const CHARS_MAX = Number.MAX_SAFE_INTEGER;

/**
 * Tokens of a text of `chars` characters, rounded up.
 *
 * @param chars from 0 to 2^53 - 1
 * @throws InputError for anything else
 * @example
 * estimateTokensFromChars('Hello world'.length); // 3
 */
export function estimateTokensFromChars(chars: number): number {
  return Math.ceil(readAmount(chars ?? NaN, 'chars', CHARS_MAX, NaN) / CHARS_PER_TOKEN);
}

function charsOf(content: MessageLike['content']): number {
  if (typeof content === 'string') return content.length;
  let chars = 0;
  for (const part of content ?? []) chars += (part as { text?: string | null } | null)?.text?.length ?? 0;
  return chars;
}

/**
 * Tokens of a list of chat messages: their texts (text parts included) and roles, and 4 for each message.
 *
 * @throws InputError for what is no array of messages
 * @example
 * estimateTokensFromMessages([{ role: 'user', content: 'Hello world' }]); // 8
 */
export function estimateTokensFromMessages(messages: readonly MessageLike[]): number {
  let chars = 0;
  if (!Array.isArray(messages)) throw bad('messages', messages, 'an array of messages');
  for (const [at, message] of messages.entries()) {
    if (typeof message !== 'object' || message === null) throw bad(`messages[${at}]`, message, 'a message');
    chars += (message.role?.length ?? 0) + charsOf(message.content);
  }
  return estimateTokensFromChars(chars) + TOKENS_PER_MESSAGE * messages.length;
}

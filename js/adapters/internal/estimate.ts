/** Rough token counts, for estimates before a call. */

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

/**
 * Tokens of a text of `chars` characters, rounded up.
 *
 * @example
 * estimateTokensFromChars('Hello world'.length); // 3
 */
export function estimateTokensFromChars(chars: number): number {
  return Math.ceil(chars / CHARS_PER_TOKEN);
}

function charsOf(content: MessageLike['content']): number {
  if (typeof content === 'string') return content.length;
  let chars = 0;
  for (const part of content ?? []) chars += (part as { text?: string | null }).text?.length ?? 0;
  return chars;
}

/**
 * Tokens of a list of chat messages: their texts (text parts included) and roles, and 4 for each message.
 *
 * @example
 * estimateTokensFromMessages([{ role: 'user', content: 'Hello world' }]); // 8
 */
export function estimateTokensFromMessages(messages: readonly MessageLike[]): number {
  let chars = 0;
  for (const { role, content } of messages) chars += (role?.length ?? 0) + charsOf(content);
  return estimateTokensFromChars(chars) + TOKENS_PER_MESSAGE * messages.length;
}

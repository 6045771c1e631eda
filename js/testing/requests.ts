/** What calls ask for: the parts of OpenAI's request bodies that the mock reads. */
import { countTokens, estimateTokens } from './text.ts';

/** A request the provider understands. */
export interface ParsedCall {
  kind: 'chat' | 'embeddings';
  model: string;
  user: string;
  /** Real prompt tokens. */
  promptTokens: number;
  /** What is charged at the door. */
  charge: number;
  /** Most output tokens (chat). */
  maxTokens: number;
  stream: boolean;
  includeUsage: boolean;
  /** Texts to embed. */
  inputs: string[];
  /** How vectors are written. The SDK asks for base64 unless told otherwise. */
  base64: boolean;
  dimensions: number;
}

/** A request the provider refuses with status 400. */
export interface BadCall {
  message: string;
  param: string | null;
}

interface ChatMessage {
  role?: unknown;
  content?: unknown;
}

type Body = Record<string, unknown>;

/** Tokens OpenAI adds for every message. Source: OpenAI cookbook, "How to count tokens with tiktoken" (3 a message + 3). */
const TOKENS_PER_MESSAGE = 4;
const DEFAULT_DIMENSIONS = 64;

/** Text of a message's content: a string, or the `text` parts of a list. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: { text?: unknown }) => (typeof part?.text === 'string' ? part.text : '')).join('');
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;
}

function common(body: Body): Pick<ParsedCall, 'model' | 'user'> | BadCall {
  if (typeof body['model'] !== 'string' || body['model'] === '') {
    return { message: 'you must provide a model parameter', param: 'model' };
  }
  return { model: body['model'], user: typeof body['user'] === 'string' ? body['user'] : 'anonymous' };
}

/** More than any model answers, and few enough to be made. */
const OUTPUT_MAX = 131_072;
const DIMENSIONS_MAX = 10_000;

function tooLarge(param: string, value: number, max: number): BadCall {
  return { message: `${param} is too large: ${value}. This model supports at most ${max}.`, param };
}

/** A chat completion request. */
export function parseChat(body: Body, defaultMaxTokens: number): ParsedCall | BadCall {
  const head = common(body);
  if ('message' in head) return head;
  const messages = body['messages'];
  if (!Array.isArray(messages) || messages.length === 0) {
    return { message: "Invalid type for 'messages': expected a non-empty array.", param: 'messages' };
  }
  const texts = (messages as ChatMessage[]).map((message) => textOf(message?.content));
  const maxTokens = positive(body['max_completion_tokens'] ?? body['max_tokens']) ?? defaultMaxTokens;
  if (maxTokens > OUTPUT_MAX) return tooLarge('max_tokens', maxTokens, OUTPUT_MAX);
  const options = body['stream_options'] as { include_usage?: unknown } | null | undefined;
  return {
    ...head,
    kind: 'chat',
    promptTokens: texts.reduce((sum, text) => sum + countTokens(text) + TOKENS_PER_MESSAGE, 0),
    charge: Math.max(maxTokens, estimateTokens(texts.join(''))),
    maxTokens,
    stream: body['stream'] === true,
    includeUsage: options?.include_usage === true,
    inputs: [],
    base64: false,
    dimensions: 0,
  };
}

/** An embeddings request. */
export function parseEmbeddings(body: Body): ParsedCall | BadCall {
  const head = common(body);
  if ('message' in head) return head;
  const inputs = typeof body['input'] === 'string' ? [body['input']] : body['input'];
  if (!Array.isArray(inputs) || inputs.length === 0 || !inputs.every((input) => typeof input === 'string')) {
    return { message: "'input' must be a string or a list of strings", param: 'input' };
  }
  const dimensions = positive(body['dimensions']) ?? DEFAULT_DIMENSIONS;
  if (dimensions > DIMENSIONS_MAX) return tooLarge('dimensions', dimensions, DIMENSIONS_MAX);
  return {
    ...head,
    kind: 'embeddings',
    promptTokens: inputs.reduce((sum, text) => sum + countTokens(text), 0),
    charge: estimateTokens(inputs.join('')),
    maxTokens: 0,
    stream: false,
    includeUsage: false,
    inputs,
    base64: body['encoding_format'] === 'base64',
    dimensions,
  };
}

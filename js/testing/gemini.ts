/** Gemini's content generation, as far as programs read it. There are no headers about limits. */
import type { Answer } from './answers.ts';
import type { Failure, Format } from './formats.ts';
import { parseChat } from './requests.ts';
import { refusal } from './wire.ts';

const STATUS: Record<Failure, [code: number, status: string]> = {
  invalid: [400, 'INVALID_ARGUMENT'],
  'not-found': [404, 'NOT_FOUND'],
  'too-long': [413, 'INVALID_ARGUMENT'],
  broken: [500, 'INTERNAL'],
  overloaded: [503, 'UNAVAILABLE'],
};

interface Content {
  readonly role?: unknown;
  readonly parts?: unknown;
}

/** The answer after `count` of its tokens: `text` is what is new. */
function partOf(answer: Answer, text: string, count: number, isLast: boolean): object {
  const { model, promptTokens, finish } = answer;
  const finishReason = finish === 'length' ? 'MAX_TOKENS' : 'STOP';
  const content = { role: 'model', parts: [{ text }] };
  return {
    candidates: [{ content, index: 0, ...(isLast && { finishReason }) }],
    usageMetadata: {
      promptTokenCount: promptTokens,
      ...(count > 0 && { candidatesTokenCount: count }),
      totalTokenCount: promptTokens + count,
    },
    modelVersion: model,
    responseId: answer.id,
  };
}

export const gemini: Format = {
  parse(body, defaultMaxTokens, path) {
    const [, model = '', method] = /models\/([^/]+):(\w+)$/.exec(path) ?? [];
    const { maxOutputTokens } = (body['generationConfig'] ?? {}) as { maxOutputTokens?: unknown };
    const contents = Array.isArray(body['contents']) ? (body['contents'] as Content[]) : undefined;
    const messages = contents?.map(({ role, parts }) => ({ role, content: parts }));
    const stream = method === 'streamGenerateContent';
    const call = parseChat(
      { model: decodeURIComponent(model), messages, max_tokens: maxOutputTokens, stream },
      defaultMaxTokens,
    );
    // Only the prompt counts against tokens a minute.
    return 'message' in call ? { ...call, param: 'contents' } : { ...call, charge: call.promptTokens };
  },
  whole: (answer) => partOf(answer, answer.tokens.join(''), answer.tokens.length, true),
  *stream(answer) {
    const { tokens } = answer;
    for (const [at, text] of tokens.entries()) {
      const part = partOf(answer, text, at + 1, at === tokens.length - 1);
      yield [`data: ${JSON.stringify(part)}\r\n\r\n`, true];
    }
  },
  limits: () => ({}),
  refusal(call, refused) {
    const { message } = refusal(call.model, call.charge, refused).body.error;
    const retryDelay = `${(Math.max(1, Math.ceil(refused.retryMs)) / 1000).toFixed(3)}s`;
    const details =
      refused.retryMs === Infinity ? [] : [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }];
    return { headers: {}, body: { error: { code: 429, message, status: 'RESOURCE_EXHAUSTED', details } } };
  },
  failure(what, message) {
    const [code, status] = STATUS[what];
    return { error: { code, message, status } };
  },
};

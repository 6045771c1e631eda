/** OpenAI's format; its parts are in `answers.ts`, `requests.ts` and `wire.ts`. */
import { chunks, completion, embeddings } from './answers.ts';
import type { Failure, Format } from './formats.ts';
import { parseChat, parseEmbeddings } from './requests.ts';
import { errorBody, rateHeaders, refusal } from './wire.ts';

const TYPES: Record<Failure, [type: string, code: string | null]> = {
  invalid: ['invalid_request_error', null],
  'not-found': ['invalid_request_error', 'unknown_url'],
  'too-long': ['invalid_request_error', null],
  broken: ['server_error', null],
  overloaded: ['server_error', null],
};

export const openai: Format = {
  parse: (body, defaultMaxTokens, path) =>
    path.endsWith('embeddings') ? parseEmbeddings(body) : parseChat(body, defaultMaxTokens),
  whole: (answer) => (answer.call.kind === 'embeddings' ? embeddings(answer.call) : completion(answer)),
  *stream(answer, call) {
    let sent = 0;
    // First the role, then the tokens, then why it ended.
    for (const chunk of chunks(answer, call.includeUsage)) {
      yield [`data: ${JSON.stringify(chunk)}\n\n`, sent > 0 && sent <= answer.tokens.length];
      sent++;
    }
    yield ['data: [DONE]\n\n', false];
  },
  limits: rateHeaders,
  refusal: (call, refused) => refusal(call.model, call.charge, refused),
  failure: (what, message, param = null) => errorBody(message, ...TYPES[what], param),
};

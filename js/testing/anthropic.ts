/** Anthropic's messages, as far as programs read them. */
import type { Gauge } from './admission.ts';
import type { Answer } from './answers.ts';
import type { Failure, Format } from './formats.ts';
import { parseChat } from './requests.ts';
import { estimateTokens } from './text.ts';
import { refusal } from './wire.ts';

const TYPES: Record<Failure, string> = {
  invalid: 'invalid_request_error',
  'not-found': 'not_found_error',
  'too-long': 'request_too_large',
  broken: 'api_error',
  overloaded: 'overloaded_error',
};

/** `remaining` of tokens is rounded to this. Source: Anthropic, "Rate limits", response headers. */
const ROUNDED_TO = 1000;

const messageOf = ({ id, model }: Answer, content: object[], stopReason: string | null, usage: object): object => ({
  ...{ id: `msg_${id}`, type: 'message', role: 'assistant', model, content },
  ...{ stop_reason: stopReason, stop_sequence: null, usage },
});
const usageOf = (input_tokens: number, output_tokens: number): object => ({
  ...{ input_tokens, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens },
});
const stopOf = ({ finish }: Answer): string => (finish === 'length' ? 'max_tokens' : 'end_turn');
const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const errorOf = (type: string, message: string): object => ({ type: 'error', error: { type, message } });

export const anthropic: Format = {
  parse(body, defaultMaxTokens) {
    const { system, messages, stream } = body;
    const all = Array.isArray(messages) && system !== undefined ? [{ content: system }, ...messages] : messages;
    const call = parseChat({ ...body, messages: all, stream }, defaultMaxTokens);
    if ('message' in call) return call;
    const { user_id: user } = (body['metadata'] ?? {}) as { user_id?: unknown };
    // What the prompt may have and what the answer may have: no maximum of both, as at OpenAI.
    const charge = estimateTokens(JSON.stringify(all)) + call.maxTokens;
    return { ...call, charge, user: typeof user === 'string' ? user : call.user };
  },
  whole(answer) {
    const content = [{ type: 'text', text: answer.tokens.join('') }];
    return messageOf(answer, content, stopOf(answer), usageOf(answer.promptTokens, answer.tokens.length));
  },
  *stream(answer) {
    const { tokens, promptTokens } = answer;
    yield [event('message_start', { message: messageOf(answer, [], null, usageOf(promptTokens, 1)) }), false];
    yield [event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }), false];
    yield [event('ping', {}), false];
    for (const text of tokens)
      yield [event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }), true];
    yield [event('content_block_stop', { index: 0 }), false];
    const delta = { stop_reason: stopOf(answer), stop_sequence: null };
    yield [event('message_delta', { delta, usage: { output_tokens: tokens.length } }), false];
    yield [event('message_stop', {}), false];
  },
  limits(gauges, now) {
    const headers: Record<string, string> = {};
    for (const [unit, gauge] of Object.entries(gauges) as ['requests' | 'tokens', Gauge][]) {
      const step = unit === 'tokens' ? ROUNDED_TO : 1;
      const prefix = `anthropic-ratelimit-${unit}`;
      headers[`${prefix}-limit`] = String(gauge.limit);
      headers[`${prefix}-remaining`] = String(Math.round(gauge.remaining / step) * step);
      headers[`${prefix}-reset`] = new Date(Math.ceil((now + gauge.resetMs) / 1000) * 1000).toISOString();
    }
    return headers;
  },
  refusal(call, refused) {
    const { headers, body } = refusal(call.model, call.charge, refused);
    const { 'retry-after': seconds } = headers;
    return {
      headers: seconds === undefined ? {} : { 'retry-after': seconds },
      body: errorOf('rate_limit_error', body.error.message),
    };
  },
  failure: (what, message) => errorOf(TYPES[what], message),
};

/** What counting a request needs, checked once. */
import { InputError } from '../core/errors.ts';
import { refuseOthers } from '../core/properties.ts';
import { TOKENS_MAX } from '../core/ranges.ts';
import { Counter } from './counter.ts';
import type { Field } from './field.ts';
import type { EstimateOptions } from './types.ts';

const OPTIONS: readonly (keyof EstimateOptions)[] = ['tokenizer', 'model', 'partTokens', 'maxOutputTokens', 'fallback'];

/** The options in the form that counting uses. */
export interface Ask {
  readonly counter: Counter;
  /** Empty if nobody names one. */
  readonly model: string;
  readonly partTokens: ReadonlyMap<string, number>;
  readonly maxOutputTokens: number | undefined;
  readonly fallback: number | undefined;
}

/** @throws InputError naming the option, its value and what is allowed */
export function readOptions(options: EstimateOptions | null | undefined, request: Field): Ask {
  if (typeof options !== 'object' && options !== undefined) throw bad('options', options, 'an object');
  if (options) refuseOthers(options, 'options', OPTIONS);
  const { tokenizer, model, partTokens, maxOutputTokens, fallback } = options ?? {};
  if (tokenizer !== undefined && tokenizer !== null && typeof tokenizer !== 'function') {
    throw bad('options.tokenizer', tokenizer, 'a function that returns a number of tokens');
  }
  if (model !== undefined && model !== null && typeof model !== 'string') throw bad('options.model', model, 'a string');
  return {
    counter: new Counter(tokenizer ?? undefined),
    model: request.get('model').textOr(undefined) ?? model ?? '',
    partTokens: readPartTokens(partTokens),
    maxOutputTokens: readTokens(maxOutputTokens, 'options.maxOutputTokens'),
    fallback: readTokens(fallback, 'options.fallback'),
  };
}

function readPartTokens(value: EstimateOptions['partTokens']): Map<string, number> {
  const byType = new Map<string, number>();
  if (value === undefined || value === null) return byType;
  if (typeof value !== 'object') throw bad('options.partTokens', value, 'an object of numbers');
  for (const [type, tokens] of Object.entries(value)) {
    const read = readTokens(tokens, `options.partTokens.${type}`);
    if (read !== undefined) byType.set(type, read);
  }
  return byType;
}

function readTokens(value: unknown, field: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= TOKENS_MAX) return Math.ceil(value);
  throw bad(field, value, `a number from 0 to ${TOKENS_MAX}`);
}

function bad(field: string, value: unknown, allowed: string): InputError {
  return new InputError({ field, value, allowed });
}

/**
 * Tokens of something whose size cannot be seen, as the options say.
 *
 * @throws InputError if they do not
 */
export function hiddenTokens(hidden: Field, type: string, ask: Ask): number {
  const given = ask.partTokens.get(type);
  if (given !== undefined) return given;
  const allowed = `something whose tokens can be counted; say in options.partTokens how many "${type}" has`;
  throw hidden.bad(`${allowed}, or give options.fallback`);
}

/** @throws InputError for more tokens than a governor counts of one call */
export function countable(tokens: number): number {
  if (tokens <= TOKENS_MAX) return tokens;
  throw bad('request', tokens, `a request of at most ${TOKENS_MAX} tokens`);
}

/** Most output tokens: what the request sets, times the answers it asks for. */
import { TOKENS_MAX } from '../core/ranges.ts';
import { countable, type Ask } from './ask.ts';
import { settingsOf } from './contents.ts';
import type { Field } from './field.ts';
import type { RequestEstimate } from './types.ts';

/** @throws InputError if a maximum or a number of answers is none */
export function outputOf(request: Field, ask: Ask): Pick<RequestEstimate, 'maxOutputTokens' | 'outputRule'> {
  const settings = settingsOf(request);
  const maxima = [
    request.get('max_tokens'),
    request.get('max_completion_tokens'),
    request.get('max_output_tokens'),
    settings.either('maxOutputTokens', 'max_output_tokens'),
  ].filter((field) => !field.absent);
  const answers = [
    request.get('n'),
    request.get('best_of'),
    settings.either('candidateCount', 'candidate_count'),
  ].filter((field) => !field.absent);
  // Of several, the largest: more than one is a mistake, and too much is the safe side.
  const times = Math.max(1, ...answers.map((field) => wholeOf(field, 1)));
  if (maxima.length === 0) {
    const option = ask.maxOutputTokens;
    return option === undefined
      ? { maxOutputTokens: 0, outputRule: 'none' }
      : { maxOutputTokens: countable(option * times), outputRule: 'option' };
  }
  const most = Math.max(...maxima.map((field) => wholeOf(field, 0)));
  return { maxOutputTokens: countable(most * times), outputRule: 'request' };
}

function wholeOf(field: Field, min: number): number {
  const { value } = field;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= TOKENS_MAX) return value;
  throw field.bad(`a whole number from ${min} to ${TOKENS_MAX}`);
}

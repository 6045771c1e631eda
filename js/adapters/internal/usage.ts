/**
 * What an answer says it used, by the shapes of all providers: an answer, an event of a stream or a chunk of an SDK. The places
 * are those of the dialects in the core, of which the build makes `usage-rows.js`; their wasm is not needed here.
 */
import { usageRows } from '../../../build/generated/usage-rows.js';
import type { ProviderUsage } from './types.ts';

/** Counts from here on are none; the core refuses a report with one. */
const COUNT_MAX = 1e12;

/** For each count: places in the order in which they are looked for, each with those that add to it. */
type Places = readonly (readonly (readonly string[])[])[];
type Count = keyof typeof usageRows;
const places = new Map<Count, Places>();

/** Cut apart at the first use, as importing must do nothing. */
function placesOf(count: Count): Places {
  let found = places.get(count);
  if (!found) places.set(count, (found = usageRows[count].map((paths) => paths.map((path) => path.split('.')))));
  return found;
}

/** @returns undefined if it says nothing, or is no object; never throws */
export function usageOf(answer: unknown): ProviderUsage | undefined {
  try {
    // What Gemini streams without server-sent events is one list; a later number replaces an earlier one.
    if (Array.isArray(answer)) return answer.map(usageOf).reduce(mergeUsage, undefined);
    const promptTokens = count('inputTokens', answer);
    // Embeddings have no output, and say only the sum.
    const outputTokens = count('outputTokens', answer) ?? rest(count('totalTokens', answer), promptTokens);
    const cachedTokens = count('cachedInputTokens', answer);
    const usage: ProviderUsage = {};
    if (promptTokens !== undefined) usage.promptTokens = promptTokens;
    if (outputTokens !== undefined) usage.outputTokens = outputTokens;
    if (cachedTokens !== undefined) usage.cachedTokens = cachedTokens;
    return Object.keys(usage).length > 0 ? usage : undefined;
  } catch {
    return undefined; // An object whose properties throw.
  }
}

/** Both, where the later one has the last word. */
export function mergeUsage(
  earlier: ProviderUsage | undefined,
  later: ProviderUsage | undefined,
): ProviderUsage | undefined {
  return earlier && later ? { ...earlier, ...later } : (later ?? earlier);
}

function rest(total: number | undefined, part: number | undefined): number | undefined {
  return total === undefined || part === undefined ? undefined : Math.max(0, total - part);
}

/** The first place that has a number, and what adds to it. */
function count(name: Count, answer: unknown): number | undefined {
  for (const [base = [], ...adds] of placesOf(name)) {
    const number = numberAt(base, answer);
    if (number !== undefined) return adds.reduce((sum, path) => sum + (numberAt(path, answer) ?? 0), number);
  }
  return undefined;
}

function numberAt(path: readonly string[], answer: unknown): number | undefined {
  let at = answer;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  // Protocol buffers write large numbers as text.
  const number = typeof at === 'string' && /^\d+$/.test(at) ? Number(at) : at;
  return typeof number === 'number' && number >= 0 && number < COUNT_MAX ? Math.ceil(number) : undefined;
}

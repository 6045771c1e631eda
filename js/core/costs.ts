/**
 * What calls cost by the prices of their models, and what settles them: the estimate when a call is admitted, the reported
 * usage when it ends. A cost that the caller gives beats one that is computed.
 */
import { FLAG_AMOUNTS } from './binding.ts';
import type { InputError } from './errors.ts';
import { dollarsOf, type Ask, type Told } from './input.ts';
import type { About } from './lease-table.ts';
import { actualCost, estimatedCost } from './prices.ts';

type Charged = Pick<Ask, 'family' | 'promptTokens' | 'outputTokens' | 'images'> & Pick<About, 'answered'>;

/**
 * Reserves what a call is expected to cost.
 *
 * @returns false where nothing says that: neither the request nor prices of its model
 * @throws InputError for an amount without a price, or a cost that is too high
 */
export function reserveCost(ask: Ask): boolean {
  const { list } = ask.amounts;
  const given = (ask.flags & FLAG_AMOUNTS) !== 0;
  if (given && !Number.isNaN(list[0])) return true;
  const prices = ask.family?.prices;
  if (prices === undefined) return false;
  const dollars = dollarsOf(estimatedCost(prices, ask, 'request.estimate'));
  if (!given) list.fill(NaN);
  list[0] = dollars;
  ask.flags |= FLAG_AMOUNTS;
  ask.priced = true;
  return true;
}

/**
 * The cost of the usage that was reported, where that gives none and the model has prices.
 *
 * @param estimated what stands for a half that is missing
 * @returns what was wrong with the usage: then it has no cost
 */
function reportCost(estimated: Charged, told: Told): InputError | undefined {
  const { promptTokens, outputTokens, images } = estimated;
  const { list } = told.amounts;
  const prices = estimated.family?.prices;
  if (!told.used || prices === undefined || (told.flags !== 0 && !Number.isNaN(list[0]))) return undefined;
  const used = {
    promptTokens: known(told.promptTokens, promptTokens),
    outputTokens: known(told.outputTokens, outputTokens),
    cachedTokens: known(told.cachedTokens, 0),
    images: known(told.images, images),
  };
  try {
    const dollars = dollarsOf(actualCost(prices, used, 'report.usage'));
    if (told.flags === 0) list.fill(NaN);
    list[0] = dollars;
    told.flags = FLAG_AMOUNTS;
    return undefined;
  } catch (error) {
    return error as InputError;
  }
}

/** What was reported, else what was estimated. */
export function known(used: number, estimated: number): number {
  return Number.isNaN(used) ? estimated : used;
}

/**
 * Turns the usage that was reported of a call into what settles it.
 *
 * @param money whether any limit counts dollars
 * @returns what was wrong with the usage: then the cost stays as estimated
 */
export function settle(estimated: Charged, told: Told, money: boolean): InputError | undefined {
  const problem = money ? reportCost(estimated, told) : undefined;
  const policy = estimated.family?.settle ?? estimated.answered?.settle;
  if (policy === 'headers') [told.promptTokens, told.outputTokens] = estimated.answered?.used ?? [NaN, NaN];
  else if (policy === 'reserved') told.promptTokens = told.outputTokens = NaN;
  else if (policy === 'input' && told.used) told.outputTokens = 0;
  return problem;
}

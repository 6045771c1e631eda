/**
 * What a call costs, from prices that the user gives: integer micro-dollars, as the core counts `costUsd`. Exact up to
 * `COST_MAX`: prices are taken as the decimal numbers they were written as, and no intermediate is above 2^53.
 *
 * An estimate is rounded up: what is reserved is never below what a call costs that uses what was estimated. Actual costs go
 * to the nearest: rounded up, a million calls of a fraction of a micro-dollar each would be charged as a dollar. The nearest
 * of less is never above the next whole one of more, so a call within its estimate never costs more than was reserved.
 */
import { ConfigError, InputError } from './errors.ts';
import { propertiesOf } from './properties.ts';

/** The dearest call, in micro-dollars: a million dollars. */
export const COST_MAX = 1e12;

/** Millionths: of a micro-dollar in a price of a token, of a dollar in a price of a thing. */
const MILLION = 1e6;
const PRICES = ['input', 'output', 'cachedInput', 'image', 'call'] as const;
const PRICE_MAX = 1e6;
/** Below the price of any model by the million tokens, above that of nearly any by the token: the unit that was meant. */
const TOKEN_PRICE_MIN = 0.001;
/** A micro-dollar: less would count as nothing. */
const THING_PRICE_MIN = 0.000_001;

/** Micro-dollars as a whole number and millionths; in a price below a million of them. */
interface Price {
  readonly whole: number;
  readonly millionths: number;
}

/** Prices that were read. Undefined: not given. */
export interface PriceList {
  /** What an error calls them, e.g. `models["gpt-4o"].prices`. */
  readonly field: string;
  readonly input: Price | undefined;
  readonly output: Price | undefined;
  readonly cachedInput: Price | undefined;
  readonly image: Price | undefined;
  readonly call: Price;
}

/** What is used of what has a price. Each from 0 to 1e12; a fraction counts as a whole. */
export interface Used {
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Those of `promptTokens` that came from the provider's cache. Default 0. */
  readonly cachedTokens?: number | undefined;
  /** Default 0. */
  readonly images?: number | undefined;
}

/**
 * Reads `prices` of a model.
 *
 * @param field what an error calls them, e.g. `models["gpt-4o"].prices`
 * @throws ConfigError naming the field, the value and what is allowed
 */
export function readPrices(value: unknown, field: string): PriceList {
  const { input, output, cachedInput, image, call } = propertiesOf(value, field, PRICES);
  const inputMax = typeof input === 'number' ? input : PRICE_MAX;
  return {
    field,
    input: tokenPrice(input, `${field}.input`, PRICE_MAX),
    output: tokenPrice(output, `${field}.output`, PRICE_MAX),
    cachedInput: tokenPrice(cachedInput, `${field}.cachedInput`, inputMax),
    image: thingPrice(image, `${field}.image`),
    call: thingPrice(call, `${field}.call`) ?? { whole: 0, millionths: 0 },
  };
}

/** A dollar for a million tokens is a micro-dollar for each. */
function tokenPrice(value: unknown, field: string, max: number): Price | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !(value === 0 || (value >= TOKEN_PRICE_MIN && value <= max))) {
    const allowed = `US dollars for a million tokens: 0, or a number from ${TOKEN_PRICE_MIN} to ${max}`;
    throw new ConfigError({ field, value, allowed });
  }
  const millionths = millionthsOf(value);
  return { whole: Math.floor(millionths / MILLION), millionths: millionths % MILLION };
}

function thingPrice(value: unknown, field: string): Price | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && (value === 0 || (value >= THING_PRICE_MIN && value <= PRICE_MAX)))
    return { whole: millionthsOf(value), millionths: 0 };
  throw new ConfigError({
    field,
    value,
    allowed: `US dollars: 0, or a number from ${THING_PRICE_MIN} to ${PRICE_MAX}`,
  });
}

/** The nearest. A decimal number of six places is found again exactly: products up to 1e12 are off by less than 1e-3. */
function millionthsOf(price: number): number {
  return Math.round(price * MILLION);
}

/**
 * The cost to reserve for a call, rounded up.
 *
 * @param field what an error calls the amounts, e.g. `request.estimate`
 * @returns micro-dollars, whole, from 0 to `COST_MAX`
 * @throws InputError for an amount whose price was not given, and for a cost above `COST_MAX`
 */
export function estimatedCost(prices: PriceList, used: Used, field: string): number {
  const { whole, millionths } = sumOf(prices, used, field, 'maxOutputTokens');
  return bounded(whole + Math.ceil(millionths / MILLION), field);
}

/** What a call did cost, to the nearest micro-dollar, half a one up; else as `estimatedCost`. */
export function actualCost(prices: PriceList, used: Used, field: string): number {
  const { whole, millionths } = sumOf(prices, used, field, 'outputTokens');
  return bounded(whole + Math.round(millionths / MILLION), field);
}

/** @param output what an error calls the output tokens */
function sumOf(prices: PriceList, used: Used, field: string, output: string): Price {
  const prompt = Math.ceil(used.promptTokens);
  const cached = Math.ceil(used.cachedTokens ?? 0);
  if (cached > prompt)
    throw new InputError({
      field: `${field}.cachedTokens`,
      value: cached,
      allowed: `at most the ${prompt} prompt tokens`,
    });
  const { input, cachedInput = input, image, call } = prices;
  let { whole, millionths } = call;
  const add = (amount: number, price: Price | undefined, priceName: string, name: string): void => {
    if (amount === 0) return;
    if (price === undefined)
      throw new InputError({
        field: `${field}.${name}`,
        value: amount,
        allowed: `0, as ${prices.field}.${priceName} is not given`,
      });
    // Up to 1e12 tokens times up to 1e6 millionths would not be exact: split at a million, both products are.
    const millions = Math.floor(amount / MILLION);
    whole += amount * price.whole + millions * price.millionths;
    millionths += (amount % MILLION) * price.millionths;
  };
  add(prompt - cached, input, 'input', 'promptTokens');
  add(cached, cachedInput, 'cachedInput', 'cachedTokens');
  add(Math.ceil(used.outputTokens), prices.output, 'output', output);
  add(Math.ceil(used.images ?? 0), image, 'image', 'images');
  return { whole, millionths };
}

/** Rounding is monotone, so a sum that was too large to be exact is above the maximum too. */
function bounded(cost: number, field: string): number {
  if (cost <= COST_MAX) return cost;
  throw new InputError({ field: `cost of ${field}`, value: cost, allowed: `at most ${COST_MAX} micro-dollars` });
}

/**
 * How many calls may be retries: a part of the calls of a family, and a few a minute for those who make few calls. With a
 * provider that is down, retries then add a tenth to its load instead of multiplying it.
 *
 * Source: Finagle's `RetryBudget` (finagle.github.io/blog/2016/02/08/retry-budgets): every call earns a part of a retry, what
 * is earned expires, and a floor is free. There 20 % and 10 a second, earned for 10 s; calls of models are fewer, longer and
 * dearer. In JavaScript, as it decides on no lease: nothing of it is in images or traces.
 *
 * Invariant: retries in any t minutes <= floor x (1 + t) + ratio x calls until then; what calls before these minutes have
 * earned fades, to less than 1/e in a minute.
 */
import { ConfigError } from './errors.ts';
import { lineageOf } from './family-rule.ts';
import { propertiesOf } from './properties.ts';
import { composed } from './scopes.ts';

const RATIO = 0.1;
const PER_MINUTE = 10;
const PER_MINUTE_MAX = 1e6;
const MINUTE_MS = 60_000;
/** Whoever calls makes up models: those that come after so many share one budget. */
const FAMILIES_MAX = 1_000;

export interface BudgetTerms {
  readonly ratio: number;
  readonly minPerMinute: number;
}

/** @throws ConfigError; undefined: no budget */
export function readRetryBudget(value: unknown): BudgetTerms | undefined {
  if (value === false) return undefined;
  const field = 'retryBudget';
  const { ratio, minPerMinute } = value == null ? {} : propertiesOf(value, field, ['ratio', 'minPerMinute']);
  return {
    ratio: checked(ratio, `${field}.ratio`, RATIO, 1),
    minPerMinute: checked(minPerMinute, `${field}.minPerMinute`, PER_MINUTE, PER_MINUTE_MAX),
  };
}

function checked(value: unknown, field: string, absent: number, max: number): number {
  if (value === undefined || value === null) return absent;
  if (typeof value === 'number' && value >= 0 && value <= max) return value;
  throw new ConfigError({ field, value, allowed: `a number from 0 to ${max}` });
}

/** The budget of one family. */
export class RetryBudget {
  /** What calls have earned, and what is free; in retries. */
  #earned = 0;
  #free: number;
  #at: number;

  constructor(terms: BudgetTerms, now: number) {
    this.#free = terms.minPerMinute;
    this.#at = now;
  }

  /** A call is made for the first time. */
  earn(terms: BudgetTerms, now: number): void {
    this.#pass(terms, now);
    this.#earned += terms.ratio;
  }

  /** Takes one retry. @returns whether there was one */
  spend(terms: BudgetTerms, now: number): boolean {
    this.#pass(terms, now);
    if (this.#earned + this.#free < 1) return false;
    // First what expires.
    const earned = Math.min(this.#earned, 1);
    this.#earned -= earned;
    this.#free -= 1 - earned;
    return true;
  }

  #pass({ minPerMinute }: BudgetTerms, now: number): void {
    const minutes = Math.max(now - this.#at, 0) / MINUTE_MS;
    this.#at = now;
    this.#earned *= Math.max(1 - minutes, 0);
    this.#free = Math.min(this.#free + minPerMinute * minutes, minPerMinute);
  }
}

/** The budgets of a governor, by family. */
export class RetryBudgets {
  /** Undefined: there is no bound. */
  terms: BudgetTerms | undefined;
  readonly #familyOf: (model: string) => string | undefined;
  readonly #budgets = new Map<string, RetryBudget>();

  /** @param familyOf default: by the rule for names */
  constructor(terms: BudgetTerms | undefined, familyOf: (model: string) => string | undefined = () => undefined) {
    this.terms = terms;
    this.#familyOf = familyOf;
  }

  /** A call of the model is made for the first time. */
  earn(model: string, now: number): void {
    if (this.terms !== undefined) this.#of(model, this.terms, now).earn(this.terms, now);
  }

  /** Takes one retry. @returns whether it may be made */
  spend(model: string, now: number): boolean {
    return this.terms === undefined || this.#of(model, this.terms, now).spend(this.terms, now);
  }

  #of(model: string, terms: BudgetTerms, now: number): RetryBudget {
    const family = this.#familyOf(model) ?? lineageOf(composed(model)).at(-1)!;
    const name = this.#budgets.size < FAMILIES_MAX || this.#budgets.has(family) ? family : '';
    let budget = this.#budgets.get(name);
    if (budget === undefined) this.#budgets.set(name, (budget = new RetryBudget(terms, now)));
    return budget;
  }
}

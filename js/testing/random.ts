/**
 * Repeatable randomness. Every call draws from its own generator, seeded by the provider's seed, the call's body and how
 * often that body was seen before, so that the order in which sockets deliver calls does not change what each one gets.
 */

import { createRandom, type Random } from '../core/random.ts';

export { createRandom, type Random };

/** A 32-bit hash of `text` (FNV-1a over UTF-16 units). */
export function hashText(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}

/** A standard normal number (Box and Muller 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A whole number from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

/** One generator a call, whatever the order of the calls. Remembers how often each body was seen. */
export class CallRandom {
  readonly #seed: number;
  readonly #seen = new Map<number, number>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The generator of the next call with this body. */
  next(body: string): Random {
    const hash = hashText(body, this.#seed);
    const nth = this.#seen.get(hash) ?? 0;
    this.#seen.set(hash, nth + 1);
    return createRandom(hash ^ Math.imul(nth + 1, 0x85ebca6b));
  }
}

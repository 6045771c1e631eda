/** Repeatable randomness. What it starts from is in `seed.ts`. */

/** Uniform numbers from 0 to below 1. */
export type Random = () => number;

/** Source: "splitmix32" mixing steps (Steele, Lea, Flood 2014, constants of MurmurHash3's finalizer). */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    z ^= z >>> 15;
    return (z >>> 0) / 2 ** 32;
  };
}

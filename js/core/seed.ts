/** Where randomness comes from. Drawn lazily: at module scope of a Worker nothing may be drawn. */
import type { Port } from './port.ts';
import { createRandom, type Random } from './random.ts';

let drawn = 0;

/**
 * A number to tell governors apart, from the cheapest source that works now. It is no secret: every lease id of a governor
 * shows it. So `Math.random` comes first; the platform's `crypto` takes Node 5 ms to load, half of a cold start.
 */
export function drawSeed(port: Port, now: number): number {
  try {
    return Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  } catch {
    // No randomness here at all, or not from there: the time and a count still tell the governors of a process apart.
    return port.randomSeed() ?? (Math.floor(Math.abs(now)) * 1000 + drawn++) % Number.MAX_SAFE_INTEGER;
  }
}

/** Which seeds there are, for errors. */
export const SEEDS: string = `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`;

export function isSeed(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Numbers that follow from `seed`, or drawn ones without. */
export function randomFrom(seed: number | undefined): Random {
  return seed === undefined ? () => Math.random() : createRandom(seed ^ (seed / 2 ** 32));
}

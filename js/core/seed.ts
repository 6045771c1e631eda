/** The random part of lease ids. Drawn lazily: at module scope of a Worker nothing may be drawn. */
import type { Port } from './port.ts';

let drawn = 0;

/** A number to tell governors apart, from the best source that works now. */
export function drawSeed(port: Port, now: number): number {
  const random = port.randomSeed();
  if (random !== undefined) return random;
  try {
    return Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  } catch {
    // No randomness here at all: the time and a count still tell the governors of this process apart.
    return (Math.floor(Math.abs(now)) * 1000 + drawn++) % Number.MAX_SAFE_INTEGER;
  }
}

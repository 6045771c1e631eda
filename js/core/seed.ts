/** The random part of lease ids. Drawn lazily: at module scope of a Worker nothing may be drawn. */
import type { Port } from './port.ts';

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

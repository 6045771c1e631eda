/**
 * Compares the latency of a window with a long mean of it: where it is above half as much again the limit falls in proportion,
 * otherwise it grows by a fixed queue, both smoothed. Refusals say nothing to it.
 *
 * Source: `Gradient2Limit` of Netflix's concurrency-limits with its defaults, in windows. DEVIATION: it may fall to one call.
 */
import { clamp, type MakeController } from './controller.ts';
import { windowed } from './window.ts';

const SMOOTHING = 0.2;
const TOLERANCE = 1.5;
const QUEUE = 4;
/** Windows of the long mean; the first are averaged evenly. */
const LONG = 600;
const WARM_UP = 10;
/** Where the long mean is this many times the window, it is led back faster. */
const STALE = 2;
const DECAY = 0.95;

export const gradient2: MakeController = ({ start, ceiling }) => {
  let limit = start;
  let [long, windows] = [0, 0];
  return {
    limit: () => limit,
    ended: windowed(({ latencyMs, inFlight }) => {
      windows++;
      const weight = windows <= WARM_UP ? 1 / windows : 2 / (LONG + 1);
      long += weight * (latencyMs - long);
      if (long / latencyMs > STALE) long *= DECAY;
      if (inFlight < limit / 2) return;
      const gradient = clamp((TOLERANCE * long) / latencyMs, 0.5, 1);
      limit = clamp(limit * (1 - SMOOTHING) + (limit * gradient + QUEUE) * SMOOTHING, 1, ceiling);
    }),
  };
};

/** Decides how long a call takes. */
import type { MockLatency } from './options.ts';
import { normal, type Random } from './random.ts';

/** A call with the fault `slow` takes this many times as long. */
const SLOW_FACTOR = 10;

/** The times of one call in ms. */
export interface CallTimes {
  /** Until the first byte of a stream. */
  firstByte: number;
  /** Between two tokens. */
  perToken: number;
}

/** Draws the times of a call. The median of a lognormal number is `exp` of its logarithm's mean. */
export function drawTimes(latency: Required<MockLatency>, random: Random, slow: boolean): CallTimes {
  const factor = slow ? SLOW_FACTOR : 1;
  return {
    firstByte: latency.medianMs * Math.exp(latency.sigma * normal(random)) * factor,
    perToken: (1000 / latency.tokensPerSecond) * factor,
  };
}

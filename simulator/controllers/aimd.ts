/**
 * Additive increase, multiplicative decrease: one call more with each success while at least half of the limit is in use, a
 * tenth less with each call that was refused, failed or took longer than five seconds.
 *
 * Source: `AIMDLimit` of Netflix's concurrency-limits with its defaults; Chiu and Jain 1989. DEVIATION: it may fall to one call.
 */
import { clamp, type MakeController } from './controller.ts';

const BACKOFF = 0.9;
const TIMEOUT_MS = 5000;

export const aimd: MakeController = ({ start, ceiling }) => {
  let limit = start;
  return {
    limit: () => limit,
    ended({ outcome, latencyMs, inFlight }) {
      if (outcome !== 'success' || latencyMs > TIMEOUT_MS) limit = Math.floor(limit * BACKOFF);
      else if (2 * inFlight >= limit) limit++;
      limit = clamp(limit, 1, ceiling);
    },
  };
};

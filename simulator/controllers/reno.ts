/**
 * As TCP sends: slow start adds a call with each success until the first loss, then one with each round of successes; a loss
 * halves the limit, once for all calls that were sent before it was seen. Lost is what was refused, failed, or took longer than
 * five seconds.
 *
 * Source: RFC 5681 (slow start, congestion avoidance, fast recovery). DEVIATION: the time-out is fixed and halves too. With that
 * of RFC 6298, four deviations above the mean, the longest of usual calls count as lost, and the limit stays near one.
 */
import { clamp, type MakeController } from './controller.ts';

const TIMEOUT_MS = 5000;

export const reno: MakeController = ({ start, ceiling }) => {
  let limit = start;
  let threshold = Infinity;
  let cutAt = -Infinity;
  return {
    limit: () => limit,
    ended({ now, sentAt, outcome, latencyMs, inFlight }) {
      if (outcome !== 'success' || latencyMs > TIMEOUT_MS) {
        if (sentAt < cutAt) return;
        cutAt = now;
        limit = threshold = clamp(limit / 2, 1, ceiling);
      } else if (2 * inFlight >= limit) {
        limit = clamp(limit + (limit < threshold ? 1 : 1 / limit), 1, ceiling);
      }
    },
  };
};

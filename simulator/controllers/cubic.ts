/**
 * A send rate: from the first refusal on calls take tokens that come in at a rate, which falls to 0.7 of itself with a refusal
 * and rises again along a cubic curve, to at most twice what is really sent. Calls in flight are bounded by the ceiling only.
 *
 * Source: the client rate limiter of the AWS SDKs' adaptive retry mode, with the constants of its published form; CUBIC (RFC 9438).
 */
import type { MakeController } from './controller.ts';

const BETA = 0.7;
const SCALE = 0.4;
const SMOOTH = 0.8;
const LEAST_RATE = 0.5;
const LEAST_CAPACITY = 1;
/** The send rate is measured in periods of this long. */
const PERIOD_S = 0.5;

export const cubic: MakeController = ({ ceiling }) => {
  let enabled = false;
  let [fillRate, capacity, tokens, filledAt] = [0, 0, 0, 0];
  let [measured, period, count] = [0, 0, 0];
  let [lastMost, refusedAt] = [0, 0];

  const refill = (seconds: number): void => {
    if (enabled) tokens = Math.min(capacity, tokens + (seconds - filledAt) * fillRate);
    filledAt = seconds;
  };
  const setRate = (rate: number): void => {
    fillRate = Math.max(rate, LEAST_RATE);
    capacity = Math.max(rate, LEAST_CAPACITY);
    tokens = Math.min(tokens, capacity);
  };
  const measure = (seconds: number): void => {
    count++;
    const now = Math.floor(seconds / PERIOD_S) * PERIOD_S;
    if (now <= period) return;
    measured = (count / (now - period)) * SMOOTH + measured * (1 - SMOOTH);
    [count, period] = [0, now];
  };
  return {
    limit: () => ceiling,
    take(now) {
      refill(now / 1000);
      if (!enabled) return true;
      if (tokens < 1) return false;
      tokens--;
      return true;
    },
    ended({ now, outcome }) {
      const seconds = now / 1000;
      refill(seconds);
      measure(seconds);
      if (outcome === 'refused') {
        lastMost = enabled ? Math.min(measured, fillRate) : measured;
        [enabled, refusedAt] = [true, seconds];
        setRate(lastMost * BETA);
        return;
      }
      const elapsed = seconds - refusedAt - Math.cbrt((lastMost * (1 - BETA)) / SCALE);
      setRate(Math.min(SCALE * elapsed ** 3 + lastMost, 2 * measured));
    },
  };
};

/**
 * The rule that ThrottleAI's documents describe: every five seconds the part of the calls that were denied and the mean latency
 * are smoothed; above the target, or above a multiple of the first latency that was seen, the limit is lowered by one call,
 * otherwise it is raised by one. It begins with the ceiling, and what it denies itself counts as denied.
 *
 * Source: the documents of ThrottleAI, "adaptive" ("auto-tune concurrency from deny rate and latency"), with their defaults.
 * They do not say how far a step goes.
 */
import { clamp, type MakeController } from './controller.ts';

const ALPHA = 0.2;
const TARGET = 0.05;
const THRESHOLD = 1.5;
const INTERVAL_MS = 5000;

export const denyRate: MakeController = ({ ceiling }) => {
  let limit = ceiling;
  let [began, asked, denied, ended, sum] = [0, 0, 0, 0, 0];
  let [rate, latency, baseline] = [0, 0, 0];
  const adjust = (): void => {
    rate += ALPHA * ((asked === 0 ? 0 : denied / asked) - rate);
    if (ended > 0) {
      const mean = sum / ended;
      latency = latency === 0 ? mean : latency + ALPHA * (mean - latency);
      if (baseline === 0) baseline = mean;
    }
    const isOver = rate > TARGET || latency > THRESHOLD * baseline;
    limit = clamp(limit + (isOver ? -1 : 1), 1, ceiling);
    [asked, denied, ended, sum] = [0, 0, 0, 0];
  };
  return {
    limit: () => limit,
    asked(now) {
      for (; now - began >= INTERVAL_MS; began += INTERVAL_MS) adjust();
      asked++;
    },
    denied: () => void denied++,
    ended({ outcome, latencyMs }) {
      if (outcome !== 'success') return;
      ended++;
      sum += latencyMs;
    },
  };
};

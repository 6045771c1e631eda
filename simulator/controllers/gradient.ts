/**
 * Measures the latency without load once a minute, by letting only three calls through until fifty have ended, and in between
 * takes ten times a second the ratio of it, with a quarter as buffer, to the median latency: the limit times this ratio, plus
 * its square root to grow by.
 *
 * Source: the gradient controller of Envoy's adaptive concurrency filter, its documentation and the values of its example.
 */
import { clamp, type MakeController } from './controller.ts';

const MINIMUM = 3;
const REQUESTS = 50;
const INTERVAL_MS = 60_000;
const JITTER = 0.1;
const UPDATE_MS = 100;
const BUFFER = 0.25;
/** Updates in a row at the least limit after which the latency is measured anew. */
const STUCK = 5;

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[values.length >> 1]!;
}

export const gradient: MakeController = ({ start, ceiling, random }) => {
  let limit = start;
  let unloaded = 0;
  /** When the measurement began; undefined while none goes on. */
  let measuringSince: number | undefined = 0;
  let [measureAt, updatedAt, low] = [0, 0, 0];
  let samples: number[] = [];

  const measured = (now: number): void => {
    unloaded = median(samples);
    measuringSince = undefined;
    measureAt = now + INTERVAL_MS * (1 + JITTER * random());
    [samples, updatedAt] = [[], now];
  };
  const update = (now: number): void => {
    const ratio = clamp((unloaded * (1 + BUFFER)) / median(samples), 0.5, 2);
    limit = clamp(limit * ratio + Math.sqrt(limit), MINIMUM, ceiling);
    [samples, updatedAt] = [[], now];
    low = limit <= MINIMUM ? low + 1 : 0;
  };
  return {
    limit: () => (measuringSince === undefined ? limit : MINIMUM),
    ended({ now, sentAt, latencyMs, outcome }) {
      if (outcome !== 'success') return;
      if (measuringSince === undefined && (now >= measureAt || low >= STUCK)) {
        [measuringSince, samples, low] = [now, [], 0];
      }
      // What was sent before the measurement has seen the load.
      if (measuringSince !== undefined && sentAt < measuringSince) return;
      samples.push(latencyMs);
      if (measuringSince === undefined) {
        if (now - updatedAt >= UPDATE_MS) update(now);
      } else if (samples.length >= REQUESTS) measured(now);
    },
  };
};

/**
 * Estimates from the latency how many calls wait at the server, and keeps them between two bounds that grow with the logarithm
 * of the limit. Latency without load is the lowest that was seen, measured anew now and then.
 *
 * Source: `VegasLimit` of Netflix's concurrency-limits with its defaults, in windows; TCP Vegas (Brakmo and Peterson 1995).
 */
import { clamp, type MakeController } from './controller.ts';
import { windowed } from './window.ts';

/** Windows between two measurements, for each call of the limit. */
const PROBE = 30;
const [ALPHA, BETA] = [3, 6];

const log10 = (limit: number): number => Math.max(1, Math.floor(Math.log10(limit)));

export const vegas: MakeController = ({ start, ceiling, random }) => {
  let limit = start;
  let unloaded = 0;
  let windows = 0;
  const jitter = (): number => 0.5 + random() / 2;
  let probe = jitter();
  /** The limit after a window. */
  const next = (latencyMs: number, inFlight: number, dropped: boolean): number => {
    const step = log10(limit);
    if (dropped) return limit - step;
    if (2 * inFlight < limit) return limit;
    const queue = Math.ceil(limit * (1 - unloaded / latencyMs));
    if (queue <= step) return limit + BETA * step;
    if (queue < ALPHA * step) return limit + step;
    return queue > BETA * step ? limit - step : limit;
  };
  return {
    limit: () => limit,
    ended: windowed(({ latencyMs, inFlight, dropped }) => {
      windows++;
      if (windows >= probe * PROBE * limit) {
        [windows, probe, unloaded] = [0, jitter(), latencyMs];
        return;
      }
      if (unloaded === 0 || latencyMs < unloaded) {
        unloaded = latencyMs;
        return;
      }
      limit = clamp(next(latencyMs, inFlight, dropped), 1, ceiling);
    }),
  };
};

/**
 * Hands a controller one summary a second instead of every call.
 *
 * Source: `WindowedLimit` of Netflix's concurrency-limits: a window lasts a second, and longer until it has ten samples; its
 * latency is the mean, its calls in flight the most that there were, and one call that was dropped drops the window.
 */
import type { Ended } from './controller.ts';

const WINDOW_MS = 1000;
const SAMPLES = 10;

/** What a window comes to. */
export interface Summary {
  readonly latencyMs: number;
  readonly inFlight: number;
  readonly dropped: boolean;
}

/** @param update given each window as it ends */
export function windowed(update: (summary: Summary) => void): (call: Ended) => void {
  let began = 0;
  let [samples, sum, inFlight, dropped] = [0, 0, 0, false];
  return (call) => {
    inFlight = Math.max(inFlight, call.inFlight);
    if (call.outcome === 'success') {
      samples++;
      sum += call.latencyMs;
    } else dropped = true;
    if (call.now < began + WINDOW_MS || samples < SAMPLES) return;
    update({ latencyMs: sum / samples, inFlight, dropped });
    began = call.now;
    [samples, sum, inFlight, dropped] = [0, 0, 0, false];
  };
}

/** When actors ask. */
import { exponential } from './distributions.ts';
import type { Arrivals, Source } from './types.ts';

/** Asks for `count` calls at once, and for no more. */
export const burst =
  (count: number): Arrivals =>
  (source) => {
    for (let n = 0; n < count; n++) source.call();
  };

/**
 * Keeps `count` calls outstanding: asks for the next when one is over.
 *
 * @param pauseMs how long after; without a pause, one whose calls are given up at once would ask for ever. Default 0
 */
export const closedLoop =
  (count: number, pauseMs = 0): Arrivals =>
  (source) => {
    const fill = (): void => {
      for (let missing = count - source.outstanding(); missing > 0; missing--) source.call();
    };
    fill();
    return pauseMs > 0 ? () => source.after(pauseMs, fill) : fill;
  };

/**
 * Independent of one another, so many a second.
 *
 * @param perSecond from 0, finite
 * @throws InputError for anything else
 */
export function poisson(perSecond: number): Arrivals {
  const pause = exponential(1000 / perSecond);
  return (source) => {
    const next = (): void => source.after(pause(source.random), arrive);
    const arrive = (): void => {
      source.call();
      next();
    };
    next();
  };
}

/**
 * As `poisson`, with a rate that flips between two at random instants; `dwellMs` is the mean time between two of them.
 */
export const flippingPoisson =
  (perSecond: readonly [number, number], dwellMs: number): Arrivals =>
  (source) => {
    const dwell = exponential(dwellMs);
    let [rate, other] = perSecond;
    let flips = dwell(source.random);
    const next = (): void => {
      // Memoryless, so what is left of a pause when the rate flips is drawn anew.
      const pause = exponential(1000 / rate)(source.random);
      const left = flips - source.now();
      source.after(Math.min(pause, left), pause < left ? arrive : flip);
    };
    const arrive = (): void => {
      source.call();
      next();
    };
    const flip = (): void => {
      [rate, other] = [other, rate];
      flips = source.now() + dwell(source.random);
      next();
    };
    next();
  };

/** Nothing before this instant. */
export const startingAt =
  (ms: number, arrivals: Arrivals): Arrivals =>
  (source) => {
    let ended: (() => void) | void;
    source.after(ms, () => (ended = arrivals(source)));
    return () => ended?.();
  };

/** On for `onMs`, off for `offMs`, the first time from `startMs` on. What is asked for already stays asked for. */
export const onOff =
  (onMs: number, offMs: number, startMs: number, arrivals: Arrivals): Arrivals =>
  (source) => {
    let ended: (() => void) | void;
    const on = (): void => {
      let live = true;
      const phase: Source = {
        ...source,
        call: () => (live ? source.call() : undefined),
        after: (ms, event) => source.after(ms, () => (live ? event() : undefined)),
      };
      ended = arrivals(phase);
      source.after(onMs, () => {
        live = false;
        ended = undefined;
        source.after(offMs, on);
      });
    };
    source.after(startMs, on);
    return () => ended?.();
  };

/** What callers do when they are refused. */
import type { WhenDenied } from './types.ts';

/** Pauses as long as it is told to; gives up what can never be. */
export const obey: WhenDenied = ({ retryAfterMs }) => retryAfterMs;

/** Gives up. */
export const shed: WhenDenied = () => null;

/** Asks again and again, whatever it is told. */
export const askEvery =
  (ms: number): WhenDenied =>
  () =>
    ms;

/** Pauses that double from `startMs` to `maxMs`, whatever it is told. */
export const backOff =
  (startMs: number, maxMs: number): WhenDenied =>
  (_, attempt) =>
    Math.min(startMs * 2 ** Math.min(attempt - 1, 50), maxMs);

/** Reads the time: milliseconds from 0, fractions allowed. */
export type Clock = () => number;

/** A clock that brings its timers, so that a test can drive them. `createTestClock()` makes one. */
export interface ClockWithTimers {
  /** The time in milliseconds from 0, fractions allowed. */
  now(): number;
  /** Calls `callback` once, `ms` milliseconds later. What it returns is only handed to `clearTimeout`. */
  setTimeout(callback: () => void, ms: number): unknown;
  /** Takes a timer back. */
  clearTimeout(timer: unknown): void;
}

/** Reads the time: milliseconds, fractions allowed. */
export type Clock = () => number;

/** A clock that brings its timers, so that a test can drive them. `createTestClock()` makes one. */
export interface ClockWithTimers {
  /** The time in milliseconds, fractions allowed. */
  now(): number;
  /** Calls `callback` once, `ms` milliseconds later. What it returns is only handed to `clearTimeout`. */
  setTimeout(callback: () => void, ms: number): unknown;
  /** Takes a timer back. */
  clearTimeout(timer: unknown): void;
}

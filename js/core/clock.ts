/**
 * The one place that reads the clock. A clock is a value of the configuration; the core only ever sees readings.
 */
import { ConfigError, InputError } from './errors.ts';
import { platformTimers } from './timers.ts';
import type { Clock, ClockWithTimers } from './types.ts';

const ALLOWED = 'a function that returns ms, or an object with now, setTimeout and clearTimeout';

/** `Date.now`, looked up at each call, with the platform's timers. */
export const systemClock: ClockWithTimers = { now: () => Date.now(), ...platformTimers };

/**
 * The clock of a configuration.
 *
 * @throws ConfigError if it is none
 */
export function clockFrom(value: Clock | ClockWithTimers | null | undefined): ClockWithTimers {
  if (value === undefined || value === null) return systemClock;
  if (typeof value === 'function') return { now: value, ...platformTimers };
  if (isClock(value)) return value;
  throw new ConfigError({ field: 'clock', value, allowed: ALLOWED });
}

export function isClock(value: unknown): value is ClockWithTimers {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const { now, setTimeout, clearTimeout } = value as Partial<ClockWithTimers>;
    return [now, setTimeout, clearTimeout].every((part) => typeof part === 'function');
  } catch {
    return false; // A getter that throws, or a revoked proxy.
  }
}

/**
 * One reading in ms.
 *
 * @throws InputError if the clock gives anything but a finite number from 0: the core's time starts there
 */
export function readClock(clock: ClockWithTimers): number {
  const now = clock.now();
  if (!isTime(now))
    throw new InputError({ field: 'clock', value: now, allowed: 'a clock that returns a finite number from 0' });
  return now;
}

function isTime(now: number): boolean {
  return Number.isFinite(now) && now >= 0;
}

/** One reading in ms, or `fallback` if the clock fails: for what must not fail, such as a release. */
export function readClockOr(clock: ClockWithTimers, fallback: number): number {
  try {
    const now = clock.now();
    return isTime(now) ? now : fallback;
  } catch {
    return fallback;
  }
}

/** Time in ms since the reading `start`: 0 where the clock was set back, fails, or failed at the start (NaN). */
export function msSince(clock: ClockWithTimers, start: number): number {
  const ms = readClockOr(clock, start) - start;
  return ms > 0 ? ms : 0;
}

/** The clock of one governor, with its last good reading. */
export class Time {
  readonly clock: ClockWithTimers;
  /** NaN before the first good reading. */
  #last = NaN;

  constructor(clock: ClockWithTimers) {
    this.clock = clock;
  }

  /** @throws InputError if the clock fails */
  read(): number {
    return (this.#last = readClock(this.clock));
  }

  /**
   * The last good reading if the clock fails: for what must not fail, such as a release.
   *
   * @throws InputError if there was none yet: to a restored governor any other time would be a jump
   */
  readOrLast(): number {
    const now = readClockOr(this.clock, this.#last);
    return now === now ? (this.#last = now) : this.read();
  }
}

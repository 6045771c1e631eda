/** A clock that only moves when told, with timers that fire as it does. */
import { InputError } from './errors.ts';
import type { Clock, ClockWithTimers } from './types.ts';

const START_MS = 100_000;

/** Made by `createTestClock`. All functions work unbound. */
export interface TestClock extends ClockWithTimers {
  /** The time in ms. Set it to make the clock jump without firing timers. */
  time: number;
  /** Reads the time; pass it where only a function is taken. */
  readonly fn: Clock;
  /**
   * Moves the time by `ms`. Timers that come due fire in order, each at its own instant, also those that they arm.
   * Promises that they settle are seen after the next `await`.
   */
  readonly advance: (ms: number) => void;
  /** Moves the time to the timer that is due first and fires it. Returns false, and moves nothing, where none is armed. */
  readonly next: () => boolean;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

function finite(value: number, field: string): number {
  if (Number.isFinite(value)) return value;
  throw new InputError({ field, value, allowed: 'a finite number' });
}

/**
 * Makes a clock for tests. Pass it as `clock`: the governor's time, its timers and the waits of its helpers then follow it.
 *
 * @param startMs the time it starts at. Default 100000
 * @throws InputError for a start or a step that is not a finite number
 *
 * @example
 * const clock = createTestClock();
 * const governor = createGovernor({ rate: { requestsPerMinute: 1 }, clock });
 * const first = governor.acquire({ actorId: 'a', action: 'chat' });
 * const second = governor.acquireAsync({ actorId: 'b', action: 'chat' });
 * clock.advance(60_000);
 * await second; // granted
 */
export function createTestClock(startMs: number = START_MS): TestClock {
  /** Those due later first, among equals those armed later, so that the next one is the last. */
  const timers: Timer[] = [];

  /** Where a timer that is armed now belongs. */
  const placeOf = (at: number): number => {
    let [low, high] = [0, timers.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (timers[middle]!.at > at) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  /** Fires the next timer, unless it is due after `until`. */
  const fire = (until: number): boolean => {
    const timer = timers.at(-1);
    if (timer === undefined || timer.at > until) return false;
    timers.pop();
    clock.time = Math.max(clock.time, timer.at);
    timer.callback();
    return true;
  };

  const clock: TestClock = {
    time: finite(startMs, 'startMs'),
    fn: () => clock.time,
    now: () => clock.time,
    setTimeout: (callback, ms) => {
      const timer = { at: clock.time + (ms > 0 ? ms : 0), callback };
      timers.splice(placeOf(timer.at), 0, timer);
      return timer;
    },
    clearTimeout: (timer) => {
      const place = timers.indexOf(timer as Timer);
      if (place >= 0) timers.splice(place, 1);
    },
    advance(ms: number): void {
      const until = clock.time + finite(ms, 'ms');
      while (fire(until));
      clock.time = until;
    },
    next: () => fire(Infinity),
  };
  return clock;
}

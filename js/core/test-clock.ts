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
}

interface Timer {
  readonly at: number;
  readonly order: number;
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
  const timers = new Map<number, Timer>();
  let count = 0;

  /** The timer that is due first, not after `until`; among equals the one armed first. */
  const next = (until: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers.values()) {
      if (timer.at <= until && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  };

  const clock: TestClock = {
    time: finite(startMs, 'startMs'),
    fn: () => clock.time,
    now: () => clock.time,
    setTimeout: (callback, ms) => {
      const order = ++count;
      timers.set(order, { at: clock.time + Math.max(0, ms), order, callback });
      return order;
    },
    clearTimeout: (timer) => {
      timers.delete(timer as number);
    },
    advance(ms: number): void {
      const until = clock.time + finite(ms, 'ms');
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        timers.delete(timer.order);
        clock.time = Math.max(clock.time, timer.at);
        timer.callback();
      }
      clock.time = until;
    },
  };
  return clock;
}

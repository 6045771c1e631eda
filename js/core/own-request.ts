/**
 * Waiting on Workers, where all that a request has left to do ends with it: its timers, and the code behind its promises. A
 * request that waits for nothing but a promise is ended as hung, and one whose promise is settled in another request hears of it a
 * little later.
 *
 * So who waits there keeps a timer in its own request until its answer has come to it, and the driver's timer is armed in
 * the request of somebody who waits. Nobody can tell who that is alive: a client may leave. The timers of all others come when the
 * driver's is overdue.
 */
import { armTimer, clearTimer } from './timers.ts';
import type { ClockWithTimers } from './types.ts';

/** Runs what it is given in the request of whoever made this: the code behind a promise runs where the promise was made. */
export type Runner = (work: () => void) => void;

/** A runner for this request. Of works that are given before the first of them runs, the others are left out. */
export function runnerHere(): Runner {
  let hand: Runner;
  const listen = (): void => {
    const given = new Promise<() => void>((resolve) => (hand = resolve));
    void given.then((work) => {
      listen();
      work();
    });
  };
  listen();
  return (work) => hand(work);
}

/**
 * Keeps a timer armed in this request until `answer` has come to it.
 *
 * @param delayMs for how long the next one
 * @param look what each of them does. Never throws
 */
export function stayUntil(
  answer: Promise<unknown>,
  clock: ClockWithTimers,
  delayMs: () => number,
  look: () => void,
): void {
  let timer: unknown;
  const stay = (): void => {
    try {
      timer = armTimer(
        clock,
        () => {
          look();
          stay();
        },
        delayMs(),
      );
    } catch {
      // No timers at module scope, which is no request that could be ended.
    }
  };
  const leave = (): void => clearTimer(clock, timer);
  stay();
  answer.then(leave, leave);
}

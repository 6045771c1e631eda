/**
 * The loop that feeds the core with time: one timer, armed for the instant that the core names, and only ever moved
 * forward when an earlier one is named. No timer before the first grant; a busy governor touches it once an instant.
 *
 * The timer holds the governor weakly, so a forgotten governor can be collected, and does not keep the process alive;
 * while somebody waits in the queue it does both.
 */
import type { Runner } from './own-request.ts';
import { armTimer, clearTimer, keepProcessAlive } from './timers.ts';
import type { ClockWithTimers } from './types.ts';

interface WeakReference<T> {
  deref(): T | undefined;
}
const platform = globalThis as unknown as { WeakRef?: new <T extends object>(target: T) => WeakReference<T> };

/** A timer this much overdue, in ms, is taken for lost: on Workers timers end with the request that armed them. */
export const LOST_AFTER_MS = 1000;

export class Driver<T extends object> {
  readonly #clock: ClockWithTimers;
  readonly #target: WeakReference<T>;
  readonly #fire: (target: T) => void;
  readonly #runnerOf: (target: T) => Runner | undefined;
  #pinned: T | undefined;
  #timer: unknown;
  #at = Infinity;
  #waiting = false;
  #stopped = false;

  /**
   * @param fire is called at the instant, or a little around it, and ends with `update`
   * @param runnerOf who arms the timer while somebody waits; undefined: whoever calls
   */
  constructor(
    clock: ClockWithTimers,
    target: T,
    fire: (target: T) => void,
    runnerOf: (target: T) => Runner | undefined,
  ) {
    this.#clock = clock;
    this.#target = platform.WeakRef === undefined ? { deref: () => target } : new platform.WeakRef(target);
    this.#fire = fire;
    this.#runnerOf = runnerOf;
  }

  /** The instant in ms for which the timer is armed; Infinity: it is not. */
  get at(): number {
    return this.#at;
  }

  /** Whether a timer is armed and not lost: then `update` has something to do only after the core has named another instant. */
  isArmed(now: number): boolean {
    return this.#at < Infinity && now < this.#at + LOST_AFTER_MS;
  }

  /** Whether `update` has anything to do. Asked after most commands, so it must cost nothing. */
  mustUpdate(at: number, waiting: boolean, now: number): boolean {
    return waiting !== this.#waiting || this.#mustArm(at, now);
  }

  /** A timer that is armed for what is overdue is not armed again at every command while nothing else runs. */
  #mustArm(at: number, now: number): boolean {
    return (at < this.#at && now < this.#at) || now >= this.#at + LOST_AFTER_MS;
  }

  /**
   * To be called after a command that may have moved the instant, or while `isArmed` is false.
   *
   * @param at instant in ms that the core named; Infinity: none
   * @param waiting whether somebody waits in the queue
   */
  update(at: number, waiting: boolean, now: number): void {
    if (waiting !== this.#waiting) this.#setWaiting(waiting);
    if (this.#mustArm(at, now)) this.#arm(at, now);
  }

  /** Ends the timer. Only while somebody waits it is armed again. */
  stop(): void {
    this.#stopped = true;
    if (!this.#waiting) this.#clear();
  }

  /** Ends the timer whoever waits. */
  close(): void {
    this.#setWaiting(false);
    this.stop();
  }

  #setWaiting(waiting: boolean): void {
    this.#waiting = waiting;
    this.#pinned = waiting ? this.#target.deref() : undefined;
    if (this.#stopped && !waiting) this.#clear();
    else if (this.#timer !== undefined) keepProcessAlive(this.#timer, waiting);
  }

  #arm(at: number, now: number): void {
    this.#clear();
    if (at === Infinity || (this.#stopped && !this.#waiting)) return;
    this.#at = Math.max(at, now);
    const start = (): void => this.#start(now);
    const run = this.#pinned && this.#runnerOf(this.#pinned);
    if (run === undefined) start();
    else run(start);
  }

  /** Arms the timer for the instant that is wanted by now. */
  #start(now: number): void {
    if (this.#at === Infinity) return;
    this.#drop();
    try {
      // One that could not be taken back, as on Workers those of other requests, comes for nothing.
      const timer = armTimer(this.#clock, () => timer === this.#timer && this.#fired(), this.#at - now);
      this.#timer = timer;
      keepProcessAlive(timer, this.#waiting);
    } catch {
      this.#at = Infinity; // No timers at module scope of a Worker; expiry is lazy, and a later command tries again.
    }
  }

  #clear(): void {
    this.#at = Infinity;
    this.#drop();
  }

  #drop(): void {
    if (this.#timer === undefined) return;
    const timer = this.#timer;
    this.#timer = undefined;
    clearTimer(this.#clock, timer);
  }

  #fired(): void {
    this.#timer = undefined;
    this.#at = Infinity;
    const target = this.#pinned ?? this.#target.deref();
    if (target !== undefined) this.#fire(target);
  }
}

/**
 * Virtual time: one event after the other, in the order of their instants, among equals in the order in which they were set.
 * After each event, all promises that it settles are seen before the next one: nothing is left to the engine's mood.
 */
import { createTestClock, type TestClock } from '../../core/test-clock.ts';
import type { ClockWithTimers } from '../../core/types.ts';
import { createRandom, hashText, type Random } from '../random.ts';
import type { Surroundings } from './types.ts';

/** What is used of the platform, declared here because not all that run this have it. */
interface Platform {
  readonly setImmediate?: (callback: () => void) => unknown;
  readonly MessageChannel?: new () => { readonly port1: Port; readonly port2: Port };
  readonly setTimeout: (callback: () => void, ms: number) => unknown;
}
interface Port {
  onmessage: (() => void) | null;
  postMessage(message: number): void;
  close(): void;
}

/** Ends a turn of the event loop: only then every promise has been followed to its end. */
interface Turns {
  next(): Promise<void>;
  close(): void;
}

/** The quickest that there is: 1 to 2 microseconds with the first two. Looked up now, lest tests replace them meanwhile. */
function platformTurns(): Turns {
  const { setImmediate, MessageChannel, setTimeout } = globalThis as unknown as Platform;
  const none = (): void => {};
  if (setImmediate !== undefined)
    return { next: () => new Promise((resolve) => void setImmediate(resolve)), close: none };
  if (MessageChannel === undefined)
    return { next: () => new Promise((resolve) => void setTimeout(resolve, 0)), close: none };
  const { port1, port2 } = new MessageChannel();
  return {
    next: () =>
      new Promise((resolve) => {
        port1.onmessage = resolve;
        port2.postMessage(0);
      }),
    close: () => port1.close(),
  };
}

/** Time, randomness and events of one run. */
export class World implements Surroundings {
  readonly #seed: number;
  readonly #time: TestClock = createTestClock(0);
  /** Timers that others than the simulation itself armed. */
  timers = 0;
  /** What happened. */
  events = 0;

  #over = false;

  /** @param durationMs when the run ends; what is due just then is left out */
  constructor(seed: number, durationMs: number) {
    this.#seed = seed;
    if (durationMs < Infinity) this.after(durationMs, () => (this.#over = true));
  }

  readonly clock: ClockWithTimers = {
    now: () => this.#time.time,
    setTimeout: (callback, ms) => {
      this.timers++;
      return this.#time.setTimeout(callback, ms);
    },
    clearTimeout: (timer) => this.#time.clearTimeout(timer),
  };

  readonly now = (): number => this.#time.time;

  readonly random = (name: string): Random => createRandom(hashText(name, this.#seed));

  readonly after = (ms: number, event: () => void): void => void this.#time.setTimeout(event, ms);

  #failure: { readonly reason: unknown } | undefined;

  /** Ends the run after this event. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
  }

  /** Runs until nothing is left to happen, or to the end of the time. */
  async run(): Promise<void> {
    const turns = platformTurns();
    try {
      await turns.next();
      while (this.#failure === undefined && !this.#over && this.#time.next()) {
        this.events++;
        await turns.next();
      }
    } finally {
      turns.close();
    }
    if (this.#failure !== undefined) throw this.#failure.reason;
  }
}

/** Queues that people use, in virtual time: they take their timers from the platform, which is replaced meanwhile. */
import type { Scheduler, SimulatedCall, Surroundings } from 'throttleai/testing';
import { SLOT_LIBRARIES, type Run } from '../../bench/libraries/slots.ts';
import { throttle } from '../../bench/libraries/throttle.ts';
import type { Contender } from './contender.ts';

/** A call is a function that ends when the server says so. */
function through(run: Run, close: () => void): Scheduler {
  const ends = new Map<SimulatedCall, () => void>();
  return {
    async ask(call, answer) {
      await run(
        () =>
          new Promise((resolve) => {
            ends.set(call, resolve);
            answer({ granted: true });
          }),
      );
    },
    end(call) {
      ends.get(call)?.();
      ends.delete(call);
    },
    close,
  };
}

/** Shorter ones are as long as this on Node and in browsers, in ms. */
const TIMER_MS_MIN = 1;

/** Puts virtual time in the place of the platform's. Returns what undoes it. */
export function virtualPlatform({ clock }: Pick<Surroundings, 'clock'>): () => void {
  const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
  const { now } = Date;
  const after = (callback: () => void, ms = 0): unknown => clock.setTimeout(callback, Math.max(ms, TIMER_MS_MIN));
  Object.assign(globalThis, {
    setTimeout: after,
    clearTimeout: (timer: unknown) => clock.clearTimeout(timer),
    setInterval(callback: () => void, ms?: number) {
      const interval = { timer: undefined as unknown };
      const arm = (): void => {
        interval.timer = after(() => {
          arm();
          callback();
        }, ms);
      };
      arm();
      return interval;
    },
    clearInterval: (interval?: { timer: unknown }) => clock.clearTimeout(interval?.timer),
  });
  Date.now = () => clock.now();
  return () => {
    Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval });
    Date.now = now;
  };
}

/** In virtual time from when it is made. */
function virtually(surroundings: Surroundings, make: () => Run): Scheduler {
  const restore = virtualPlatform(surroundings);
  return through(make(), restore);
}

export const LIBRARIES: readonly Contender[] = SLOT_LIBRARIES.map(({ name, load }) => ({
  name,
  async load() {
    const make = await load();
    return (surroundings, { slots }) => virtually(surroundings, () => make(slots));
  },
}));

/** Knows no slots: lets as many through as the rate of the setting says. */
export const THROTTLE: Contender = {
  name: 'p-throttle',
  async load() {
    const make = await throttle();
    return (surroundings, { config: { rate } }) => {
      const { requestsPerMinute, windowMs } = rate!;
      return virtually(surroundings, () => make(requestsPerMinute!, windowMs!));
    };
  },
};

/** Retrying by hand. */
import { asked, full } from '../full-governor.mjs';

export function retries({ throttleai }) {
  const { retryAcquire, waitForRetry } = throttleai;
  return {
    // Without a clock, by the platform's timer: here it fires at once and tells what it was asked for.
    waitForRetry: async () => {
      const decision = full(throttleai).governor.acquire(asked);
      const { setTimeout } = globalThis;
      let slept;
      globalThis.setTimeout = (callback, ms) => {
        slept = ms;
        queueMicrotask(callback);
      };
      try {
        await waitForRetry(decision);
      } finally {
        globalThis.setTimeout = setTimeout;
      }
      return slept === decision.retryAfterMs;
    },
    'retryAcquire, granted later': async () => {
      const { clock, governor, free } = full(throttleai);
      const decision = retryAcquire(governor, asked, { maxAttempts: 3 });
      free();
      clock.advance(5_000);
      return (await decision).granted;
    },
    'retryAcquire, the attempts used up': async () => {
      const { clock, governor } = full(throttleai);
      const decision = retryAcquire(governor, asked, { maxAttempts: 2 });
      clock.advance(5_000);
      const { granted, reason } = await decision;
      return `${granted} ${reason}`;
    },
  };
}

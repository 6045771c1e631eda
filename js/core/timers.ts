/**
 * The one place that arms timers, on whatever clock a governor has. Nothing here runs at import.
 */
import { GovernorError } from './errors.ts';
import type { ClockWithTimers, SignalLike } from './types.ts';

/** The longest delay that platforms keep, in ms; a longer one would fire at once. */
export const DELAY_MAX_MS: number = 2 ** 31 - 1;

interface PlatformTimers {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}
const platform = globalThis as unknown as PlatformTimers;

/** The platform's timers, looked up at each call so that fake timers installed later are used. */
export const platformTimers: PlatformTimers = {
  setTimeout: (callback, ms) => platform.setTimeout(callback, ms),
  clearTimeout: (timer) => platform.clearTimeout(timer),
};

/** Arms a timer. A delay beyond what platforms keep is cut: the callback must look at the clock again. */
export function armTimer(clock: ClockWithTimers, callback: () => void, ms: number): unknown {
  // At least 1 ms: platforms may fire a little early, and a delay of 0 would then spin.
  return clock.setTimeout(callback, Math.min(Math.max(Math.ceil(ms), 1), DELAY_MAX_MS));
}

/** Takes a timer back. Never throws: a timer that stays comes for nothing. */
export function clearTimer(clock: ClockWithTimers, timer: unknown): void {
  try {
    clock.clearTimeout(timer);
  } catch {
    // A clock of somebody's making; what was decided before stands.
  }
}

/**
 * Whether all that a request has left to do ends with it, as on Workers: its timers, and the code behind its promises. A
 * request that waits for a promise alone is ended as hung.
 */
export function workEndsWithRequest(): boolean {
  const { navigator } = globalThis as { navigator?: { userAgent?: string } };
  return navigator?.userAgent === 'Cloudflare-Workers';
}

interface Refable {
  ref?: () => void;
  unref?: () => void;
}

/** Says whether a timer keeps the process alive. Does nothing where timers know no such thing. Never throws. */
export function keepProcessAlive(timer: unknown, keep: boolean): void {
  if (typeof timer !== 'object' || timer === null) return;
  const refable: Refable = timer;
  try {
    if (keep) refable.ref?.();
    else refable.unref?.();
  } catch {
    // As above.
  }
}

/** What a promise rejects with when `signal` is aborted: its reason, untouched. */
export function abortReason(signal: SignalLike): unknown {
  const { reason } = signal;
  // Platforms always give one, be it null; objects of somebody's making may have none.
  return reason === undefined ? new GovernorError('aborted', 'The wait was aborted.') : reason;
}

/**
 * Resolves `ms` milliseconds later, in the time of `clock`; keeps the process alive meanwhile.
 *
 * @throws the signal's reason when it is aborted before
 */
export function sleep(clock: ClockWithTimers, ms: number, signal?: SignalLike | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(abortReason(signal));
      return;
    }
    const onAbort = (): void => {
      clearTimer(clock, timer);
      signal?.removeEventListener('abort', onAbort);
      reject(signal ? abortReason(signal) : undefined);
    };
    const timer = armTimer(
      clock,
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      ms,
    );
    signal?.addEventListener('abort', onAbort);
  });
}

/**
 * Answers that nobody reads: ends the lease when the reader pauses for longer than `idleMs`, or when what it would read
 * from was collected. Time during which the reader waits for the provider does not count.
 */
import { armTimer, clearTimer, keepProcessAlive } from '../../core/timers.ts';
import type { Call } from '../../core/call.ts';

export interface Unread {
  /** Somebody waits for bytes. */
  reading(): void;
  /** Nobody waits for bytes. */
  resting(): void;
  /**
   * The lease also ends when `target` is collected. Replaces the target before.
   * @param collected called then; it must not refer to `target`
   */
  follow(target: object, collected?: () => void): void;
}

interface Registry {
  register(target: object, held: () => void, token: object): void;
  unregister(token: object): void;
}
let registry: Registry | undefined;

/** Made at the first use, as importing must do nothing; some runtimes have none. */
function finalizers(): Registry | undefined {
  const { FinalizationRegistry: Finalizers } = globalThis;
  return (registry ??= Finalizers && new Finalizers<() => void>((held) => held()));
}

/** Starts in the state "nobody waits". */
export function watchUnread(call: Call, idleMs: number): Unread {
  const token = {};
  let over = false;
  let timer: unknown;
  const reading = (): void => {
    if (timer !== undefined) clearTimer(call.clock, timer);
    timer = undefined;
  };
  const resting = (): void => {
    reading();
    if (over) return;
    timer = armTimer(call.clock, () => call.end('timeout'), idleMs);
    keepProcessAlive(timer, false);
  };
  const unfollow = (): void => finalizers()?.unregister(token);
  const follow = (target: object, collected?: () => void): void => {
    unfollow();
    if (over) return;
    const held = (): void => {
      call.end('cancelled');
      collected?.();
    };
    finalizers()?.register(target, held, token);
  };
  call.onEnd = () => {
    over = true;
    reading();
    unfollow();
  };
  resting();
  return { reading, resting, follow };
}

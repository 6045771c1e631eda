/**
 * Calls that nobody ends: ends the lease when the reader pauses for longer than `idleMs`, when the provider is silent for longer
 * than `stallMs` while somebody waits for it, or when what would be read from was collected. Until then the lease is renewed.
 */
import { armTimer, clearTimer, keepProcessAlive } from '../../core/timers.ts';
import type { Call } from '../../core/call.ts';

export interface Unread {
  /** Somebody waits for the provider. */
  reading(): void;
  /** Nobody waits for the provider. */
  resting(): void;
  /**
   * The lease also ends when `target` is collected. Replaces the target before.
   * @param collected called then; it must not refer to `target`
   */
  follow(target: object, collected?: () => void): void;
}

/** How long a call may be silent, in ms. */
export interface Silence {
  /** Of the reader. */
  readonly idleMs: number;
  /** Of the provider, while somebody waits for it. Default: no bound, and then only what flows renews the lease. */
  readonly stallMs?: number;
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

/** Starts in the state "somebody waits". */
export function watchUnread(call: Call, { idleMs, stallMs = Infinity }: Silence): Unread {
  const token = {};
  let over = false;
  let timer: unknown;
  /** When the timer comes, and the silence is too long; in ms since the grant. */
  let armedFor = Infinity;
  let until = Infinity;
  const disarm = (): void => {
    if (timer !== undefined) clearTimer(call.clock, timer);
    timer = undefined;
    armedFor = Infinity;
  };
  const arm = (): void => {
    if (until === Infinity) return disarm();
    const now = call.elapsed();
    const at = Math.min(until, now + (call.ttlMs > 0 ? call.ttlMs / 2 : Infinity));
    // One that comes too early looks again: a busy stream arms none.
    if (armedFor <= at) return;
    disarm();
    armedFor = at;
    timer = armTimer(call.clock, look, at - now);
    keepProcessAlive(timer, false);
  };
  const look = (): void => {
    // Its time has come, also where the clock stands still.
    const now = Math.max(armedFor, call.elapsed());
    timer = undefined;
    armedFor = Infinity;
    if (now >= until) return call.end('timeout');
    call.flow();
    arm();
  };
  const within = (ms: number): void => {
    if (over) return;
    until = call.elapsed() + ms;
    arm();
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
    disarm();
    unfollow();
  };
  within(stallMs);
  return { reading: () => within(stallMs), resting: () => within(idleMs), follow };
}

/**
 * The promises beside the core's waiters. A row lives from `QUEUED` to the core's answer, an abort, or the end of the
 * governor; the last one under a signal takes the abort listener with it.
 */
import type { About } from './lease-table.ts';
import type { Runner } from './own-request.ts';
import type { GovernorDecision, SignalLike } from './types.ts';

/** One waiting call. */
export interface Waiter {
  readonly index: number;
  readonly generation: number;
  readonly actorId: string;
  readonly action: string;
  readonly weight: number;
  readonly key: string | undefined;
  readonly about: About | undefined;
  /** Count a hold of the lease at the grant, see `holders.ts`. */
  readonly reserve: boolean;
  readonly resolve: (decision: GovernorDecision) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: SignalLike | undefined;
  readonly onAbort: () => void;
  /** There where work ends with its request. */
  readonly runner: Runner | undefined;
}

/** By both parts of the name: the core may reuse a place before the answer of who was there before has been taken in. */
function nameOf(index: number, generation: number): string {
  return `${index}.${generation}`;
}

/** The calls that wait under one signal, and the one listener for all of them. */
interface Listening {
  readonly waiters: Set<Waiter>;
  readonly listener: () => void;
}

export class Waiters {
  /** Signals under which nobody waits any more, with the listener that is still there. */
  #left: [SignalLike, () => void][] = [];
  readonly #bySignal = new Map<SignalLike, Listening>();
  readonly #rows = new Map<string, Waiter>();
  readonly #byKey = new Map<string, Set<Waiter>>();
  /** Who came last, or was heard of last. */
  #heard: Waiter | undefined;

  /** Adds a row. Last of all listens to the signal, which may be of somebody's making. */
  add(waiter: Waiter): void {
    this.#rows.set(nameOf(waiter.index, waiter.generation), waiter);
    this.#share(waiter);
    this.heardOf(waiter);
    this.#listen(waiter);
  }

  /** Whoever waits is there to run work, see `runner`. */
  heardOf(waiter: Waiter): void {
    if (this.#rows.has(nameOf(waiter.index, waiter.generation))) this.#heard = waiter;
  }

  /** Runs work in the request of somebody who waits, where that matters: of who was heard of last, else of who came first. */
  get runner(): Runner | undefined {
    const { value: first } = this.#rows.values().next();
    return (this.#heard ?? first)?.runner;
  }

  /** A listener for each call would be too many: platforms warn of a leak when a signal has more than ten. */
  #listen(waiter: Waiter): void {
    const { signal } = waiter;
    if (signal === undefined) return;
    const listening = this.#bySignal.get(signal);
    if (listening !== undefined) {
      listening.waiters.add(waiter);
    } else {
      const waiters = new Set([waiter]);
      const listener = (): void => {
        for (const aborted of [...waiters]) aborted.onAbort();
      };
      this.#bySignal.set(signal, { waiters, listener });
      signal.addEventListener('abort', listener);
    }
    // By what the request called on its way here: that is not told again.
    if (signal.aborted) waiter.onAbort();
  }

  #unlisten(waiter: Waiter): void {
    const { signal } = waiter;
    const listening = signal && this.#bySignal.get(signal);
    if (!listening?.waiters.delete(waiter) || listening.waiters.size > 0) return;
    this.#bySignal.delete(signal!);
    this.#left.push([signal!, listening.listener]);
  }

  /** Takes listeners back. Signals may be of somebody's making, so this comes after the tables are right. */
  leaveSignals(): void {
    while (this.#left.length > 0) {
      const left = this.#left;
      this.#left = [];
      for (const [signal, listener] of left) {
        try {
          signal.removeEventListener('abort', listener);
        } catch {
          // The wait is over all the same.
        }
      }
    }
  }

  #share(waiter: Waiter): void {
    if (waiter.key === undefined) return;
    const sharing = this.#byKey.get(waiter.key);
    if (sharing === undefined) this.#byKey.set(waiter.key, new Set([waiter]));
    else sharing.add(waiter);
  }

  /** Takes a row out; undefined if that waiter is not here (any more). Calls nobody, see `leaveSignals`. */
  take(index: number, generation: number): Waiter | undefined {
    const name = nameOf(index, generation);
    const waiter = this.#rows.get(name);
    if (waiter === undefined) return undefined;
    this.#rows.delete(name);
    if (waiter === this.#heard) this.#heard = undefined;
    this.#unlisten(waiter);
    if (waiter.key !== undefined) {
      const sharing = this.#byKey.get(waiter.key);
      sharing?.delete(waiter);
      if (sharing?.size === 0) this.#byKey.delete(waiter.key);
    }
    return waiter;
  }

  /** Those who wait under an idempotency key. */
  under(key: string): Waiter[] {
    const sharing = this.#byKey.get(key);
    return sharing === undefined ? [] : [...sharing];
  }

  /** Rejects everybody. */
  rejectAll(error: unknown): void {
    for (const waiter of [...this.#rows.values()]) this.take(waiter.index, waiter.generation)?.reject(error);
  }
}

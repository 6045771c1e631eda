/**
 * The promises beside the core's waiters. A row lives from `QUEUED` to the core's answer, an abort, or the end of the
 * governor; the abort listener goes with it.
 */
import type { GovernorDecision, SignalLike } from './types.ts';

/** One waiting call. */
export interface Waiter {
  readonly index: number;
  readonly generation: number;
  readonly actorId: string;
  readonly action: string;
  readonly weight: number;
  readonly key: string | undefined;
  /** Count a hold of the lease at the grant, see `holders.ts`. */
  readonly reserve: boolean;
  readonly resolve: (decision: GovernorDecision) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: SignalLike | undefined;
  readonly onAbort: () => void;
}

/** By both parts of the name: the core may reuse a place before the answer of who was there before has been taken in. */
function nameOf(index: number, generation: number): string {
  return `${index}.${generation}`;
}

export class Waiters {
  readonly #rows = new Map<string, Waiter>();
  readonly #byKey = new Map<string, Set<Waiter>>();

  /** Adds a row. Last of all listens to the signal, which may be of somebody's making. */
  add(waiter: Waiter): void {
    this.#rows.set(nameOf(waiter.index, waiter.generation), waiter);
    this.#share(waiter);
    waiter.signal?.addEventListener('abort', waiter.onAbort);
  }

  #share(waiter: Waiter): void {
    if (waiter.key === undefined) return;
    const sharing = this.#byKey.get(waiter.key);
    if (sharing === undefined) this.#byKey.set(waiter.key, new Set([waiter]));
    else sharing.add(waiter);
  }

  /** Takes a row out; undefined if that waiter is not here (any more). */
  take(index: number, generation: number): Waiter | undefined {
    const name = nameOf(index, generation);
    const waiter = this.#rows.get(name);
    if (waiter === undefined) return undefined;
    this.#rows.delete(name);
    try {
      waiter.signal?.removeEventListener('abort', waiter.onAbort);
    } catch {
      // A signal of somebody's making; the wait is over all the same.
    }
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

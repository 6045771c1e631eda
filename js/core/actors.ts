/**
 * Actor ids by the handles that the core knows them by. The core hands a handle out where a rule reads actors, and says
 * when it is free again; strings are kept exactly that long.
 */
import { NO_HANDLE } from './binding.ts';
import { composed } from './scopes.ts';

export class ActorNames {
  readonly #handles = new Map<string, number>();
  readonly #names = new Map<number, string>();

  /** Handles whose share the core has not heard from this configuration. */
  readonly #strange = new Set<number>();

  /** The handle of an actor, `NO_HANDLE` if it has none. */
  handle(actorId: string): number {
    if (this.#handles.size === 0) return NO_HANDLE;
    // Names are composed already, nearly always, and a look is cheaper than composing.
    const handle = this.#handles.get(actorId);
    if (handle !== undefined) return handle;
    const name = composed(actorId);
    return name === actorId ? NO_HANDLE : (this.#handles.get(name) ?? NO_HANDLE);
  }

  /** Keeps what the core said of an actor after a command. */
  learn(actorId: string, handle: number): void {
    const name = composed(actorId);
    this.#handles.set(name, handle);
    this.#names.set(handle, name);
  }

  /** Whether the core is to hear the share of an actor. */
  wantsShare(actorId: string): boolean {
    const handle = this.handle(actorId);
    return handle === NO_HANDLE || this.#strange.has(handle);
  }

  /** The core has heard it. */
  gaveShare(handle: number): void {
    this.#strange.delete(handle);
  }

  /** Shares may be others from now on. */
  changeShares(): void {
    for (const handle of this.#names.keys()) this.#strange.add(handle);
  }

  /** Forgets an actor whose handle is free. */
  forget(handle: number): void {
    const actorId = this.#names.get(handle);
    if (actorId === undefined) return;
    this.#names.delete(handle);
    this.#strange.delete(handle);
    if (this.#handles.get(actorId) === handle) this.#handles.delete(actorId);
  }

  /** All pairs of handle and id. */
  entries(): [number, string][] {
    return [...this.#names];
  }
}

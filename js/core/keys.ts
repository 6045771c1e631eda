/**
 * Texts of keys by the handles that the core knows them by, a table a set. The core hands a handle out when a call is granted
 * or queued, and says when it is free again; texts are kept exactly that long.
 */
import { NO_HANDLE } from './binding.ts';

type Handles = Map<string, number>;

/** For an image: the `per` of a set, and its texts with their handles. */
export type SavedKeys = readonly [per: string, keys: readonly (readonly [handle: number, text: string])[]];

export class KeyNames {
  #pers: readonly string[] = [];
  /** By set. */
  #sets: Handles[] = [];
  readonly #names = new Map<number, { readonly text: string; readonly handles: Handles }>();

  /** Sets as the core numbers them from now on. Keys of those that are gone are freed by the core. */
  arrange(pers: readonly string[]): void {
    const before = new Map(this.#pers.map((per, set) => [per, this.#sets[set]!]));
    this.#sets = pers.map((per) => before.get(per) ?? new Map<string, number>());
    this.#pers = pers;
  }

  /** The handle of a key, `NO_HANDLE` if it has none. */
  handle(set: number, text: string): number {
    return this.#sets[set]!.get(text) ?? NO_HANDLE;
  }

  /** Keeps what the core said of a key after a command. */
  learn(set: number, text: string, handle: number): void {
    const handles = this.#sets[set]!;
    handles.set(text, handle);
    this.#names.set(handle, { text, handles });
  }

  /** Forgets a key whose handle is free. */
  forget(handle: number): void {
    const known = this.#names.get(handle);
    if (known === undefined) return;
    this.#names.delete(handle);
    if (known.handles.get(known.text) === handle) known.handles.delete(known.text);
  }

  /** The text of a key; undefined for those that share one. */
  text(handle: number): string | undefined {
    return this.#names.get(handle)?.text;
  }

  /** All keys, for an image. */
  entries(): SavedKeys[] {
    return this.#pers.map((per, set) => [per, [...this.#sets[set]!].map(([text, handle]) => [handle, text])]);
  }

  /** Takes over the keys of an image, as far as there are limits that count them. */
  restore(saved: readonly SavedKeys[]): void {
    for (const [per, keys] of saved) {
      const set = this.#pers.indexOf(per);
      if (set >= 0) for (const [handle, text] of keys) this.learn(set, text, handle);
    }
  }
}

/**
 * The strings beside the core's leases: ids, who holds them and what for, idempotency keys. One row a slot; a row is
 * written at a grant and emptied when the core says that the lease has ended.
 *
 * An id is `lease-PART-SLOT.GENERATION`, the numbers in base 36. PART is random and tells governors apart, so that a
 * lease released at the wrong one is unknown there.
 */

import type { Model } from './families.ts';
import type { SettlePolicy } from './types/models.ts';

/** A lease by the numbers that the core knows it by. */
export interface LeaseRef {
  readonly slot: number;
  readonly generation: number;
}

/** What settles a lease, or binds its call, beyond what the core knows. */
export interface About {
  /** As the request gave it; empty: it gave none. */
  readonly name: string;
  readonly family: Model<unknown> | undefined;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly images: number;
  /** `constraints.maxOutputTokens`; 0: none. */
  readonly shrunk: number;
  /** What the provider has answered: how it settles calls, and the tokens of prompt and output that it counts. */
  answered?: { readonly settle: SettlePolicy | undefined; readonly used: readonly [number, number] | undefined };
}

/** `About` in an image. */
export type AboutRow = readonly [
  name: string,
  promptTokens: number,
  outputTokens: number,
  images: number,
  shrunk: number,
];

/** A lease that is held. */
export type LeaseRow = readonly [
  slot: number,
  generation: number,
  actorId: string,
  action: string,
  key: string | null,
  about?: AboutRow,
];

/** A lease that has expired, and can still be settled. */
export type LateRow = readonly [leaseId: string, about: AboutRow];

/** Expired leases whose `About` is kept for a late release: as many as the core remembers. */
export const LATE_MAX = 10_000;

const RADIX = 36;
const DIGITS: readonly string[] = '0123456789abcdefghijklmnopqrstuvwxyz'.split('');
const ZERO = 48;
const NINE = 57;
const LETTER_A = 97;
const LETTER_Z = 122;
const U32_MAX = 0xffffffff;

export class LeaseTable {
  /** `lease-PART-`; empty until the first grant. */
  #head = '';
  // All of an id but its last digit changes once in 36 uses of a slot, so it is kept, by slot: `lease-PART-SLOT.` and the
  // higher digits of `generations`.
  readonly #heads: string[] = [];
  /** Empty string: the row is empty. */
  readonly actors: string[] = [];
  readonly actions: string[] = [];
  readonly generations: number[] = [];
  readonly #slotOfKey = new Map<string, number>();
  readonly #keyOfSlot = new Map<number, string>();
  readonly #aboutOfSlot = new Map<number, About>();
  /** By id: of leases that have expired. */
  readonly #late = new Map<string, About>();
  // The id handed out last. Most ids come back soon; comparing it spares flattening and parsing the string.
  #lastId = '';
  #lastSlot = -1;
  #lastGeneration = 0;
  /** The generation that `find` read. */
  generation = 0;

  /** Whether the random part is known. */
  get named(): boolean {
    return this.#head !== '';
  }

  /** Gives this table its random part. */
  name(part: string): void {
    this.#head = `lease-${part}-`;
  }

  /** The random part. */
  get part(): string {
    return this.#head.slice('lease-'.length, -1);
  }

  /** Fills a row. @returns the id */
  add(
    slot: number,
    generation: number,
    actorId: string,
    action: string,
    key: string | undefined,
    about: About | undefined,
  ): string {
    // The core fills slots in order, but an image may name a later one first: no holes.
    for (let empty = this.actors.length; empty <= slot; empty++) {
      this.actors[empty] = this.actions[empty] = this.#heads[empty] = '';
      this.generations[empty] = 0;
    }
    if (generation % RADIX === 0 || generation !== this.generations[slot]! + 1 || this.#heads[slot] === '')
      this.#heads[slot] = this.#headOf(slot, generation);
    this.actors[slot] = actorId;
    this.actions[slot] = action;
    this.generations[slot] = generation;
    if (key !== undefined) {
      this.#slotOfKey.set(key, slot);
      this.#keyOfSlot.set(slot, key);
    }
    if (about !== undefined) this.#aboutOfSlot.set(slot, about);
    const id = this.id(slot);
    this.#lastId = id;
    this.#lastSlot = slot;
    this.#lastGeneration = generation;
    return id;
  }

  /** The id of the lease that the row of a slot is about. */
  id(slot: number): string {
    return this.#heads[slot]! + DIGITS[this.generations[slot]! % RADIX]!;
  }

  /** Joined, because a sum would be kept as a tree of its parts, three times as large. */
  #headOf(slot: number, generation: number): string {
    const high = highOf(generation);
    return [this.#head, slot.toString(RADIX), '.', high === 0 ? '' : high.toString(RADIX)].join('');
  }

  /** Reads an id: the slot, and the generation into `generation`. -1 for what was never an id of this table. */
  find(id: unknown): number {
    if (id === this.#lastId) {
      this.generation = this.#lastGeneration;
      return this.#lastSlot;
    }
    if (typeof id !== 'string' || this.#head === '' || !id.startsWith(this.#head)) return -1;
    const dot = id.indexOf('.', this.#head.length);
    if (dot < 0) return -1;
    const slot = readBase36(id, this.#head.length, dot);
    this.generation = readBase36(id, dot + 1, id.length);
    return slot < 0 || this.generation < 0 ? -1 : slot;
  }

  /** Empties a row. */
  drop(slot: number): void {
    this.actors[slot] = '';
    this.actions[slot] = '';
    if (this.#aboutOfSlot.size !== 0) this.#aboutOfSlot.delete(slot);
    if (this.#keyOfSlot.size === 0) return;
    const key = this.#keyOfSlot.get(slot);
    if (key === undefined) return;
    this.#keyOfSlot.delete(slot);
    this.#slotOfKey.delete(key);
  }

  /** What was said of a lease that is held, or has expired; of the one that the row of its slot is about without an id. */
  about(slot: number, id?: string): About | undefined {
    const held = this.#aboutOfSlot.size === 0 ? undefined : this.#aboutOfSlot.get(slot);
    if (id === undefined || (held !== undefined && this.id(slot) === id)) return held;
    return this.#late.size === 0 ? undefined : this.#late.get(id);
  }

  /** Empties a row whose lease has expired. */
  expire(slot: number): void {
    const about = this.about(slot);
    if (about !== undefined) this.addLate(this.id(slot), about);
    this.drop(slot);
  }

  /** Keeps what was said of a lease that has expired. */
  addLate(leaseId: string, about: About): void {
    if (this.#late.size >= LATE_MAX) this.#late.delete(this.#late.keys().next().value!);
    this.#late.set(leaseId, about);
  }

  /** The lease that holds an idempotency key. */
  claim(key: string): LeaseRef | undefined {
    const slot = this.#slotOfKey.get(key);
    return slot === undefined ? undefined : { slot, generation: this.generations[slot]! };
  }

  /** All rows that are filled. */
  entries(): LeaseRow[] {
    const rows: LeaseRow[] = [];
    for (const [slot, actorId] of this.actors.entries()) {
      if (actorId === '') continue;
      const key = this.#keyOfSlot.get(slot) ?? null;
      const row = [slot, this.generations[slot]!, actorId, this.actions[slot]!, key] as const;
      const about = this.about(slot);
      if (about === undefined) rows.push(row);
      else rows.push([...row, rowOf(about)]);
    }
    return rows;
  }

  /** Of leases that have expired, the oldest first. */
  get late(): LateRow[] {
    return [...this.#late].map(([leaseId, about]) => [leaseId, rowOf(about)]);
  }
}

function rowOf({ name, promptTokens, outputTokens, images, shrunk }: About): AboutRow {
  return [name, promptTokens, outputTokens, images, shrunk];
}

/** All digits of a generation but the last. */
function highOf(generation: number): number {
  return (generation / RADIX) | 0;
}

/** The number written in `text` from `start` to `end`; -1 unless it is what `toString(36)` writes of a 32-bit number. */
function readBase36(text: string, start: number, end: number): number {
  if (end === start || end - start > 7 || (text.charCodeAt(start) === ZERO && end - start > 1)) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const unit = text.charCodeAt(i);
    let digit = -1;
    if (unit >= ZERO && unit <= NINE) digit = unit - ZERO;
    else if (unit >= LETTER_A && unit <= LETTER_Z) digit = unit - LETTER_A + 10;
    if (digit < 0) return -1;
    value = value * RADIX + digit;
  }
  return value > U32_MAX ? -1 : value;
}

/**
 * A token bucket as providers run it: full at the start, refilled continuously, never above its capacity. Its level may
 * fall below zero when a call used more than it was charged for at its admission. Instants are ms.
 */
export class Bucket {
  /** Most that can be taken at once. */
  readonly capacity: number;
  readonly #perMs: number;
  #level: number;
  #at: number;

  /** @param perMs how much is refilled in a millisecond */
  constructor(capacity: number, perMs: number, now: number) {
    this.capacity = capacity;
    this.#perMs = perMs;
    this.#level = capacity;
    this.#at = now;
  }

  /** What could be taken now. */
  level(now: number): number {
    if (now > this.#at) {
      this.#level = Math.min(this.capacity, this.#level + (now - this.#at) * this.#perMs);
      this.#at = now;
    }
    return this.#level;
  }

  /** Takes `amount`; a negative one gives back. What is given back above the capacity is lost. */
  take(now: number, amount: number): void {
    this.#level = Math.min(this.capacity, this.level(now) - amount);
  }

  /** Time in ms until `amount` can be taken; Infinity if it never can. */
  wait(now: number, amount: number): number {
    if (amount > this.capacity) return Infinity;
    return Math.max(0, amount - this.level(now)) / this.#perMs;
  }

  /** Time in ms until it is full again: what `x-ratelimit-reset-*` means. */
  untilFull(now: number): number {
    return this.wait(now, this.capacity);
  }
}

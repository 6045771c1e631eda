/**
 * Part of the yardstick: an exact rolling window over two metrics. A ring with one entry a distinct instant and running
 * sums; adding, settling and sliding are O(1), amortized over the entries that leave.
 */
const FIRST_CAPACITY = 1024;

export class RollingWindow {
  requests = 0;
  tokens = 0;
  readonly #windowMs: number;
  #at = new Float64Array(FIRST_CAPACITY);
  #requestsAt = new Float64Array(FIRST_CAPACITY);
  #tokensAt = new Float64Array(FIRST_CAPACITY);
  /** Entries are numbered for ever; `number & (capacity - 1)` is the place. */
  #head = 0;
  #tail = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Forgets what is older than the window. */
  slide(now: number): void {
    const mask = this.#at.length - 1;
    const oldest = now - this.#windowMs;
    while (this.#head < this.#tail) {
      const place = this.#head & mask;
      if ((this.#at[place] as number) > oldest) return;
      this.requests -= this.#requestsAt[place] as number;
      this.tokens -= this.#tokensAt[place] as number;
      this.#head += 1;
    }
  }

  /** Counts one request and returns its entry, for `settle`. */
  add(now: number, tokens: number): number {
    this.requests += 1;
    this.tokens += tokens;
    const last = this.#tail - 1;
    const mask = this.#at.length - 1;
    if (last >= this.#head && this.#at[last & mask] === now) {
      this.#requestsAt[last & mask] = (this.#requestsAt[last & mask] as number) + 1;
      this.#tokensAt[last & mask] = (this.#tokensAt[last & mask] as number) + tokens;
      return last;
    }
    if (this.#tail - this.#head === this.#at.length) this.#grow();
    const place = this.#tail & (this.#at.length - 1);
    this.#at[place] = now;
    this.#requestsAt[place] = 1;
    this.#tokensAt[place] = tokens;
    return this.#tail++;
  }

  /** Corrects the tokens of an entry; nothing to do once it has left the window. */
  settle(entry: number, change: number): void {
    if (entry < this.#head) return;
    const place = entry & (this.#at.length - 1);
    this.#tokensAt[place] = (this.#tokensAt[place] as number) + change;
    this.tokens += change;
  }

  /** When the oldest entry leaves. */
  nextChange(): number {
    return (this.#at[this.#head & (this.#at.length - 1)] as number) + this.#windowMs;
  }

  #grow(): void {
    const old = { at: this.#at, requests: this.#requestsAt, tokens: this.#tokensAt };
    const capacity = old.at.length * 2;
    this.#at = new Float64Array(capacity);
    this.#requestsAt = new Float64Array(capacity);
    this.#tokensAt = new Float64Array(capacity);
    for (let entry = this.#head; entry < this.#tail; entry++) {
      const from = entry & (old.at.length - 1);
      const to = entry & (capacity - 1);
      this.#at[to] = old.at[from] as number;
      this.#requestsAt[to] = old.requests[from] as number;
      this.#tokensAt[to] = old.tokens[from] as number;
    }
  }
}

/**
 * Limits by their places, which are the core's numbers for them: those of `rate` come first, then those that are listed, by
 * users, by models and by providers. What they count now, in the units that people see.
 */
import { Gauge, type CoreDiagnosis } from './binding.ts';
import type { Counting } from './counting.ts';
import type { NamedLimit, ReadLimit } from './limits.ts';
import type { Diagnosis, GovernorSnapshot } from './types.ts';

/** Reads a `Gauge` at an instant. */
export type ReadGauge = (now: number, which: number) => number;

type LimitNow = NonNullable<GovernorSnapshot['limits']>[number];

export class Places {
  readonly #gauge: ReadGauge;
  #counting: Counting;
  #rates: readonly NamedLimit[] = [];

  constructor(gauge: ReadGauge, counting: Counting) {
    this.#gauge = gauge;
    this.#counting = counting;
  }

  /** The core has this configuration now. */
  configured(counting: Counting): void {
    this.#counting = counting;
    const rates = { requests: Gauge.RateLimit, tokens: Gauge.TokenRateLimit };
    this.#rates = Object.entries(rates)
      .filter(([, which]) => this.#gauge(0, which) !== Infinity)
      .map(([name]) => ({ name, metric: name }));
  }

  /** The limit at a place; undefined: none. */
  at(place: number): NamedLimit | undefined {
    // An array is slow to answer for a place before its first.
    if (place < 0) return undefined;
    return place < this.#rates.length ? this.#rates[place] : this.listed(place)?.known;
  }

  /** The same, for those that are listed. */
  listed(place: number): ReadLimit | undefined {
    return this.#counting.placed.limits[place - this.#rates.length];
  }

  /** The place of one of the limits that are listed. */
  ofListed(index: number): number {
    return this.#rates.length + index;
  }

  /** By place. */
  get all(): NamedLimit[] {
    return [...this.#rates, ...this.#counting.placed.limits.map(({ known }) => known)];
  }

  /** What limits count that count all calls together, or follow a provider. */
  allNow(now: number): LimitNow[] {
    return this.all.map((_, place) => this.now(place, now)).filter(({ used }) => used === used);
  }

  /** What one of them counts; NaN: it counts by keys. */
  now(place: number, now: number): LimitNow {
    const { name, metric, hidden } = this.at(place)!;
    const unit = unitOf({ name, metric });
    const pair = (first: number): number[] => [0, 1].map((which) => this.#gauge(now, first + 2 * place + which) / unit);
    const [used = NaN, limit = NaN] = pair(Gauge.Limits);
    if (hidden !== true) return { name, metric, used, limit };
    const [low = NaN, high = NaN] = pair(Gauge.Bounds);
    const bounds: [number, number] = low === low ? [low, unbounded(high)] : [0, unbounded(limit)];
    return { name, metric, used, limit: unbounded(limit), bounds };
  }

  /** What the core said of limits that count a call, for people. */
  diagnosed(limits: CoreDiagnosis['limits']): Diagnosis['limits'] {
    const placed = [...limits].sort((a, b) => a.place - b.place);
    return placed.map(({ place, freeAt, windowMs, ...numbers }) => {
      const { name, metric } = this.at(place)!;
      const known = this.listed(place)?.known;
      const key = known && this.#counting.keyOfCall(known);
      const window = windowMs ?? known!.period!.unit;
      const row = { name, metric, window, ...(key && { key }), ...numbers, retryAt: freeAt };
      return known?.hidden === true ? { ...row, limit: unbounded(row.limit) } : row;
    });
  }
}

/** Of a hidden limit: as much as the core can count is what nobody knows. */
export function unbounded(amount: number): number {
  return amount < Number.MAX_SAFE_INTEGER ? amount : Infinity;
}

/** The core counts money in millionths. */
export function unitOf(limit: NamedLimit | undefined): number {
  return limit?.metric === 'costUsd' ? 1e6 : 1;
}

/** What runs are judged by. */

/**
 * The value below which a part of the values lies, linear between neighbours; NaN of none.
 *
 * @param sorted in ascending order
 * @param part 0 to 1
 */
export function quantile(sorted: readonly number[], part: number): number {
  const position = part * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? NaN;
  const above = sorted[Math.ceil(position)] ?? NaN;
  return below + (above - below) * (position - Math.floor(position));
}

/**
 * Jain's index of fairness: 1 where all get the same part, 1/n where one of n gets everything.
 * Source: Jain, Chiu, Hawe 1984.
 */
export function jainIndex(parts: readonly number[]): number {
  const sum = parts.reduce((a, b) => a + b, 0);
  const squares = parts.reduce((a, b) => a + b * b, 0);
  return squares === 0 ? NaN : (sum * sum) / (parts.length * squares);
}

/** What somebody would use of a capacity, and its claim to it. */
export interface Demand {
  readonly demand: number;
  /** Above 0. */
  readonly share: number;
}

/**
 * The max-min fair division of a capacity: nobody gets more than it demands, and whoever gets less than that has as much for
 * each unit of its share as anybody. Source: Bertsekas and Gallager, Data Networks, 6.5.2 ("filling").
 *
 * @example
 * maxMinFair(10, [{ demand: 2, share: 1 }, { demand: 20, share: 1 }, { demand: 20, share: 3 }]); // [2, 2, 6]
 */
export function maxMinFair(capacity: number, demands: readonly Demand[]): number[] {
  const parts = demands.map(() => 0);
  // Those who need least for their share are satisfied first; the others divide what is left.
  const order = demands
    .map(({ demand, share }, index) => ({ demand, share, index, need: demand / share }))
    .sort((a, b) => a.need - b.need || a.index - b.index);
  let left = capacity;
  let shares = demands.reduce((sum, { share }) => sum + share, 0);
  for (const { demand, share, index } of order) {
    const part = Math.min(demand, (left * share) / shares);
    parts[index] = part;
    left -= part;
    shares -= share;
  }
  return parts;
}

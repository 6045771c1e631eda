/** What is played of hidden limits, and what the governor has to reach: medians over the seeds. */
import type { Verdict } from '../targets.ts';
import type { Found, Place } from './play.ts';
import { WAYS, type HiddenLimit } from './provider.ts';

export interface Result {
  readonly place: Place;
  /** One entry a seed. */
  readonly runs: readonly Found[];
}

export const WAY_NAMES: readonly string[] = Object.keys(WAYS);
/** A refusal takes 50 ms, as elsewhere; at once with many calls a second it matters how long it takes. */
export const LIMITS: readonly Omit<HiddenLimit, 'way'>[] = [
  { metric: 'requests', perMinute: 60, refusalMs: 50 },
  { metric: 'requests', perMinute: 400, refusalMs: 50 },
  { metric: 'requests', perMinute: 3000, refusalMs: 50 },
  { metric: 'requests', perMinute: 3000, refusalMs: 250 },
  { metric: 'tokens', perMinute: 100_000, refusalMs: 50 },
  { metric: 'tokens', perMinute: 1_000_000, refusalMs: 50 },
];
export const LOADS: readonly number[] = [1.5, 3];

const MOST = { error: 0.05, refused: 10 };

export const sorted = (runs: readonly Found[], figure: keyof Found): number[] =>
  runs.map((run) => run[figure]).sort((a, b) => a - b);
export const median = (values: readonly number[]): number => values[values.length >> 1] ?? NaN;

export const nameOf = ({ hidden: { metric, perMinute, refusalMs, way } }: Place): string =>
  `${perMinute} ${metric}, ${way}${refusalMs === 50 ? '' : `, refuses in ${refusalMs} ms`}`;

export function judge(results: readonly Result[]): Verdict[] {
  return results.flatMap(({ place, runs }) => {
    const error = median(runs.map((run) => Math.abs(run.error)).sort((a, b) => a - b));
    const [refused, knowing] = [median(sorted(runs, 'refused')), median(sorted(runs, 'knowing'))];
    const where = `${nameOf(place)} at ${place.load}`;
    return [
      { target: `${where}: known within ${100 * MOST.error} % in two minutes`, holds: error <= MOST.error, found: `${(100 * error).toFixed(1)} %` },
      { target: `${where}: at most ${MOST.refused} refusals after the first`, holds: refused <= MOST.refused, found: `${refused}` },
      { target: `${where}: at most ${MOST.refused} of calls that were sent when the first was known`, holds: knowing <= MOST.refused, found: `${knowing}` },
    ];
  }); // prettier-ignore
}

/**
 * What the governor has to reach. Judged by medians over the seeds; what must never happen, in every run. On terms other than a
 * scenario's own, what virtual counters do not reach either is out of reach: they know in advance how long calls take.
 */
import type { CellResult } from './cell.ts';
import type { Figures } from './figures.ts';
import { nameOf } from './report.ts';
import { GOVERNOR, VIRTUAL_COUNTERS } from './schedulers/index.ts';

export interface Verdict {
  readonly target: string;
  readonly holds: boolean;
  readonly found: string;
  /** What virtual counters come to, where they miss it too; undefined where the target can be reached. */
  readonly outOfReach?: string | undefined;
}

/** What counts as missed. */
export const missed = ({ holds, outOfReach }: Verdict): boolean => !holds && outOfReach === undefined;

interface Bound {
  readonly figure: keyof Figures;
  readonly of: 'median' | 'high';
  readonly least?: number;
  readonly most?: number;
}

const JAIN: Bound = { figure: 'jain', of: 'median', least: 0.99 };
const USED: Bound = { figure: 'used', of: 'median', least: 0.95 };
const MAKESPAN: Bound = { figure: 'makespan', of: 'median', most: 1.02 };
/** In every run of every scenario. */
const NEVER: readonly Bound[] = [
  { figure: 'inversions', of: 'high', most: 0 },
  { figure: 'late', of: 'high', most: 0 },
  { figure: 'overdue', of: 'high', most: 1 },
];
/** Of those who wait in the queue: the hog of F3 polls by definition. */
const POLLS: Bound = { figure: 'polls', of: 'high', most: 0 };

const BOUNDS: Readonly<Record<string, readonly Bound[]>> = {
  W1: [MAKESPAN, POLLS],
  W6: [MAKESPAN, POLLS],
  ...Object.fromEntries(['F1', 'F2', 'F3', 'F4', 'F5', 'F6'].map((name) => [name, [JAIN, USED]])),
};

/** Part of the slots in use where actors compete. */
const CONTENDED = 0.99;
/** A hog that wants more must not make the others wait longer. */
const HOG = { modest: 'H2', greedy: 'H100', most: 1.1 };

/** What the results say of each target that they are about. */
export function judge(results: readonly CellResult[]): Verdict[] {
  const own = results.filter(({ contender }) => contender === GOVERNOR.name);
  return [
    ...own.flatMap((result) => {
      const bounds = [...NEVER, ...(BOUNDS[result.scenario] ?? [])];
      const ideal = result.base ? undefined : like(results, result, VIRTUAL_COUNTERS.name);
      return bounds.map((bound) => verdict(result, bound, ideal));
    }),
    ...own.filter(({ scenario }) => scenario === HOG.greedy).flatMap((greedy) => hog(own, greedy)),
  ];
}

/** The result of another scheduler in the same scenario and on the same terms. */
function like(
  results: readonly CellResult[],
  { scenario, terms }: Pick<CellResult, 'scenario' | 'terms'>,
  contender: string,
): CellResult | undefined {
  return results.find(
    (result) =>
      result.scenario === scenario &&
      result.contender === contender &&
      result.terms.slots === terms.slots &&
      result.terms.serviceMs === terms.serviceMs,
  );
}

function verdict(result: CellResult, { figure, of, least, most }: Bound, ideal: CellResult | undefined): Verdict {
  const reaches = ({ summary }: CellResult): boolean =>
    summary[figure][of] >= (least ?? -Infinity) && summary[figure][of] <= (most ?? Infinity);
  const found = ({ summary }: CellResult): string => summary[figure][of].toFixed(3);
  const holds = reaches(result);
  return {
    target: `${nameOf(result)}: ${figure} ${least === undefined ? `at most ${most}` : `at least ${least}`}`,
    holds,
    found: found(result),
    outOfReach: holds || ideal === undefined || reaches(ideal) ? undefined : found(ideal),
  };
}

function hog(own: readonly CellResult[], greedy: CellResult): Verdict[] {
  const modest = like(own, { scenario: HOG.modest, terms: greedy.terms }, GOVERNOR.name);
  // With slots to spare, who wants more takes them from nobody.
  if (modest === undefined || modest.summary.used.median < CONTENDED) return [];
  const ratio = greedy.summary.p95.median / modest.summary.p95.median;
  return [
    {
      target: `${nameOf(greedy)}: p95 wait of the light actors at most ${HOG.most} times that of ${HOG.modest}`,
      holds: ratio <= HOG.most,
      found: ratio.toFixed(3),
    },
  ];
}

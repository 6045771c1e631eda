/** What the governor has to reach. Judged by medians over the seeds; what must never happen, in every run. */
import { nameOf } from './report.ts';
import type { CellResult } from './cell.ts';
import type { Figures } from './figures.ts';
import { GOVERNOR } from './schedulers/index.ts';

export interface Verdict {
  readonly target: string;
  readonly holds: boolean;
  readonly found: string;
}

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
  ...Object.fromEntries(['F1', 'F2', 'F3', 'F4', 'F5', 'F6'].map((name) => [name, [JAIN, USED]])),
};

/** A hog that wants more must not make the others wait longer. */
const HOG = { modest: 'H2', greedy: 'H100', most: 1.1 };

/** What the results say of each target that they are about. */
export function judge(results: readonly CellResult[]): Verdict[] {
  const own = results.filter(({ contender }) => contender === GOVERNOR.name);
  return [
    ...own.flatMap((result) => [...NEVER, ...(BOUNDS[result.scenario] ?? [])].map((bound) => verdict(result, bound))),
    ...own.filter(({ scenario }) => scenario === HOG.greedy).flatMap((greedy) => hog(own, greedy)),
  ];
}

function verdict(result: CellResult, { figure, of, least = -Infinity, most = Infinity }: Bound): Verdict {
  const value = result.summary[figure][of];
  const bound = least > -Infinity ? `at least ${least}` : `at most ${most}`;
  return {
    target: `${nameOf(result)}: ${figure} ${bound}`,
    holds: value >= least && value <= most,
    found: value.toFixed(3),
  };
}

function hog(own: readonly CellResult[], greedy: CellResult): Verdict[] {
  const { slots, serviceMs } = greedy.terms;
  const modest = own.find(
    ({ scenario, terms }) => scenario === HOG.modest && terms.slots === slots && terms.serviceMs === serviceMs,
  );
  if (modest === undefined) return [];
  const ratio = greedy.summary.p95.median / modest.summary.p95.median;
  return [
    {
      target: `${nameOf(greedy)}: p95 wait of the light actors at most ${HOG.most} times that of ${HOG.modest}`,
      holds: ratio <= HOG.most,
      found: ratio.toFixed(3),
    },
  ];
}

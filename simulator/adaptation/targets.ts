/**
 * What the controller has to reach, of seeds that nobody has looked at while it was made. Parts of the oracle are bounded in the
 * median and in every run, everything else in the median.
 */
import { median, sorted, type CellResult } from './cell.ts';
import type { Verdict } from '../targets.ts';
import type { Figures } from './figures.ts';
import { PROVIDERS } from './scenario.ts';
import { placeOf } from './table.ts';
import { GOVERNOR } from './contenders.ts';
import { BASE, VARIANTS } from './terms.ts';

interface Bounds {
  /** Part of the oracle: the median, and every run. */
  readonly part: number;
  readonly every?: number;
  /** Upper bounds of medians. */
  readonly most?: Partial<Record<keyof Figures, number>>;
}

/** A kind of provider and the variants that have bounds of their own. */
interface Row {
  readonly scenarios: (name: string) => boolean;
  readonly variants: (variant: string) => boolean;
  readonly bounds: (serviceS: number) => Bounds;
}

const is = (...names: string[]) => (name: string): boolean => names.includes(name); // prettier-ignore
const starts =
  (text: string) =>
  (name: string): boolean =>
    name.startsWith(text);
const any = (): boolean => true;
const fixed = (bounds: Bounds) => (): Bounds => bounds;

/** The first row that fits counts. Times in s. */
const ROWS: readonly Row[] = [
  { scenarios: is('fifo', 'ps', 'ps-heavy'), variants: is(''), bounds: fixed({ part: 0.95, every: 0.93, most: { drop: 15, back: 10 } }) },
  { scenarios: is('fifo-heavy'), variants: is(''), bounds: fixed({ part: 0.93, every: 0.9, most: { drop: 15, back: 10 } }) },
  { scenarios: is('hard-429'), variants: is(''), bounds: fixed({ part: 0.95, every: 0.94, most: { refused: 0.025, drop: 5, back: 10 } }) },
  { scenarios: is('rpm-429'), variants: is(''), bounds: fixed({ part: 0.9, every: 0.85, most: { refused: 0.05, drop: 15, back: 10 } }) },
  { scenarios: is('hard-429'), variants: starts('C 8'), bounds: fixed({ part: 0.92, most: { refused: 0.05, drop: 25, back: 20 } }) },
  { scenarios: is('rpm-429'), variants: starts('C 8'), bounds: fixed({ part: 0.8, most: { refused: 0.05, drop: 40, back: 50 } }) },
  { scenarios: any, variants: starts('C 8'), bounds: fixed({ part: 0.9, most: { drop: 25, back: 20 } }) },
  { scenarios: any, variants: starts('C 200'), bounds: fixed({ part: 0.94, every: 0.9, most: { refused: 0.03, drop: 30, back: 10 } }) },
  { scenarios: is('rpm-429'), variants: is('drop 10x'), bounds: fixed({ part: 0.85, most: { refused: 0.05, drop: 45, back: 30 } }) },
  { scenarios: any, variants: is('drop 10x'), bounds: fixed({ part: 0.91, most: { refused: 0.05, drop: 30, back: 15 } }) },
  { scenarios: is('rpm-429'), variants: is('8 s'), bounds: fixed({ part: 0.88, most: { refused: 0.05, drop: 80, back: 80 } }) },
  { scenarios: any, variants: is('8 s'), bounds: fixed({ part: 0.93, most: { refused: 0.05, drop: 80, back: 80 } }) },
  { scenarios: is('saturated'), variants: any, bounds: fixed({ part: 0.99, most: { ceiling: 20 } }) },
  { scenarios: is('outage', 'hang'), variants: any, bounds: fixed({ part: 0.95, most: { sent: 60, sentPart: 0.03, first: 5, burst: 1.2 } }) },
  { scenarios: is('quiet'), variants: any, bounds: fixed({ part: 0.95, most: { back: 5 } }) },
  { scenarios: is('drift', 'drift-tokens'), variants: any, bounds: fixed({ part: 0.95 }) },
  { scenarios: (name) => name.endsWith('clients'), variants: any, bounds: fixed({ part: 0.9, most: { refused: 0.05 } }) },
  { scenarios: is('rpm-429'), variants: any, bounds: mixed(0.86) },
  { scenarios: any, variants: any, bounds: mixed(0.93, 0.87) },
]; // prettier-ignore

/** Mixes, and whatever has no bounds of its own. */
function mixed(part: number, every?: number): Row['bounds'] {
  return (serviceS) => ({
    part,
    ...(every === undefined ? {} : { every }),
    most: { refused: 0.05, drop: Math.max(20, 18 * serviceS), back: Math.max(10, 6 * serviceS) },
  });
}

/** Of several clients: Jain's index. */
const JAIN = 0.95;
/** What a known controller may be ahead. */
const BEHIND = 0.02;

const shown = (value: number): string => value.toFixed(Math.abs(value) < 2 ? 3 : 1);

/** What the results say of each target that they are about. */
export function judge(results: readonly CellResult[]): Verdict[] {
  const own = results.filter(({ contender }) => contender === GOVERNOR.name);
  return own.flatMap((result) => [...bounded(result), ...besides(result, results)]);
}

function bounded(result: CellResult): Verdict[] {
  const { scenario, variant } = result;
  const row = ROWS.find(({ scenarios, variants }) => scenarios(scenario) && variants(variant))!;
  const { serviceMs } = { ...BASE, ...VARIANTS[variant] };
  const { part, every, most = {} } = row.bounds(serviceMs / 1000);
  const verdict = (what: string, value: number, bound: number, atLeast: boolean): Verdict => ({
    target: `${placeOf(result)}: ${what} ${atLeast ? 'at least' : 'at most'} ${bound}`,
    holds: atLeast ? value >= bound : value <= bound,
    found: shown(value),
  });
  const parts = sorted(result, 'part');
  const jain = sorted(result, 'jain');
  return [
    verdict('part of the oracle', median(parts), part, true),
    ...(every === undefined ? [] : [verdict('part of the oracle in every run', parts[0]!, every, true)]),
    ...Object.entries(most)
      .map(([figure, bound]) => ({ figure, bound, value: median(sorted(result, figure as keyof Figures)) }))
      .filter(({ value }) => !Number.isNaN(value))
      .map(({ figure, bound, value }) => verdict(WORDS[figure as keyof Figures], value, bound, false)),
    ...(Number.isNaN(jain[0]) ? [] : [verdict(WORDS.jain, median(jain), JAIN, true)]),
  ];
}

/** On every provider no known controller is ahead. In an outage whoever ignores it is, at the provider's cost. */
function besides(result: CellResult, results: readonly CellResult[]): Verdict[] {
  const { scenario, load, variant } = result;
  if (variant !== '' || !PROVIDERS.some(({ name }) => name === scenario)) return [];
  const others = results.filter(
    (other) => other.contender !== GOVERNOR.name && other.scenario === scenario && other.load === load && other.variant === '',
  ); // prettier-ignore
  const parts = others.map((other) => ({ name: other.contender, part: median(sorted(other, 'part')) }));
  const best = parts.reduce((a, b) => (b.part > a.part ? b : a), { name: 'none', part: 0 });
  const own = median(sorted(result, 'part'));
  const target = `${placeOf(result)}: at most ${BEHIND} behind the best known controller`;
  return [{ target, holds: own >= best.part - BEHIND, found: `${shown(own)}, ${best.name} ${shown(best.part)}` }];
}

const WORDS: Readonly<Record<keyof Figures, string>> = {
  part: 'part of the oracle',
  refused: 'part refused',
  drop: 'seconds to converge after the drop',
  back: 'seconds to converge after the return',
  sent: 'calls sent in the outage',
  sentPart: 'part of the offered calls sent in the outage',
  first: 'seconds from the end of the outage to the first answer',
  burst: 'busiest second after the outage over the busiest before',
  jain: 'Jain’s index of the clients',
  ceiling: 'seconds until the limit is the ceiling',
};

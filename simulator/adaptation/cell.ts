/** One scenario on its terms at a load with one contender, played with several seeds. */
import type { CreateGovernor } from '../native.ts';
import { governorOf, type Contender } from './contenders.ts';
import { figures, type Figures } from './figures.ts';
import type { Measured } from './meter.ts';
import { run, runOracle, total } from './run.ts';
import type { Scenario, Setting } from './scenario.ts';
import { BASE, VARIANTS } from './terms.ts';

/** What is played: a scenario at a load, on its own terms ('') or those of a variant. */
export interface Place {
  readonly scenario: Scenario;
  readonly load: number;
  readonly variant: string;
}

export interface CellResult {
  readonly scenario: string;
  readonly load: number;
  readonly variant: string;
  readonly contender: string;
  /** One entry a seed. */
  readonly runs: readonly Figures[];
}

export const settingOf = ({ scenario, load, variant }: Place): Setting =>
  scenario.set({ ...BASE, ...VARIANTS[variant] }, load);

/** All contenders at a place. The oracle is played once. */
export async function playAt(
  place: Place,
  contenders: readonly Contender[],
  seeds: readonly number[],
): Promise<CellResult[]> {
  const setting = settingOf(place);
  const oracles: Measured[] = [];
  for (const seed of seeds) oracles.push(await runOracle(setting, seed));
  const results: CellResult[] = [];
  for (const contender of contenders) {
    const runs: Figures[] = [];
    for (const [index, seed] of seeds.entries()) {
      runs.push(figures(await run(setting, seed, contender), oracles[index]!, setting));
    }
    const { scenario: { name: scenario }, load, variant } = place; // prettier-ignore
    results.push({ scenario, load, variant, contender: contender.name, runs });
  }
  return results;
}

/** What a run comes to with governors of one build: the same for each of them. */
export const playWith =
  (place: Place, seed: number) =>
  async (create: CreateGovernor): Promise<Record<string, number>> => {
    const { seconds, limits } = await run(settingOf(place), seed, governorOf(create));
    return Object.fromEntries(Object.entries({ ...seconds, limits }).map(([name, list]) => [name, total(list, 0)]));
  };

/** A figure of all seeds, in ascending order. */
export const sorted = ({ runs }: CellResult, figure: keyof Figures): number[] =>
  runs.map((one) => one[figure]).sort((a, b) => a - b);

export const median = (values: readonly number[]): number => values[values.length >> 1] ?? NaN;

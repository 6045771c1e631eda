/** One scenario on its terms with one scheduler, played with several seeds. */
import { simulate } from 'throttleai/testing';
import { figures, summary, type Figures, type Summary } from './figures.ts';
import type { Scenario, Terms } from './scenarios/scenario.ts';
import type { CreateGovernor } from './native.ts';
import type { Contender } from './schedulers/contender.ts';
import { governorOf } from './schedulers/index.ts';

export interface Cell {
  readonly scenario: Scenario;
  readonly terms: Terms;
  readonly contender: Contender;
}

export interface CellResult {
  readonly scenario: string;
  readonly about: string;
  readonly terms: Terms;
  /** Whether the terms are those of the scenario, not a variant. */
  readonly base: boolean;
  readonly contender: string;
  readonly seeds: readonly number[];
  readonly summary: Summary;
  /** Commands of the first seed's run that the native core answered as the one in wasm; undefined where none was asked. */
  readonly commands?: number | undefined;
}

export async function play({ scenario, terms, contender }: Cell, seeds: readonly number[]): Promise<CellResult> {
  const make = await contender.load();
  const setting = scenario.set(terms);
  const { share, config } = setting;
  const { whenDenied } = contender;
  const actors = setting.simulation.actors.map((actor) =>
    whenDenied === undefined ? actor : { ...actor, whenDenied },
  );
  const runs: Figures[] = [];
  for (const seed of seeds) {
    const result = await simulate({
      ...setting.simulation,
      actors,
      seed,
      scheduler: (surroundings) => make(surroundings, { slots: terms.slots, share, config }),
    });
    runs.push(figures(result, setting, terms));
  }
  return {
    scenario: scenario.name,
    about: scenario.about,
    terms,
    base: terms.slots === scenario.terms.slots && terms.serviceMs === scenario.terms.serviceMs,
    contender: contender.name,
    seeds,
    summary: summary(runs),
  };
}

/** What a run of the cell comes to with governors of one build: the same for each of them. */
export const playWith =
  (cell: Cell, seed: number) =>
  async (create: CreateGovernor): Promise<Summary> =>
    (await play({ ...cell, contender: governorOf(create) }, [seed])).summary;

/** Terms that nobody has tuned for, beside a scenario's own. */
export function variantsOf({ terms }: Scenario): Terms[] {
  const { slots, serviceMs } = terms;
  const others = [8, 40].map((count): Terms => ({ slots: count, serviceMs }));
  return [...others, ...[300, 8000].map((ms): Terms => ({ slots, serviceMs: ms }))];
}

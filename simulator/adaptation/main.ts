/**
 * `npm run sim -- adaptation [--scenario fifo,ps] [--variant 'C 8'] [--base] [--seeds N] [--first SEED] [--wasm] [--check] [--write] [--keep FILE]`
 *
 * Without options: every controller on every provider; the governor and the serious ones in outages, drift and silence, of several
 * clients, and on variants.
 * `--keep` writes results into a file, place by place, and does not play again what it has: a run that was stopped goes on.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { prepareNative } from '../native.ts';
import { playAt, playWith, type CellResult, type Place } from './cell.ts';
import { GOVERNOR, OTHERS, type Contender } from './contenders.ts';
import { writeDocuments } from './document.ts';
import { loadsOf, PROVIDERS, SHARED, SPECIAL, type Scenario } from './scenario.ts';
import { longTable } from './table.ts';
import { judge } from './targets.ts';
import { VARIANTS } from './terms.ts';

/** Nothing was chosen by these. */
const FIRST_SEED = 91_001;
/** Elsewhere these are played beside the governor: the best known on some provider, and what happens without any. */
const SERIOUS = ['fixed', 'AIMD', 'Gradient2', 'cubic rate'];

export async function adaptation(args: readonly string[]): Promise<void> {
  const { values: options } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string' },
      variant: { type: 'string' },
      base: { type: 'boolean', default: false },
      seeds: { type: 'string', default: '5' },
      first: { type: 'string', default: `${FIRST_SEED}` },
      wasm: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      keep: { type: 'string' },
    },
  });
  const seeds = Array.from({ length: Number(options.seeds) }, (_, index) => Number(options.first) + index);
  const wanted = options.scenario?.split(',');
  const chosen = placesOf(options.base).filter(
    ({ scenario, variant }) =>
      (wanted?.includes(scenario.name) ?? true) && (options.variant === undefined || options.variant === variant),
  );
  if (chosen.length === 0) throw new Error('no such scenario or variant');
  if (options.write && (options.scenario ?? options.variant) !== undefined)
    throw new Error('--write takes a run of everything');
  const results = await playAll(chosen, seeds, options.keep);
  if (!options.wasm) await compareNatively(seeds[0]!);
  const verdicts = judge(results);
  for (const { target, found } of verdicts.filter(({ holds }) => !holds))
    console.log(`missed: ${target}, found ${found}`);
  console.log(`${verdicts.filter(({ holds }) => holds).length} of ${verdicts.length} targets hold`);
  if (options.write) await writeDocuments(results, verdicts, seeds);
  if (options.check && verdicts.some(({ holds }) => !holds)) process.exitCode = 1;
}

function placesOf(base: boolean): Place[] {
  const at = (variant: string) => (scenario: Scenario): Place[] =>
    loadsOf(scenario).map((load) => ({ scenario, load, variant })); // prettier-ignore
  return [
    ...[...PROVIDERS, ...SPECIAL, ...SHARED].flatMap(at('')),
    ...(base ? [] : Object.keys(VARIANTS).flatMap((variant) => PROVIDERS.flatMap(at(variant)))),
  ];
}

function contendersOf({ scenario, variant }: Place): Contender[] {
  const all = variant === '' && PROVIDERS.includes(scenario);
  return [GOVERNOR, ...OTHERS.filter(({ name }) => all || SERIOUS.includes(name))];
}

/** What a run that was broken off had played. */
interface Kept {
  readonly seeds: readonly number[];
  readonly results: readonly CellResult[];
}

/** JSON has no NaN. */
const saved = (kept: Kept): string =>
  JSON.stringify(kept, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? `${value}` : value,
  );
const restored = (text: string): Kept =>
  JSON.parse(text, (key, value: unknown) => (key !== 'variant' && (value === 'NaN' || value === 'Infinity') ? Number(value) : value)) as Kept; // prettier-ignore

function keptIn(file: string | undefined, seeds: readonly number[]): readonly CellResult[] {
  if (file === undefined || !existsSync(file)) return [];
  const kept = restored(readFileSync(file, 'utf8'));
  if (`${kept.seeds}` !== `${seeds}`) throw new Error(`${file} keeps seeds ${kept.seeds}, not ${seeds}`);
  return kept.results;
}

async function playAll(
  places: readonly Place[],
  seeds: readonly number[],
  file: string | undefined,
): Promise<CellResult[]> {
  const kept = keptIn(file, seeds);
  const results: CellResult[] = [];
  console.log(`${places.length} places, seeds ${seeds[0]} to ${seeds.at(-1)}, virtual time`);
  for (const place of places) {
    const { scenario: { name }, load, variant } = place; // prettier-ignore
    const had = kept.filter((one) => one.scenario === name && one.load === load && one.variant === variant);
    const played = had.length > 0 ? had : await playAt(place, contendersOf(place), seeds);
    console.log(`${variant}\n${longTable(played, HEADS)}`);
    results.push(...played);
    if (file !== undefined && had.length === 0) writeFileSync(file, saved({ seeds, results: [...kept, ...results.filter((one) => !kept.includes(one))] })); // prettier-ignore
  }
  return results;
}

const HEADS = ['part', 'refused %', 'Jain', 'sent in the outage', 'part of the offered %', 'first answer s', 'busiest second', 'back s', 'ceiling s']; // prettier-ignore

async function compareNatively(seed: number): Promise<void> {
  const natively = await prepareNative();
  for (const scenario of [...PROVIDERS, ...SPECIAL.filter(({ name }) => ['hang', 'drift-tokens'].includes(name))]) {
    const commands = await natively(scenario.name, playWith({ scenario, load: 1.5, variant: '' }, seed));
    console.log(`${scenario.name}: ${commands} commands are answered natively as in wasm`);
  }
}

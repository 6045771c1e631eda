/** `npm run sim -- hidden [--seeds N] [--wasm] [--check] [--write]`: limits that a provider enforces without telling. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { between, table } from '../../bench/markdown.ts';
import { prepareNative } from '../native.ts';
import type { Verdict } from '../targets.ts';
import { BESIDE, HIDDEN, type Contender } from './contenders.ts';
import { play, playWith, type Found, type Place } from './play.ts';
import { judge, LIMITS, LOADS, median, nameOf, sorted, WAY_NAMES, type Result } from './targets.ts';

const FIRST_SEED = 71_001;
const DOCUMENT = new URL('../../docs/simulation.md', import.meta.url);

export async function hidden(args: readonly string[]): Promise<void> {
  const { values: options } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '10' },
      wasm: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const seeds = Array.from({ length: Number(options.seeds) }, (_, index) => FIRST_SEED + index);
  const found: Result[] = [];
  const beside: string[][] = [];
  for (const place of PLACES) {
    found.push({ place, runs: await playAll(place, HIDDEN, seeds) });
    console.log(rowOf(found.at(-1)!).join('  '));
    if (place.load !== LOADS[0]) continue;
    const cells = [];
    for (const contender of BESIDE) cells.push(usedOf(await playAll(place, contender, seeds)));
    beside.push([nameOf(place), usedOf(found.at(-1)!.runs), ...cells]);
  }
  const verdicts = judge(found);
  for (const { target, found: value } of verdicts.filter(({ holds }) => !holds))
    console.log(`missed: ${target}, found ${value}`);
  console.log(`${verdicts.filter(({ holds }) => holds).length} of ${verdicts.length} targets hold`);
  if (!options.wasm) await compareNatively(seeds[0]!);
  if (options.write) write(seeds, found, beside, verdicts);
  if (options.check && verdicts.some(({ holds }) => !holds)) process.exitCode = 1;
}

const PLACES: readonly Place[] = LIMITS.flatMap((limit) =>
  WAY_NAMES.flatMap((way) => LOADS.map((load) => ({ hidden: { way, ...limit }, load }))),
);

async function playAll(place: Place, contender: Contender, seeds: readonly number[]): Promise<Found[]> {
  const runs: Found[] = [];
  for (const seed of seeds) runs.push(await play(place, seed, contender));
  return runs;
}

const percent = (value: number): string => (100 * value).toFixed(1);

const counts = (runs: readonly Found[], figure: 'refused' | 'knowing'): string => {
  const values = sorted(runs, figure);
  return `${median(values)} (${values.at(-1)})`;
};

const HEADS = ['limit a minute', 'load', 'refused after the first', 'sent knowing', 'estimate off by %', 'within 5 %', 'in its bounds but for 1 %']; // prettier-ignore

function rowOf({ place, runs }: Result): string[] {
  const errors = runs.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
  return [
    nameOf(place),
    `${place.load}`,
    counts(runs, 'refused'),
    counts(runs, 'knowing'),
    `${percent(median(errors))} (${percent(errors.at(-1)!)})`,
    `${errors.filter((error) => error <= 0.05).length} of ${runs.length}`,
    `${runs.filter(({ bounded }) => bounded === 1).length} of ${runs.length}`,
  ];
}

/** Part of the limit that was used, and part of the calls that was refused. */
const usedOf = (runs: readonly Found[]): string =>
  `${median(sorted(runs, 'used')).toFixed(2)} (${percent(median(sorted(runs, 'share')))} %)`;

function write(
  seeds: readonly number[],
  found: readonly Result[],
  beside: readonly (readonly string[])[],
  verdicts: readonly Verdict[],
): void {
  const failing = verdicts.filter(({ holds }) => !holds);
  const text = [
    `Seeds ${seeds[0]} to ${seeds.at(-1)}: median (worst).`,
    table(HEADS, found.map(rowOf)),
    `From minute 2 to 10, with a demand of ${LOADS[0]}: part of the limit that was let in (part of the calls that was refused).`,
    table(['limit a minute', HIDDEN.name, ...BESIDE.map(({ name }) => name)], beside),
    `${verdicts.length - failing.length} of ${verdicts.length} targets hold.`,
    ...(failing.length === 0 ? [] : [table(['missed', 'found'], failing.map((one) => [one.target, one.found]))]),
  ].join('\n\n'); // prettier-ignore
  writeFileSync(DOCUMENT, between(readFileSync(DOCUMENT, 'utf8'), 'hidden', text));
}

async function compareNatively(seed: number): Promise<void> {
  const natively = await prepareNative();
  for (const way of WAY_NAMES) {
    const place = { hidden: { way, ...LIMITS[0]! }, load: LOADS[0]! };
    const commands = await natively(way.replace(' ', '-'), playWith(place, seed));
    console.log(`${nameOf(place)}: ${commands} commands are answered natively as in wasm`);
  }
}

/**
 * `npm run sim -- [--scenario W1,F1] [--seeds N] [--base] [--wasm] [--check] [--write] [--json FILE]`
 *
 * Without options: every scenario with five seeds, on its own terms and on those that nobody has tuned for, as a table.
 * `--base` leaves the variants out, `--wasm` the comparison with the native core, which takes Rust; `--check` ends with 1 if a target is missed, `--write` puts a run of everything into
 * docs/simulation.md.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { installLibraries } from '../bench/libraries/install.ts';
import { play, variantsOf, type Cell, type CellResult } from './cell.ts';
import { writeDocument } from './document.ts';
import { prepareNative } from './native.ts';
import { heading, row } from './report.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { GOVERNOR } from './schedulers/index.ts';
import { judge } from './targets.ts';

const { values: options } = parseArgs({
  options: {
    scenario: { type: 'string' },
    seeds: { type: 'string', default: '5' },
    base: { type: 'boolean', default: false },
    wasm: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

/** Far from those of the tests, so that nothing is tuned to them. */
const FIRST_SEED = 7001;

const wanted = options.scenario?.split(',');
const unknown = wanted?.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name)) ?? [];
if (unknown.length > 0)
  throw new Error(`no scenario ${unknown.join(', ')}; there are ${SCENARIOS.map(({ name }) => name).join(' ')}`);
const count = Number(options.seeds);
if (!Number.isInteger(count) || count < 1) throw new Error('--seeds must be a whole number from 1');
if (options.write && (wanted !== undefined || options.base || options.wasm))
  throw new Error('--write takes a run of everything');

installLibraries();
const seeds = Array.from({ length: count }, (_, index) => FIRST_SEED + index);
const chosen = SCENARIOS.filter(({ name }) => wanted?.includes(name) ?? true);
const cells = [
  ...chosen.flatMap((scenario): Cell[] =>
    scenario.contenders.map((contender) => ({ scenario, terms: scenario.terms, contender })),
  ),
  ...(options.base ? [] : chosen.flatMap(variants)),
];

/** The variants are about the governor; one reference beside it says whether they can be done at all. */
function variants(scenario: (typeof SCENARIOS)[number]): Cell[] {
  const [own, ...others] = scenario.contenders;
  const judged = [own, others.at(-1)].filter((contender) => contender !== undefined);
  return variantsOf(scenario).flatMap((terms) => judged.map((contender) => ({ scenario, terms, contender })));
}

console.log(`${cells.length} cells, seeds ${seeds[0]} to ${seeds.at(-1)}, virtual time`);
console.log(heading());
const results: CellResult[] = [];
const natively = options.wasm ? undefined : await prepareNative();
for (const cell of cells) {
  const own = cell.contender === GOVERNOR;
  const commands = own ? await natively?.(cell, seeds[0]!) : undefined;
  const result = { ...(await play(cell, seeds)), commands };
  console.log(row(result));
  results.push(result);
}
for (const { name, about } of chosen) console.log(`  ${name}: ${about}`);

const verdicts = judge(results);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ results, verdicts }, null, 2)}\n`);
if (options.write) writeDocument(results, verdicts);
for (const { target, found, holds } of verdicts) if (!holds) console.log(`missed: ${target}, found ${found}`);
console.log(`${verdicts.filter(({ holds }) => holds).length} of ${verdicts.length} targets hold`);
if (options.check && verdicts.some(({ holds }) => !holds)) process.exitCode = 1;

/**
 * Waiting and fairness: `npm run sim -- [--scenario W1,F1] [--seeds N] [--base] [--wasm] [--check] [--write] [--json FILE]`
 *
 * Without options: every scenario with five seeds, on its own terms and on those that nobody has tuned for, as a table.
 * `--base` leaves the variants out, `--wasm` the comparison with the native core, which takes Rust; `--check` ends with 1 if a target is missed, `--write` puts a run of everything into
 * docs/simulation.md.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { installLibraries } from '../bench/libraries/install.ts';
import { play, playWith, variantsOf, type Cell, type CellResult } from './cell.ts';
import { writeDocument } from './document.ts';
import { prepareNative } from './native.ts';
import { measuredRow, type Measured, type MeasuredTable } from './measured.ts';
import { REAL_TIME } from './real-time/index.ts';
import { heading, row } from './report.ts';
import { SCENARIOS } from './scenarios/index.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { GOVERNOR, VIRTUAL_COUNTERS } from './schedulers/index.ts';
import { AGEING } from './sweeps/ageing.ts';
import { judge, missed } from './targets.ts';

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

const MEASURED = [AGEING, ...REAL_TIME];
const wanted = options.scenario?.split(',');
const names = [...SCENARIOS, ...MEASURED].map(({ name }) => name);
const unknown = wanted?.filter((name) => !names.includes(name)) ?? [];
if (unknown.length > 0) throw new Error(`no scenario ${unknown.join(', ')}; there are ${names.join(' ')}`);
const count = Number(options.seeds);
if (!Number.isInteger(count) || count < 1) throw new Error('--seeds must be a whole number from 1');
if (options.write && (wanted !== undefined || options.base || options.wasm))
  throw new Error('--write takes a run of everything');

installLibraries();
const chosen = <Item extends { name: string }>(items: readonly Item[]): Item[] =>
  items.filter(({ name }) => wanted?.includes(name) ?? true);
const results = await playAll(chosen(SCENARIOS));
const tables = await measureAll(chosen(MEASURED));

const verdicts = [...judge(results), ...tables.flatMap((table) => table.verdicts)];
if (options.json !== undefined)
  writeFileSync(options.json, `${JSON.stringify({ results, tables, verdicts }, null, 2)}\n`);
if (options.write) writeDocument(results, tables, verdicts);
for (const { target, found, outOfReach } of verdicts.filter(({ holds }) => !holds)) {
  if (outOfReach === undefined) console.log(`missed: ${target}, found ${found}`);
  else console.log(`out of reach: ${target}, found ${found}, virtual counters ${outOfReach}`);
}
console.log(`${verdicts.filter(({ holds }) => holds).length} of ${verdicts.length} targets hold`);
if (options.check && verdicts.some(missed)) process.exitCode = 1;

async function playAll(scenarios: readonly Scenario[]): Promise<CellResult[]> {
  const seeds = Array.from({ length: count }, (_, index) => FIRST_SEED + index);
  const cells = [
    ...scenarios.flatMap((scenario) =>
      scenario.contenders.map((contender): Cell => ({ scenario, terms: scenario.terms, contender })),
    ),
    ...(options.base ? [] : scenarios.flatMap(variants)),
  ];
  if (cells.length === 0) return [];
  console.log(`${cells.length} cells, seeds ${seeds[0]} to ${seeds.at(-1)}, virtual time`);
  const natively = options.wasm ? undefined : await prepareNative();
  console.log(heading());
  const results: CellResult[] = [];
  for (const cell of cells) {
    const own = cell.contender === GOVERNOR;
    const commands = own ? await natively?.(cell.scenario.name, playWith(cell, FIRST_SEED)) : undefined;
    const result = { ...(await play(cell, seeds)), commands };
    console.log(row(result));
    results.push(result);
  }
  for (const { name, about } of scenarios) console.log(`  ${name}: ${about}`);
  return results;
}

/** The variants are about the governor; what virtual counters come to says whether a target can be reached. */
function variants(scenario: Scenario): Cell[] {
  const judged = scenario.contenders.filter((contender) => [GOVERNOR, VIRTUAL_COUNTERS].includes(contender));
  return variantsOf(scenario).flatMap((terms) => judged.map((contender) => ({ scenario, terms, contender })));
}

async function measureAll(items: readonly Measured[]): Promise<MeasuredTable[]> {
  const tables: MeasuredTable[] = [];
  for (const { name, time, about, heads, rows } of items) {
    console.log(`${name}, ${time} time: ${about}`);
    console.log(measuredRow(heads));
    const made: (readonly string[])[] = [];
    const making = rows();
    let next = await making.next();
    for (; next.done !== true; next = await making.next()) {
      console.log(measuredRow(next.value));
      made.push(next.value);
    }
    tables.push({ name, time, about, heads, rows: made, verdicts: next.value });
  }
  return tables;
}

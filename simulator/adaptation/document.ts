/** The generated parts of documents: tables in docs/simulation.md and README.md, and the picture. */
import { readFileSync, writeFileSync } from 'node:fs';
import { between, table } from '../../bench/markdown.ts';
import type { Verdict } from '../targets.ts';
import type { CellResult } from './cell.ts';
import { OTHERS, GOVERNOR } from './contenders.ts';
import { plot, type Panel } from './plot.ts';
import { run } from './run.ts';
import { PROVIDERS, SHARED, SPECIAL } from './scenario.ts';
import { baseTable, longTable, overallTable, variantTable } from './table.ts';
import { BASE } from './terms.ts';

const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const names = (scenarios: readonly { readonly name: string }[]): string[] => scenarios.map(({ name }) => name);
/** Those that the README shows. */
const SHORT = ['throttleai', 'Gradient2', 'AIMD', 'cubic rate', 'fixed'];

export async function writeDocuments(
  results: readonly CellResult[],
  verdicts: readonly Verdict[],
  seeds: readonly number[],
): Promise<void> {
  const rewrite = (path: string, text: string): void =>
    writeFileSync(at(path), between(readFileSync(at(path), 'utf8'), 'adaptation', text));
  rewrite('docs/simulation.md', withTables(results, verdicts, seeds));
  rewrite('README.md', baseTable(results, SHORT));
  writeFileSync(at('docs/adaptation.svg'), plot(await panels(seeds[0]!)));
}

/** What docs/simulation.md shows. */
export function withTables(
  results: readonly CellResult[],
  verdicts: readonly Verdict[],
  seeds: readonly number[],
): string {
  const of = (list: readonly string[]): CellResult[] =>
    results.filter(({ scenario, variant }) => list.includes(scenario) && variant === '');
  const failing = verdicts.filter(({ holds }) => !holds);
  return [
    `Seeds ${seeds[0]} to ${seeds.at(-1)}. Medians at loads .7 and 1.5: answers in time over those of the oracle; in brackets the part that the provider refused.`,
    [...PROVIDERS, ...SPECIAL].map(({ name, about }) => `- **${name}**: ${about}`).join('\n'),
    baseTable(results),
    ...(results.some(({ variant }) => variant !== '') ? variants(results) : []),
    '### Adaptation: outages, drift, silence',
    longTable(of(names(SPECIAL)), ['part', 'sent in the outage', 'part of the offered %', 'first answer s', 'busiest second', 'back s', 'ceiling s']),
    '### Adaptation: clients that share a quota without a store',
    longTable(of(names(SHARED)), ['part', 'refused %', 'Jain']),
    '### Adaptation: targets',
    `${verdicts.length - failing.length} of ${verdicts.length} hold.`,
    ...(failing.length === 0 ? [] : [table(['missed', 'found'], failing.map(({ target, found }) => [target, found]))]),
  ].join('\n\n'); // prettier-ignore
}

const variants = (results: readonly CellResult[]): string[] => [
  '### Adaptation: variants',
  variantTable(results),
  'Over all variants: mean of the medians (least median, least run, most refusals).',
  overallTable(results),
];

/** What the picture shows. */
const SHOWN = { scenarios: ['fifo', 'hard-429'], load: 1.5, contenders: [GOVERNOR.name, 'Gradient2', 'AIMD'] };

async function panels(seed: number): Promise<Panel[]> {
  const made: Panel[] = [];
  for (const name of SHOWN.scenarios) {
    const setting = PROVIDERS.find((scenario) => scenario.name === name)!.set(BASE, SHOWN.load);
    const lines: { name: string; limits: readonly number[] }[] = [];
    for (const contender of [GOVERNOR, ...OTHERS].filter((one) => SHOWN.contenders.includes(one.name))) {
      lines.push({ name: contender.name, limits: (await run(setting, seed, contender)).limits });
    }
    lines.sort((a, b) => SHOWN.contenders.indexOf(a.name) - SHOWN.contenders.indexOf(b.name));
    made.push({ title: `${name}, demand ${SHOWN.load} of the capacity`, setting, lines });
  }
  return made;
}

/** Results as tables. */
import { table } from '../../bench/markdown.ts';
import { median, sorted, type CellResult } from './cell.ts';
import { GOVERNOR } from './contenders.ts';
import type { Figures } from './figures.ts';
import { PROVIDERS } from './scenario.ts';

export const placeOf = ({ scenario, load, variant }: CellResult): string =>
  `${scenario} at ${load}${variant === '' ? '' : ` (${variant})`}`;

const unique = <Item>(items: readonly Item[]): Item[] => [...new Set(items)];
const share = (value: number): string => (value * 100).toFixed(1);
/** Without the leading zero, as parts are written. */
const part = (value: number): string => (Number.isNaN(value) ? '' : value.toFixed(2).replace(/^0/, ''));

/** Medians at the loads of a scenario; refusals of those who get any, in percent. */
function cell(some: readonly CellResult[]): string {
  if (some.length === 0) return '';
  const refused = some.map((result) => median(sorted(result, 'refused')));
  const refusals = Math.max(...refused) < 0.0005 ? '' : ` (${refused.map(share).join(', ')} %)`;
  return some.map((result) => part(median(sorted(result, 'part')))).join(' ') + refusals;
}

const providers = PROVIDERS.map(({ name }) => name);
const named = <Key extends keyof CellResult>(results: readonly CellResult[], key: Key): CellResult[Key][] =>
  unique(results.map((result) => result[key]));
const at = (results: readonly CellResult[], scenario: string): string =>
  cell(results.filter((result) => result.scenario === scenario));

/** A row a controller, a column a provider; on the base terms. */
export function baseTable(results: readonly CellResult[], contenders = named(results, 'contender')): string {
  const own = results.filter(({ variant }) => variant === '');
  const rows = contenders.map((name) => {
    const its = own.filter(({ contender }) => contender === name);
    return [name, ...providers.map((provider) => at(its, provider))];
  });
  return table(['controller', ...providers], rows);
}

/** A row a variant: the governor. */
export function variantTable(results: readonly CellResult[]): string {
  const own = results.filter(({ contender, variant }) => contender === GOVERNOR.name && variant !== '');
  const rows = named(own, 'variant').map((variant) => {
    const its = own.filter((result) => result.variant === variant);
    return [variant, ...providers.map((provider) => at(its, provider))];
  });
  return table(['variant', ...providers], rows);
}

/** A row a controller: mean and worst of the medians over the variants, with the most refusals. */
export function overallTable(results: readonly CellResult[]): string {
  const varied = results.filter(({ variant, scenario }) => variant !== '' && providers.includes(scenario));
  const summary = (some: readonly CellResult[]): string => {
    const parts = some.map((result) => median(sorted(result, 'part')));
    const runs = some.flatMap((result) => sorted(result, 'part'));
    const refused = Math.max(...some.map((result) => median(sorted(result, 'refused'))));
    const mean = parts.reduce((sum, value) => sum + value, 0) / parts.length;
    const refusals = refused < 0.0005 ? '' : `, ${share(refused)} %`;
    return `${part(mean)} (${part(Math.min(...parts))}, ${part(Math.min(...runs))}${refusals})`;
  };
  const rows = named(varied, 'contender').map((name) => {
    const its = varied.filter(({ contender }) => contender === name);
    return [name, ...providers.map((provider) => summary(its.filter(({ scenario }) => scenario === provider)))];
  });
  return table(['controller', ...providers], rows);
}

/** What is shown of other scenarios, where there is such a figure. */
const COLUMNS: readonly (readonly [head: string, figure: keyof Figures, text: (value: number) => string])[] = [
  ['part', 'part', part],
  ['refused %', 'refused', share],
  ['Jain', 'jain', part],
  ['sent in the outage', 'sent', (value) => value.toFixed(0)],
  ['part of the offered %', 'sentPart', share],
  ['first answer s', 'first', (value) => value.toFixed(1)],
  ['busiest second', 'burst', (value) => value.toFixed(2)],
  ['back s', 'back', (value) => value.toFixed(0)],
  ['ceiling s', 'ceiling', (value) => value.toFixed(0)],
];

/** A row a cell: medians, with the range of the parts. */
export function longTable(results: readonly CellResult[], heads: readonly string[]): string {
  const columns = COLUMNS.filter(([head]) => heads.includes(head));
  const rows = results.map((result) => {
    const parts = sorted(result, 'part');
    const figures = columns.map(([, figure, text]) => {
      const value = median(sorted(result, figure));
      return Number.isNaN(value) ? '' : text(value);
    });
    return [
      result.scenario,
      `${result.load}`,
      result.contender,
      ...figures,
      `${part(parts[0]!)}-${part(parts.at(-1)!)}`,
    ];
  });
  return table(['scenario', 'load', 'controller', ...columns.map(([head]) => head), 'range'], rows);
}

/**
 * The numbers of the boundary, where its tables are looked into: `View.PENDING` is `0` in what is published. A bundler puts
 * constants in their places, but not fields of tables.
 */
import { readFileSync } from 'node:fs';
import { at } from '../lib/paths.mjs';

const BOUNDARY = at('js/core/binding.ts');

/** A plugin of rolldown. */
export function inlineTables() {
  const tables = tablesOf(readFileSync(BOUNDARY, 'utf8'));
  const lookUp = new RegExp(`(?<![\\w.])(${[...tables.keys()].join('|')})\\.(\\w+)`, 'g');
  return {
    name: 'tables',
    transform: {
      filter: { id: /\/js\/core\/(?!binding)[^/]*\.ts$/ },
      handler: (code) => code.replace(lookUp, (found, table, field) => tables.get(table).get(field) ?? found),
    },
  };
}

/** The tables of numbers that a file exports. */
function tablesOf(source) {
  const exported = source.matchAll(/^export const (\w+) = \{\n([^}]*)\} as const;$/gm);
  const fields = (body) => new Map([...body.matchAll(/^ {2}(\w+): (\d+),$/gm)].map(([, name, value]) => [name, value]));
  return new Map([...exported].map(([, name, body]) => [name, fields(body)]));
}

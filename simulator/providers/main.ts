/** `npm run sim -- providers [--seeds N] [--check] [--write]`: a governor that learns a provider's limits from its answers. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { between, table } from '../../bench/markdown.ts';
import { spread } from '../../bench/statistics.ts';
import { play } from './play.ts';
import { DIALECTS } from './server.ts';

const FIRST_SEED = 51_001;
const PART_LEAST = 0.95;
const REFUSED_MOST = 0.001;
const DOCUMENT = new URL('../../docs/simulation.md', import.meta.url);

export async function providers(args: readonly string[]): Promise<void> {
  const { values: options } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '5' },
      check: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const seeds = Array.from({ length: Number(options.seeds) }, (_, index) => FIRST_SEED + index);
  const rows: string[][] = [];
  let missed = 0;
  for (const dialect of DIALECTS)
    for (const start of ['probe', 'optimistic'] as const) {
      const played = [];
      for (const seed of seeds) played.push(await play(dialect, start, seed));
      const parts = spread(played.map(({ part }) => part));
      const refused = spread(played.map(({ refused: some, sent }) => some / sent));
      const sent = spread(played.map(({ sent: some }) => some));
      rows.push([
        `${dialect.name}, ${start}`,
        `${sent.median}`,
        `${parts.median.toFixed(3)} (${parts.low.toFixed(3)})`,
        `${(100 * refused.median).toFixed(2)} (${(100 * refused.high).toFixed(2)})`,
      ]);
      console.log(rows.at(-1)!.join('  '));
      // What goes out at once before anything is known is refused by whoever it is too much for.
      const holds = parts.low >= PART_LEAST && (start === 'optimistic' || refused.high <= REFUSED_MOST);
      if (!holds) missed++;
    }
  console.log(`${rows.length - missed} of ${rows.length} targets hold`);
  if (options.write) writeFileSync(DOCUMENT, between(readFileSync(DOCUMENT, 'utf8'), 'providers', text(seeds, rows)));
  if (options.check && missed > 0) process.exitCode = 1;
}

const text = (seeds: readonly number[], rows: readonly string[][]): string =>
  [
    `Seeds ${seeds[0]} to ${seeds.at(-1)}: median (worst).`,
    DIALECTS.map(({ name, about, limits }) => `- **${name}**: ${about}; ${words(limits)} a minute`).join('\n'),
    table(['provider, start', 'calls', 'part of its limit of tokens', 'refused %'], rows),
  ].join('\n\n');

const words = (limits: Readonly<Record<string, number>>): string =>
  Object.entries(limits)
    .map(([name, limit]) => `${limit} ${name.replace('-', ' ')}`)
    .join(', ');

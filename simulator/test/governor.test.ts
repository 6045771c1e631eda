/** The governor in the scenarios, briefly: `npm run sim` does it with more seeds and on other terms. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { play, type CellResult } from '../cell.ts';
import { withTables } from '../document.ts';
import { heading, row } from '../report.ts';
import { SCENARIOS } from '../scenarios/index.ts';
import { GOVERNOR } from '../schedulers/index.ts';
import { judge } from '../targets.ts';

const SEEDS = [1, 2];

const played = (names: readonly string[]): Promise<CellResult[]> =>
  Promise.all(
    SCENARIOS.filter(({ name }) => names.includes(name)).map((scenario) =>
      play({ scenario, terms: scenario.terms, contender: GOVERNOR }, SEEDS),
    ),
  );

/** Not F3, whose hog asks half a million times. */
const results = await played(SCENARIOS.map(({ name }) => name).filter((name) => name !== 'F3'));

it('reaches its targets', () => {
  const verdicts = judge(results);
  assert.ok(verdicts.length > results.length);
  const missed = verdicts.filter(({ holds }) => !holds).map(({ target }) => target);
  assert.deepEqual(missed, []);
});

it('answers a seed alike, also while others are played', async () => {
  assert.deepEqual(await played(['H2']), results.filter(({ scenario }) => scenario === 'H2')); // prettier-ignore
});

it('becomes lines and tables', () => {
  const [first] = results;
  assert.equal(row(first!).split(/\s+/)[0], 'W1');
  assert.ok(heading().startsWith('scenario'));
  const verdicts = judge(results);
  const [broken] = verdicts.map((verdict) => ({ ...verdict, holds: false, found: '0.5' }));
  const measured = {
    name: 'W3',
    time: 'real' as const,
    about: 'tasks',
    heads: ['scheduler', 'ms'],
    rows: [['ours', '0.1']],
  };
  const empty = 'before\n<!-- simulation: begin -->\nstale\n<!-- simulation: end -->\nafter\n';
  const [variant] = results.map((result) => ({ ...result, base: false, terms: { slots: 9, serviceMs: 10 } }));
  const written = withTables(empty, [...results, variant!], [{ ...measured, verdicts }], [...verdicts, broken!]);
  assert.ok(written.includes(`| ${broken!.target} | 0.5 |  |`) && !written.includes('stale'));
  assert.ok(written.includes('| ours | 0.1 |'));
  assert.ok(written.includes('; 5 slots, calls of 5 s on average') && written.includes('| W1, 9 slots, 0.01 s |'));
  for (const { scenario } of results) assert.ok(written.includes(`- **${scenario}**`));
});

it('a target that is missed is found', () => {
  const [w1] = results.filter(({ scenario }) => scenario === 'W1');
  const spread = { median: 1.03, low: 1.03, high: 1.03 };
  const slow = { ...w1!, summary: { ...w1!.summary, makespan: spread, late: spread } };
  assert.deepEqual(
    judge([slow]).filter(({ holds }) => !holds).map(({ target }) => target), // prettier-ignore
    ['W1: late at most 0', 'W1: makespan at most 1.02'],
  );
});

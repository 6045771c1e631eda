/** Adaptation, briefly: what is known of the controllers, and what the governor has to reach. `npm run sim -- adaptation` has all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { median, playAt, settingOf, sorted, type CellResult, type Place } from '../adaptation/cell.ts';
import { GOVERNOR, OTHERS } from '../adaptation/contenders.ts';
import { withTables } from '../adaptation/document.ts';
import { plot } from '../adaptation/plot.ts';
import { run, runOracle } from '../adaptation/run.ts';
import { PROVIDERS, SHARED, SPECIAL, type Scenario } from '../adaptation/scenario.ts';
import { baseTable } from '../adaptation/table.ts';
import { judge } from '../adaptation/targets.ts';
import { BASE, VARIANTS } from '../adaptation/terms.ts';

const SEEDS = [1, 2];

function place(name: string, load: number, variant = ''): Place {
  const scenario = [...PROVIDERS, ...SPECIAL, ...SHARED].find((one) => one.name === name)!;
  return { scenario, load, variant };
}

const contender = (name: string) => OTHERS.find((one) => one.name === name)!;
const parts = (results: readonly CellResult[]): Record<string, number> =>
  Object.fromEntries(results.map((result) => [result.contender, median(sorted(result, 'part'))]));

describe('known controllers come to what is known of them', () => {
  const known: [scenario: string, load: number, parts: Record<string, readonly [number, number]>][] = [
    ['fifo', 0.7, { fixed: [0.75, 0.87], AIMD: [0.85, 0.95], Gradient2: [0.93, 1], Vegas: [0.4, 0.75] }],
    ['hard-429', 1.5, { fixed: [0.99, 1.01], AIMD: [0.94, 1], 'cubic rate': [0.5, 0.68], 'deny rate': [0.9, 1.01] }],
  ];
  for (const [scenario, load, expected] of known) {
    it(`${scenario} at ${load}`, async () => {
      const found = parts(await playAt(place(scenario, load), Object.keys(expected).map(contender), SEEDS));
      for (const [name, [low, high]] of Object.entries(expected)) {
        assert.ok(found[name]! >= low && found[name]! <= high, `${name}: ${found[name]}`);
      }
    });
  }
  it('who ignores refusals is refused, who counts its own denials collapses', async () => {
    const [gradient2, denyRate] = await playAt(place('hard-429', 1.5), [contender('Gradient2'), contender('deny rate')], [1]); // prettier-ignore
    assert.ok(gradient2!.runs[0]!.refused > 0.4 && denyRate!.runs[0]!.refused > 0.4);
    assert.ok(parts(await playAt(place('fifo', 1.5), [contender('deny rate')], [1]))['deny rate']! < 0.6);
  });
});

describe('the governor', () => {
  const cells: [string, number][] = [
    ['fifo', 1.5],
    ['ps', 0.7],
    ['hard-429', 1.5],
    ['outage', 1.5],
  ];
  for (const [scenario, load] of cells) {
    it(`reaches its targets: ${scenario} at ${load}`, async () => {
      const verdicts = judge(await playAt(place(scenario, load), [GOVERNOR], SEEDS));
      assert.ok(verdicts.length >= 2);
      const missed = verdicts.filter(({ holds }) => !holds).map(({ target, found }) => `${target}, found ${found}`);
      assert.deepEqual(missed, []);
    });
  }
  it('shares a quota with another that it does not know', async () => {
    const [result] = await playAt(place('rpm-429 for 2 clients', 0.7), [GOVERNOR], [1]);
    const [{ part, jain, refused }] = [result!.runs[0]!];
    assert.ok(part > 0.85 && jain > 0.9 && refused < 0.05, `${part} ${jain} ${refused}`);
  });
});

it('a seed is a run', async () => {
  const setting = settingOf(place('rpm-429', 0.7, 'C 8'));
  assert.deepEqual((await run(setting, 3, GOVERNOR)).seconds, (await run(setting, 3, GOVERNOR)).seconds);
});

it('nobody is ahead of the oracle', async () => {
  const results = await playAt(place('ps', 0.7, 'C 8'), [GOVERNOR, ...OTHERS], [1]);
  for (const { contender: name, runs } of results) assert.ok(runs[0]!.part < 1.02, `${name}: ${runs[0]!.part}`);
});

it('the oracle of a rate is never refused', async () => {
  const setting = settingOf(place('rpm-429', 1.5));
  assert.equal((await runOracle(setting, 1)).seconds.refused.filter((count) => count > 0).length, 0);
});

it('a target that is missed is found', () => {
  const figures = { part: 0.5, refused: 0.2, drop: 60, back: 60, sent: NaN, sentPart: NaN, first: NaN, burst: NaN, jain: NaN, ceiling: NaN }; // prettier-ignore
  const cell = (name: string, part: number): CellResult => ({ scenario: 'hard-429', load: 0.7, variant: '', contender: name, runs: [{ ...figures, part }] }); // prettier-ignore
  const missed = judge([cell(GOVERNOR.name, 0.5), cell('AIMD', 0.9)]).filter(({ holds }) => !holds);
  assert.deepEqual(missed.map(({ found }) => found), ['0.500', '0.500', '0.200', '60.0', '60.0', '0.500, AIMD 0.900']); // prettier-ignore
});

it('becomes tables and a picture', async () => {
  const names = ['fifo', 'hard-429'];
  const scenarios: Scenario[] = PROVIDERS.filter(({ name }) => names.includes(name));
  const figures = { part: 0.5, refused: 0.2, drop: 6, back: 6, sent: NaN, sentPart: NaN, first: NaN, burst: NaN, jain: NaN, ceiling: NaN }; // prettier-ignore
  const results = scenarios.flatMap(({ name }) =>
    ['', 'C 8'].map((variant) => ({ scenario: name, load: 0.7, variant, contender: GOVERNOR.name, runs: [figures] })),
  );
  assert.ok(baseTable(results).endsWith('| throttleai | .50 (20.0 %) |  |  |  | .50 (20.0 %) |  |'));
  const written = withTables(results, judge(results), SEEDS);
  assert.ok(written.includes('| C 8 | .50 (20.0 %) |') && written.includes('| hard-429 at 0.7 (C 8): part refused at most 0.05 | 0.200 |')); // prettier-ignore
  const setting = scenarios[0]!.set({ ...BASE, ...VARIANTS['C 8'] }, 0.7);
  const picture = (): string => plot([{ title: 'fifo', setting, lines: [{ name: 'own', limits: [1, 2, 3] }] }]);
  assert.equal(picture(), picture());
  assert.ok(picture().startsWith('<svg') && picture().includes('>own</text>') && !picture().includes('NaN'));
});

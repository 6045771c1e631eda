/** The simulator against what is known: published schedulers with known parts, and a queue whose waits have a formula. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exponential, poisson, quantile, simulate, unlimitedServer } from 'throttleai/testing';
import { installLibraries } from '../../bench/libraries/install.ts';
import { play, variantsOf, type CellResult } from '../cell.ts';
import { SCENARIOS } from '../scenarios/index.ts';
import { comingAndGoing } from '../scenarios/fluid.ts';
import { fifo } from '../schedulers/references.ts';

installLibraries();
const SEEDS = [1, 2];

async function cell(name: string, contender: string): Promise<CellResult> {
  const scenario = SCENARIOS.find((item) => item.name === name)!;
  const found = scenario.contenders.find((item) => item.name === contender);
  assert.ok(found !== undefined, `${name} with ${contender}`);
  return play({ scenario, terms: scenario.terms, contender: found }, SEEDS);
}

const within = (value: number, low: number, high: number, what: string): void =>
  assert.ok(value >= low && value <= high, `${what}: ${value} is not within ${low} and ${high}`);

describe('in order of arrival, parts follow what is asked for', () => {
  // Backlogged: 50 calls of the hog and 27 of the others are outstanding all the time, and all wait equally long.
  const expected = { F1: 0.229, F4: 0.53, F6: 0.457 };
  for (const [name, jain] of Object.entries(expected)) {
    it(name, async () => within((await cell(name, 'fifo')).summary.jain.median, jain - 0.025, jain + 0.025, name));
  }
  it('F5: the hog’s long calls leave the others nearly nothing', async () => {
    assert.ok((await cell('F5', 'fifo')).summary.jain.median < 0.15);
  });
});

describe('what schedulers promise, they keep', () => {
  const kept: Record<string, string[]> = {
    drr: ['F1', 'F2', 'F4'],
    'least in flight': ['F1', 'F2', 'F4', 'F5', 'F7'],
    'virtual counters': ['F1', 'F2', 'F4', 'F5', 'F6', 'F7'],
  };
  for (const [contender, names] of Object.entries(kept)) {
    for (const name of names) {
      it(`${contender}, ${name}`, async () => {
        const { jain, inversions } = (await cell(name, contender)).summary;
        assert.ok(jain.low >= 0.99, `${jain.low}`);
        assert.equal(inversions.high, 0);
      });
    }
  }
  it('deficit round robin counts calls, not how long they take', async () => {
    assert.ok((await cell('F5', 'drr')).summary.jain.median < 0.5);
  });
});

describe('queues that people use are ideal where all comes at once', () => {
  for (const contender of ['fifo', 'p-limit', 'p-queue', 'bottleneck']) {
    it(contender, async () => {
      const { makespan, polls, timers } = (await cell('W1', contender)).summary;
      within(makespan.median, 1, 1.02, 'makespan');
      assert.equal(polls.median, 0);
      within(timers.median, ...((contender === 'bottleneck' ? [4, 6] : [0, 0.01]) as [number, number]), 'timers');
    });
  }
});

it('random arrivals wait as long as Erlang’s formula says', async () => {
  // M/M/5 at load 0.7: P(wait) = 0.3778 (Erlang C), and then exponential with a mean of 1 / (5 - 3.5) s.
  const { actors } = await simulate({
    seed: 3,
    durationMs: 30_000_000,
    warmUpMs: 30_000,
    actors: [{ id: 'all', arrivals: poisson(3.5), service: exponential(1000) }],
    server: unlimitedServer,
    scheduler: () => fifo({ slots: 5, share: () => 1 }),
  });
  const waits = actors[0]!.waitsMs;
  within(waits.filter((wait) => wait > 0).length / waits.length, 0.36, 0.395, 'part that waits');
  within(waits.reduce((a, b) => a + b, 0) / waits.length, 232, 272, 'mean');
  within(quantile(waits, 0.95), 1240, 1460, 'p95');
});

it('the ideal of those who come and go is what is there, divided evenly', () => {
  const terms = { slots: 4, serviceMs: 1000, onMs: 10_000, offMs: 10_000, fromMs: 0, toMs: 20_000 };
  const alone = comingAndGoing({ ...terms, plans: [{ calls: 8, startMs: 0 }] });
  // Four slots for 10 s, and the 8 calls that are left then.
  within(alone[0]!, 47_900, 48_100, 'alone');
  const two = comingAndGoing({ ...terms, plans: [0, 0].map((startMs) => ({ calls: 100, startMs })) });
  assert.deepEqual(two, [40_000, 40_000]);
  const capped = comingAndGoing({ ...terms, toMs: 10_000, plans: [{ calls: 1, startMs: 0 }, { calls: 9, startMs: 0 }] }); // prettier-ignore
  assert.deepEqual(capped, [10_000, 30_000]);
});

it('variants change one term at a time', () => {
  for (const scenario of SCENARIOS) {
    for (const terms of variantsOf(scenario)) {
      const changed = [terms.slots !== scenario.terms.slots, terms.serviceMs !== scenario.terms.serviceMs];
      assert.equal(changed.filter(Boolean).length, 1);
    }
  }
});

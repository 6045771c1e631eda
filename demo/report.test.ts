import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MockProviderStats } from 'throttleai/testing';
import { evenness, judge, quantile, table } from './report.ts';
import type { Outcome } from './run.ts';
import { loadPrompts, taskOf, USERS } from './scenario.ts';

const provider: MockProviderStats = {
  received: 0,
  done: 0,
  refused: 0,
  tokens: 0,
  refusedBy: { requests: 0, tokens: 0, concurrency: 0 },
  failed: 0,
  abandoned: 0,
  tokensAdmitted: 0,
  inFlight: 0,
  peakInFlight: 0,
  users: {},
};

/** A run in which the first user did `greedy` calls and every other `each`. */
function outcome(greedy: number, each: number, refused: number, givenUp: number): Outcome {
  const doneBy = new Map(USERS.map(({ name }, i) => [name, i === 0 ? greedy : each]));
  const done = greedy + each * (USERS.length - 1);
  return { done, givenUp, waits: [], doneBy, provider: { ...provider, refused } };
}

const failing = (without: Outcome, governed: Outcome, leases = 0): number =>
  judge(without, governed, leases).filter(([, holds]) => !holds).length;

test('each criterion can fail', () => {
  const without = outcome(100, 10, 50, 9);
  assert.equal(failing(without, outcome(80, 20, 0, 0)), 0);
  assert.equal(failing(without, outcome(80, 20, 50, 0)), 1, '429s');
  assert.equal(failing(without, outcome(10, 10, 0, 0)), 1, 'calls done');
  assert.equal(failing(without, outcome(80, 20, 0, 9)), 1, 'given up');
  assert.equal(failing(without, outcome(200, 10, 0, 0)), 1, 'share');
  assert.equal(failing(without, outcome(80, 20, 0, 0), 1), 1, 'leases');
});

test('evenness and quantiles', () => {
  assert.equal(evenness([5, 5, 5, 5]), 1);
  assert.equal(evenness([7, 0, 0, 0]), 0.25);
  assert.equal(evenness([0, 0]), 0);
  assert.deepEqual([quantile([3, 1, 2, 4], 0.5), quantile([3, 1, 2, 4], 0.95)], [3, 4]);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test('the table has a row for every figure and user, and its columns line up', () => {
  const lines = table(outcome(1, 2, 3, 4), outcome(5, 6, 7, 8)).split('\n');
  assert.equal(new Set(lines.map(({ length }) => length)).size, 1);
  for (const { name } of USERS) assert.ok(lines.some((line) => line.startsWith(name)));
});

test('there are a few dozen prompts, and each user goes through all of them', () => {
  const prompts = loadPrompts();
  assert.ok(prompts.length >= 24 && prompts.every((prompt) => prompt.length > 20));
  const asked = new Set(prompts.map((_, nth) => taskOf(prompts, USERS[2]!, nth).messages[1]?.content));
  assert.equal(asked.size, prompts.length);
});

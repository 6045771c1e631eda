/** How many calls of a family may be retries. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, createGovernor, createTestClock, withRetry, type GovernorConfig } from 'throttleai';
import { createRandom } from 'throttleai/testing';
import { RetryBudget, RetryBudgets } from '../../core/retry-budget.ts';
import { refusal, through, tried } from './retry-support.ts';
import { bench } from './support.ts';

/** `calls` calls at once to a provider that is down; how many it gets. */
async function storm(config: GovernorConfig, calls: number, models: string[] = ['m']): Promise<number[]> {
  const clock = createTestClock();
  const governor = createGovernor({ ...config, clock });
  const sent = models.map(() => 0);
  const all = Array.from({ length: calls }, (_, i) => {
    const at = i % models.length;
    const fn = (): Response => refusal(500, {}, sent[at]!++);
    return withRetry(fn, { governor, model: models[at]!, seed: i, maxAttempts: 5 });
  });
  await through(clock, Promise.all(all));
  governor.close();
  return sent;
}

test('with a provider that is down retries are a tenth of the calls, and the floor', async () => {
  const [sent] = await storm({}, 1_000);
  // A floor of 10, what comes in while they wait, and a tenth of 1,000, which fades.
  assert.ok(sent! >= 1_000 + 100 && sent! <= 1_000 + 10 + 10 + 100, `${sent} calls`);
});

test('the part and the floor are configured', async () => {
  assert.deepEqual(await storm({ retryBudget: { ratio: 0, minPerMinute: 0 } }, 100), [100]);
  assert.deepEqual(await storm({ retryBudget: false }, 100), [500]);
  assert.deepEqual(await storm({ retryBudget: { ratio: 1, minPerMinute: 1e6 } }, 100), [500]);
});

test('families have budgets of their own, models of one family the same', async () => {
  const retryBudget = { ratio: 0, minPerMinute: 5 };
  const [a = 0, b = 0] = await storm({ retryBudget }, 100, ['gpt-4o', 'gpt-4o-2024-08-06']);
  const apart = await storm({ retryBudget }, 100, ['gpt-4o', 'gpt-4o-mini']);
  assert.ok(a + b >= 105 && a + b <= 107, `${a} and ${b}`);
  for (const sent of apart) assert.ok(sent >= 55 && sent <= 57, `${sent}`);
  const models = { one: { family: 'both' }, two: { family: 'both' } };
  const [one = 0, two = 0] = await storm({ retryBudget, models }, 100, ['one', 'two']);
  assert.ok(one + two >= 105 && one + two <= 107, `${one} and ${two}`);
});

test('an object of the user’s has the default budget', async () => {
  const clock = createTestClock();
  const governor = { acquire: () => assert.fail(), release: () => {} };
  let sent = 0;
  const call = (): Promise<unknown> =>
    tried(() => refusal(500, {}, sent++), { governor, maxAttempts: 30, maxWaitMs: 1 }, clock);
  for (let i = 0; i < 20; i++) await call();
  assert.ok(sent > 20 && sent <= 20 + 12, `${sent} calls`);
});

test('when the budget is spent the failure stands, and says why', async (t) => {
  const { governor, clock } = bench(t, { retryBudget: { ratio: 0, minPerMinute: 1 } });
  const run = (): ReturnType<typeof tried> => tried(() => refusal(503), { governor, maxAttempts: 9 }, clock);
  const [first, second] = [await run(), await run()];
  assert.deepEqual([first.at.length, second.at.length], [2, 1]);
  assert.deepEqual(second.reports, [{ attempt: 1, status: 503, outcome: 'failure', why: 'budget' }]);
  clock.advance(60_000);
  assert.equal((await run()).at.length, 2);
});

test('reconfigure changes the terms and keeps what is spent', async (t) => {
  const { governor, clock } = bench(t, { retryBudget: { ratio: 0, minPerMinute: 1 } });
  const run = async (): Promise<number> =>
    (await tried(() => refusal(503), { governor, maxAttempts: 2 }, clock)).at.length;
  assert.equal(await run(), 2);
  governor.reconfigure({ retryBudget: { ratio: 0, minPerMinute: 2 } });
  assert.equal(await run(), 1);
  governor.reconfigure({ retryBudget: false });
  assert.equal(await run(), 2);
});

test('denials of the governor spend nothing: nothing was sent', async (t) => {
  const { governor, clock } = bench(t, { retryBudget: { ratio: 0, minPerMinute: 0 }, limits: { requests: '1/m' } });
  const decisions = await tried(() => governor.acquire({ actorId: 'a', action: 'chat' }), { governor }, clock);
  assert.equal(decisions.value?.granted, true);
  const again = await tried(() => governor.acquire({ actorId: 'a', action: 'chat' }), { governor }, clock);
  assert.deepEqual([again.value?.granted, again.at.length], [true, 2]);
});

test('up to any instant, retries are at most the floor and the part of the calls', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = createRandom(seed);
    const terms = { ratio: random() * 0.5, minPerMinute: Math.floor(random() * 20) };
    const budget = new RetryBudget(terms, 0);
    let [now, minutes, calls, retries] = [0, 0, 0, 0];
    for (let step = 0; step < 2_000; step++) {
      // Bursts and silence; now and then the clock is set back, and time that is gone through again counts again.
      const ms = random() < 0.5 ? 0 : random() < 0.01 ? -5_000 : random() * 2_000;
      now += ms;
      minutes += Math.max(ms, 0) / 60_000;
      if (random() < 0.6) {
        budget.earn(terms, now);
        calls++;
      } else if (budget.spend(terms, now)) retries++;
      const most = terms.minPerMinute * (1 + minutes) + terms.ratio * calls + 1e-6;
      assert.ok(retries <= most, `seed ${seed}: ${retries} retries, at most ${most}`);
    }
    assert.ok(retries > 0 || terms.minPerMinute === 0, `seed ${seed}: none was allowed`);
  }
});

test('what calls have earned fades within minutes', () => {
  const terms = { ratio: 1, minPerMinute: 0 };
  const budget = new RetryBudget(terms, 0);
  for (let i = 0; i < 100; i++) budget.earn(terms, 0);
  let left = 0;
  while (budget.spend(terms, 30_000)) left++;
  assert.equal(left, 50);
  for (let i = 0; i < 100; i++) budget.earn(terms, 30_000);
  assert.equal(budget.spend(terms, 90_000), false);
});

test('families without end share one budget', () => {
  const budgets = new RetryBudgets({ ratio: 0, minPerMinute: 1 });
  let retries = 0;
  for (let i = 0; i < 5_000; i++) if (budgets.spend(`model ${i}`, 0)) retries++;
  assert.equal(retries, 1_001);
});

const BAD: [unknown, string][] = [
  [{ ratio: -0.1 }, 'retryBudget.ratio'],
  [{ ratio: 1.1 }, 'retryBudget.ratio'],
  [{ minPerMinute: NaN }, 'retryBudget.minPerMinute'],
  [{ perMinute: 3 }, 'retryBudget.perMinute'],
  [true, 'retryBudget'],
  [3, 'retryBudget'],
];

for (const [retryBudget, field] of BAD)
  test(`refused: ${JSON.stringify(retryBudget)}`, () => {
    assert.throws(
      () => createGovernor({ retryBudget } as GovernorConfig),
      (error) => ConfigError.isInstance(error) && error.field === field,
    );
  });

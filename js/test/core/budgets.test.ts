/** Budgets: what calls cost by their prices, and that nothing spends above them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GovernorConfig, Prices, ReleaseReport } from 'throttleai';
import { ask, bench, denied, granted, random } from './support.ts';

const budget = (limit: number, more: object = {}): GovernorConfig => ({
  limits: [{ name: 'spend', metric: 'costUsd', limit, window: 'day' }],
  models: {
    'gpt-4o': { prices: { input: 2.5, cachedInput: 1.25, output: 10 } },
    'dall-e': { prices: { image: 0.04, call: 0.001 } },
    free: { limits: 'unlimited' },
    unpriced: {},
  },
  ...more,
});
const spent = ({ snapshot }: { snapshot: () => { limits?: { used: number }[] } }): number =>
  snapshot().limits![0]!.used;

test('the estimate is reserved by the prices of the model, and settled by what was used', (t) => {
  const { governor } = bench(t, budget(1));
  const read = (): number => spent({ snapshot: () => governor.snapshot() });
  const request = ask('a', { model: 'gpt-4o-2024-08-06', estimate: { promptTokens: 1_000, maxOutputTokens: 500 } });
  const settled = (report: ReleaseReport): number => {
    const before = read();
    const lease = granted(governor.acquire(request));
    assert.equal(Math.round((read() - before) * 1e6), 7_500);
    governor.release(lease, report);
    return Math.round((read() - before) * 1e6);
  };
  assert.equal(settled({ usage: { promptTokens: 1_000, outputTokens: 100 } }), 3_500);
  assert.equal(settled({ usage: { promptTokens: 1_000, outputTokens: 100, cachedTokens: 800 } }), 2_500);
  assert.equal(settled({ usage: { outputTokens: 100 } }), 3_500, 'the prompt is as estimated');
  assert.equal(settled({}), 7_500, 'without a report the estimate stays charged');
  assert.equal(settled({ actualCostCents: 0.25, usage: { promptTokens: 9, outputTokens: 9 } }), 2_500);
  assert.equal(settled({ usage: { promptTokens: 9, metrics: { costUsd: 0.001 } } }), 1_000);
  assert.equal(settled({ usage: { promptTokens: 1_000, outputTokens: 2_000 } }), 22_500, 'overuse is charged');
});

test('images and calls have prices', (t) => {
  const { governor } = bench(t, budget(0.1));
  const pictures = (images: number) => ask('a', { model: 'dall-e', estimate: { images } });
  const lease = granted(governor.acquire(pictures(2)));
  assert.equal(governor.snapshot().limits?.[0]?.used, 0.081);
  assert.equal(denied(governor.acquire(pictures(1))).reason, 'budget');
  governor.release(lease, { usage: { images: 1 } });
  assert.equal(governor.snapshot().limits?.[0]?.used, 0.041);
});

test('what the request says beats prices', (t) => {
  const { governor } = bench(t, budget(1));
  granted(governor.acquire(ask('a', { model: 'gpt-4o', estimate: { promptTokens: 1e6, metrics: { costUsd: 0.25 } } })));
  assert.equal(governor.snapshot().limits?.[0]?.used, 0.25);
  granted(governor.acquire(ask('a', { model: 'unpriced', estimate: { metrics: { costUsd: 0.75 } } })));
  denied(governor.acquire(ask('a', { estimate: { metrics: { costUsd: 0.000_001 } } })));
});

test('a call whose cost is not known cannot pass a budget', (t) => {
  const { governor } = bench(t, budget(1));
  for (const model of ['unpriced', 'gpt-5', undefined]) {
    const request = ask('a', { model, estimate: { promptTokens: 10 } });
    const error = {
      code: 'input',
      field: 'request.model',
      value: model,
      allowed: 'a model with prices, as limit "spend" counts dollars: or give estimate.metrics.costUsd',
    };
    assert.throws(() => governor.acquire(request), error);
    assert.throws(() => governor.record(request, { promptTokens: 10 }), error);
  }
  assert.equal(governor.activeLeases, 0);
  granted(governor.acquire(ask('a', { model: 'free' })));
  // An amount that has no price.
  assert.throws(() => governor.acquire(ask('a', { model: 'dall-e', estimate: { promptTokens: 10 } })), {
    code: 'input',
  });
  governor.record(ask('a'), { metrics: { costUsd: 0.5 } });
  governor.record(ask('a', { model: 'gpt-4o' }), { promptTokens: 100_000, outputTokens: 0 });
  assert.equal(governor.snapshot().limits?.[0]?.used, 0.75);
});

test('a budget of one family asks nothing of the others', (t) => {
  const limits = [{ metric: 'costUsd', limit: 1, window: '1h' }] as const;
  const { governor } = bench(t, { models: { priced: { limits, prices: { call: 0.6 } }, other: {} } });
  granted(governor.acquire(ask('a', { model: 'other' })));
  granted(governor.acquire(ask('a')));
  granted(governor.acquire(ask('a', { model: 'priced' })));
  assert.equal(denied(governor.acquire(ask('a', { model: 'priced' }))).limit, 'costUsd/1h/model=priced');
});

test('without a configuration of models a call that says no cost counts none', (t) => {
  const { governor } = bench(t, budget(1, { models: undefined }));
  granted(governor.acquire(ask('a', { model: 'gpt-4o', estimate: { promptTokens: 1e9 } })));
  assert.equal(governor.snapshot().limits?.[0]?.used, 0);
});

test('usage without a price leaves the cost as estimated, with a warning', (t) => {
  const { governor, events } = bench(t, {
    limits: [
      { name: 'spend', metric: 'costUsd', limit: 1, window: '1h' },
      { metric: 'tokens', limit: 100, window: '1h' },
    ],
    models: { embed: { prices: { input: 1 } } },
  });
  const lease = granted(governor.acquire(ask('a', { model: 'embed', estimate: { promptTokens: 50 } })));
  governor.release(lease, { usage: { promptTokens: 10, outputTokens: 5 } });
  assert.deepEqual(
    governor.snapshot().limits?.map(({ used }) => used),
    [0.00005, 15],
  );
  assert.match(String(events.find(({ type }) => type === 'warn')?.message), /report\.usage\.outputTokens must be 0/);
});

test('amounts of money are exact to the micro-dollar', (t) => {
  const below = random(5);
  const { governor } = bench(t, { limits: [{ metric: 'costUsd', limit: 1e6, window: '1h' }] });
  let sum = 0;
  for (let i = 0; i < 2_000; i++) {
    const micros = below(1e6) * 10 ** below(6);
    const costUsd = micros / 1e6;
    if (sum + micros > 1e12) break;
    sum += micros;
    const lease = granted(governor.acquire(ask('a', { estimate: { metrics: { costUsd } } })));
    governor.release(lease, { actualCostCents: micros / 1e4 });
    assert.equal(governor.snapshot().limits?.[0]?.used, sum / 1e6);
  }
  const exact = bench(t, { limits: [{ metric: 'costUsd', limit: 0.07, window: '1h' }] }).governor;
  granted(exact.acquire(ask('a', { estimate: { metrics: { costUsd: 0.07 } } })));
});

test('a thousand calls at once against a dollar: never above it where estimates are upper bounds', async (t) => {
  for (const honest of [true, false]) {
    const below = random(honest ? 11 : 12);
    const prices: Prices = { input: 2.5, output: 10 };
    let overruns = 0;
    const { governor, clock } = bench(t, {
      onEvent(event) {
        // What was admitted fits; from here on only overruns of calls in flight can take it above.
        if (event.type === 'acquire') overruns = 0;
      },
      limits: [{ name: 'spend', metric: 'costUsd', limit: 1, window: '1h' }],
      models: { m: { prices } },
    });
    const cost = (prompt: number, output: number): number => prompt * 2.5 + output * 10;
    let spentMicros = 0;
    let granted = 0;
    const call = async (): Promise<void> => {
      const [promptTokens, maxOutputTokens] = [below(2_000), 1 + below(1_000)];
      const request = ask(`user-${below(20)}`, { model: 'm', estimate: { promptTokens, maxOutputTokens } });
      const decision = await governor.acquireAsync(request, { timeoutMs: 1_000 });
      if (!decision.granted) return;
      granted += 1;
      for (let turns = below(5); turns > 0; turns--) await Promise.resolve();
      const outputTokens = honest ? below(maxOutputTokens + 1) : below(3 * maxOutputTokens);
      const estimated = Math.ceil(cost(promptTokens, maxOutputTokens));
      const actual = Math.round(cost(promptTokens, outputTokens));
      spentMicros += actual;
      overruns += Math.max(0, actual - estimated);
      governor.release(decision.leaseId, { usage: { promptTokens, outputTokens } });
      assert.ok(governor.snapshot().limits![0]!.used * 1e6 <= 1e6 + overruns + 1e-3);
    };
    const calls = Array.from({ length: 1_000 }, call);
    for (let i = 0; i < 3; i++) {
      await new Promise(setImmediate);
      clock.advance(1_000);
    }
    await Promise.all(calls);
    assert.ok(granted > 50, `${granted} were granted`);
    if (honest) assert.ok(spentMicros <= 1e6, `${spentMicros}`);
    else assert.ok(spentMicros > 1e6 && spentMicros <= 1e6 + overruns, `${spentMicros} with overruns of ${overruns}`);
    assert.equal(
      Math.round(governor.snapshot().limits![0]!.used * 1e6),
      spentMicros,
      'what is counted is what was spent',
    );
  }
});

/** What the shell does after a command although the core has said nothing of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGovernor, type GovernorConfig } from 'throttleai';
import { ask, denied, granted } from './support.ts';

/** A governor whose timers never come, with how long each was to take. */
function withLostTimers(config: GovernorConfig) {
  const clock = { time: 100_000, delays: [] as number[] };
  const governor = createGovernor({
    ...config,
    clock: { now: () => clock.time, setTimeout: (_, ms) => clock.delays.push(ms), clearTimeout: () => {} },
  });
  return { governor, clock };
}

test('a timer that was lost is armed again, with nobody waiting and nobody told', (t) => {
  const { governor, clock } = withLostTimers({ concurrency: { maxInFlight: 5 }, reaperIntervalMs: 5000 });
  t.after(() => governor.close());
  granted(governor.acquire(ask('a')));
  granted(governor.acquire(ask('a')));
  assert.deepEqual(clock.delays, [5000]);
  clock.time += 5999;
  // The core sweeps late by itself, but only this shows that nothing will come.
  granted(governor.acquire(ask('a')));
  assert.deepEqual(clock.delays, [5000], 'not lost yet');
  clock.time += 1;
  granted(governor.acquire(ask('a')));
  assert.equal(clock.delays.length, 2);
});

test('what changes between two commands of one call is taken in by the second', (t) => {
  const config = { limits: { tokens: '1000/m' }, reaperIntervalMs: 5000, leaseTtlMs: 600_000 } as const;
  const { governor, clock } = withLostTimers(config);
  t.after(() => governor.close());
  granted(governor.acquire(ask('a', { estimate: { maxOutputTokens: 900 } })));
  clock.time -= 50_000; // Somebody sets the clock.
  const long = ask('a', { estimate: { maxOutputTokens: 500 }, canShrink: true });
  granted(governor.acquire(long));
  assert.deepEqual(clock.delays, [5000, 5000], 'the same instant, by a clock that was set back');
  denied(governor.acquire(long));
});

test('what making a family changes is taken in by the call that it is made for', (t) => {
  const models = (): object => ({ limits: { tokens: '1000/m' } });
  const { governor, clock } = withLostTimers({ models, reaperIntervalMs: 5000, leaseTtlMs: 600_000 });
  t.after(() => governor.close());
  granted(governor.acquire(ask('a', { model: 'one' })));
  clock.time -= 50_000;
  granted(governor.acquire(ask('a', { model: 'two' })));
  assert.deepEqual(clock.delays, [5000, 5000], 'the same instant, by a clock that was set back');
});

/** What the documents say of adaptive concurrency and of fairness, seen from outside. The controllers have tests of their own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Governor, TestClock } from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

interface Load {
  seconds: number;
  /** Calls that are made in each tenth of a second. */
  calls: number;
  latencyMs: number;
  /** Of streams: until the first part of the answer. */
  firstTokenMs?: number;
  /** Whether latencies are reported; else the time the lease was held counts. */
  reported?: boolean;
}

/** Calls a server that answers after `latencyMs`, whatever the load. @returns how many calls were denied */
function drive(
  governor: Governor,
  clock: TestClock,
  { seconds, calls, latencyMs, firstTokenMs, reported = true }: Load,
): number {
  const running: { id: string; end: number }[] = [];
  let denials = 0;
  for (let tick = 0; tick < seconds * 10; tick++) {
    clock.advance(100);
    for (const { id } of running.filter(({ end }) => end <= clock.time)) {
      governor.release(
        id,
        reported ? { outcome: 'success', latencyMs, firstTokenMs } : { outcome: 'success', firstTokenMs },
      );
    }
    running.splice(0, running.length, ...running.filter(({ end }) => end > clock.time));
    for (let call = 0; call < calls; call++) {
      const decision = governor.acquire(ask(`a${call}`));
      if (decision.granted) running.push({ id: decision.leaseId, end: clock.time + latencyMs });
      else denials++;
    }
  }
  for (const { id } of running) governor.release(id, reported ? { latencyMs } : {});
  return denials;
}

const config = { concurrency: { maxInFlight: 10 }, adaptive: true } as const;

test('denials of its own cap never lower the maximum while calls end in healthy time (fix)', (t) => {
  for (const calls of [1, 2, 3, 5, 10, 30]) {
    const { governor, clock } = bench(t, config);
    const denials = drive(governor, clock, { seconds: 300, calls, latencyMs: 400 });
    if (calls >= 5) assert.ok(denials > 1000, 'demand is above what fits');
    assert.equal(governor.concurrencyEffectiveMax, 10, `${calls} calls every 100 ms`);
  }
});

for (const reported of [true, false]) {
  const how = reported ? 'reported' : 'measured by how long leases are held';
  test(`latency far above its baseline, ${how}, lowers it, not below the minimum; healthy time brings it back`, (t) => {
    const { governor, clock } = bench(t, { ...config, adaptive: { minConcurrency: 3 } });
    drive(governor, clock, { seconds: 60, calls: 2, latencyMs: 200, reported });
    assert.equal(governor.concurrencyEffectiveMax, 10);
    drive(governor, clock, { seconds: 30, calls: 2, latencyMs: 2000, reported });
    const lowered = governor.concurrencyEffectiveMax;
    assert.ok(lowered < 10 && lowered >= 3, String(lowered));
    drive(governor, clock, { seconds: 120, calls: 2, latencyMs: 200, reported });
    assert.equal(governor.concurrencyEffectiveMax, 10);
  });
}

test('of streams the time to the first part lowers it, and not their length', (t) => {
  for (const reported of [true, false]) {
    const { governor, clock } = bench(t, config);
    drive(governor, clock, { seconds: 60, calls: 2, latencyMs: 300, firstTokenMs: 50, reported });
    drive(governor, clock, { seconds: 60, calls: 1, latencyMs: 900, firstTokenMs: 50, reported });
    assert.equal(governor.concurrencyEffectiveMax, 10, 'longer streams');
    drive(governor, clock, { seconds: 30, calls: 1, latencyMs: 900, firstTokenMs: 700, reported });
    assert.ok(governor.concurrencyEffectiveMax < 10, 'streams that begin late');
  }
});

test('a first part after the end of its call came with that', (t) => {
  const late = [1e15, 300].map((firstTokenMs) => {
    const { governor, clock } = bench(t, config);
    drive(governor, clock, { seconds: 60, calls: 2, latencyMs: 300, firstTokenMs });
    drive(governor, clock, { seconds: 4, calls: 2, latencyMs: 900, firstTokenMs: 3 * firstTokenMs });
    return governor.concurrencyEffectiveMax;
  });
  assert.ok(late[0]! < 10);
  assert.equal(late[0], late[1]);
});

test('silence restores it', (t) => {
  const { governor, clock } = bench(t, config);
  drive(governor, clock, { seconds: 60, calls: 2, latencyMs: 200 });
  drive(governor, clock, { seconds: 30, calls: 2, latencyMs: 2000 });
  assert.ok(governor.concurrencyEffectiveMax < 10);
  clock.advance(600_000);
  granted(governor.acquire(ask('a')));
  assert.equal(governor.concurrencyEffectiveMax, 10);
});

test('the baseline follows the workload: slow calls are healthy once they are usual', (t) => {
  const { governor, clock } = bench(t, config);
  drive(governor, clock, { seconds: 60, calls: 2, latencyMs: 200 });
  drive(governor, clock, { seconds: 1200, calls: 1, latencyMs: 900 });
  assert.equal(governor.concurrencyEffectiveMax, 10);
});

test('the effective maximum shows in denials and views', (t) => {
  const { governor, clock } = bench(t, config);
  drive(governor, clock, { seconds: 60, calls: 2, latencyMs: 200 });
  drive(governor, clock, { seconds: 30, calls: 3, latencyMs: 3000 });
  const max = governor.concurrencyEffectiveMax;
  const { concurrency, adaptive } = governor.snapshot();
  assert.deepEqual([concurrency?.max, concurrency?.effectiveMax, adaptive], [10, max, true]);
  while (governor.acquire(ask('x')).granted) assert.ok(governor.activeLeases <= 10);
  const denial = denied(governor.acquire(ask('x')));
  assert.equal(denial.limitsHint?.maxInFlight, max);
  assert.match(denial.recommendation, new RegExp(`^All ${max} slots in use`));
});

test('fairness: no share below half of the load; an actor that holds nothing is never told of one', (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 10 }, fairness: { softCapRatio: 0.2 } });
  for (let i = 0; i < 4; i++) granted(governor.acquire(ask('hog')));
  assert.equal(denied(governor.acquire(ask('hog'))).reason, 'policy');
  for (let i = 0; i < 6; i++) granted(governor.acquire(ask(`other-${i}`)));
  assert.equal(denied(governor.acquire(ask('late'))).reason, 'concurrency');
});

test('fairness: while somebody is starved, who holds a full share gets no more', (t) => {
  const { governor, clock } = bench(t, {
    concurrency: { maxInFlight: 4 },
    fairness: { softCapRatio: 1, starvationWindowMs: 3000 },
  });
  const held = Array.from({ length: 4 }, () => granted(governor.acquire(ask('hog'))));
  assert.equal(denied(governor.acquire(ask('poor'))).reason, 'concurrency');
  governor.release(held.pop() ?? '');
  assert.equal(denied(governor.acquire(ask('hog'))).reason, 'policy');
  granted(governor.acquire(ask('poor')));
  governor.release(held.pop() ?? '');
  clock.advance(3001);
  granted(governor.acquire(ask('hog')));
});

test('fairness without concurrency has nothing to share', (t) => {
  const { governor } = bench(t, { fairness: true, adaptive: true });
  for (let i = 0; i < 50; i++) granted(governor.acquire(ask('a')));
});

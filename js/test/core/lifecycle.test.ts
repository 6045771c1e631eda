import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { ClosedError, createGovernor, createTestClock, type ClockWithTimers, type GovernorEvent } from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

/** A clock that notes what is armed. */
function notedClock(): {
  clock: ClockWithTimers;
  time: (ms: number) => void;
  armed: () => number;
  delays: number[];
  refs: () => number;
} {
  const inner = createTestClock();
  const live = new Set<object>();
  const delays: number[] = [];
  let refs = 0;
  return {
    clock: {
      now: inner.now,
      setTimeout(callback, ms) {
        delays.push(ms);
        let kept = true;
        refs++;
        const drop = (): void => {
          if (kept) refs--;
          kept = false;
        };
        const timer = {
          inner: inner.setTimeout(() => {
            live.delete(timer);
            drop();
            callback();
          }, ms),
          unref: drop,
          ref() {
            if (!kept) refs++;
            kept = true;
          },
        };
        live.add(timer);
        return timer;
      },
      clearTimeout(timer) {
        live.delete(timer as object);
        (timer as { unref(): void }).unref();
        inner.clearTimeout((timer as { inner: unknown }).inner);
      },
    },
    time: inner.advance,
    armed: () => live.size,
    delays,
    refs: () => refs,
  };
}

test('no timer at construction; one at the first grant; a busy governor does not touch it', (t) => {
  const { clock, time, armed, delays } = notedClock();
  const governor = createGovernor({ clock, concurrency: { maxInFlight: 5 }, rate: { requestsPerMinute: 1e6 } });
  t.after(() => governor.close());
  assert.equal(armed(), 0);
  for (let i = 0; i < 1000; i++) {
    governor.release(granted(governor.acquire(ask('a'))));
    time(1);
  }
  assert.equal(armed(), 1);
  assert.deepEqual(delays, [5000]);
});

test('a timer that is overdue is armed again once a second, not at every command', (t) => {
  let now = 1_000_000;
  const delays: number[] = [];
  const never = { now: () => now, setTimeout: (_: () => void, ms: number) => delays.push(ms), clearTimeout: () => {} };
  const governor = createGovernor({ clock: never, concurrency: { maxInFlight: 5 } });
  t.after(() => governor.close());
  for (let i = 0; i < 10_000; i++) {
    governor.release(granted(governor.acquire(ask('a'))));
    now += 1;
  }
  assert.deepEqual(delays, [5000, 1, 1, 1, 1]);
});

test('the timer keeps the process alive while somebody waits, and not otherwise', async (t) => {
  const { clock, refs, armed } = notedClock();
  const governor = createGovernor({ clock, concurrency: { maxInFlight: 1 } });
  t.after(() => governor.close());
  const id = granted(governor.acquire(ask('a')));
  assert.deepEqual([armed(), refs()], [1, 0]);
  const waiter = governor.acquireAsync(ask('b'));
  assert.deepEqual([armed(), refs()], [1, 1]);
  governor.release(id);
  granted(await waiter);
  assert.deepEqual([armed(), refs()], [1, 0]);
});

test('delays beyond what platforms keep are cut, and looked at again', async (t) => {
  const { clock, time, delays } = notedClock();
  const day = 86_400_000;
  const governor = createGovernor({
    clock,
    rate: { requestsPerMinute: 1, windowMs: 60 * day },
    reaperIntervalMs: 2 ** 31 - 1,
  });
  t.after(() => governor.close());
  governor.release(granted(governor.acquire(ask('a'))));
  const waiter = governor.acquireAsync(ask('b'));
  for (let i = 0; i < 60; i++) time(day);
  granted(await waiter);
  assert.ok(delays.length > 2);
  assert.ok(
    delays.every((ms) => ms >= 1 && ms <= 2 ** 31 - 1),
    String(delays),
  );
});

test('dispose stops the timer, is idempotent, and the governor goes on answering', (t) => {
  const { clock, time, armed } = notedClock();
  const events: GovernorEvent[] = [];
  const governor = createGovernor({
    clock,
    leaseTtlMs: 1000,
    concurrency: { maxInFlight: 2 },
    onEvent: (event) => events.push(event),
  });
  t.after(() => governor.close());
  granted(governor.acquire(ask('a')));
  governor.dispose();
  governor.dispose();
  assert.equal(armed(), 0);
  time(60_000);
  assert.equal(governor.activeLeases, 1, 'expired leases stay');
  governor.release(granted(governor.acquire(ask('b'))));
  assert.equal(armed(), 0, 'and no timer comes back');
  assert.equal(events[1]?.type, 'expire', 'until they are lazily freed');
});

test('close frees at once: everything throws ClosedError, no timer is left', (t) => {
  const { clock, armed } = notedClock();
  const governor = createGovernor({ clock });
  const id = granted(governor.acquire(ask('a')));
  governor.close();
  governor.close();
  assert.equal(armed(), 0);
  const calls = [
    () => governor.acquire(ask('a')),
    () => governor.release(id),
    () => governor.renew(id),
    () => governor.snapshot(),
    () => governor.save(),
    () => governor.activeLeases,
    () => governor.tokenRateLimit,
  ];
  for (const call of calls) assert.throws(call, ClosedError);
  governor.dispose();
  assert.ok(t);
});

test('Symbol.dispose closes, where the platform has it', () => {
  const governor = createGovernor();
  const dispose = (governor as unknown as Record<symbol, () => void>)[
    (Symbol as unknown as { dispose: symbol }).dispose
  ];
  dispose?.call(governor);
  assert.throws(() => governor.acquire(ask('a')), ClosedError);
});

/** Runs a program of its own, so that nothing else keeps it alive; returns what it printed. */
function program(code: string, ...flags: string[]): string {
  return execFileSync(process.execPath, [...flags, '--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 30_000,
  });
}

test('a process with a governor ends; one in which somebody waits does not, before the answer', () => {
  assert.equal(
    program(`import { createGovernor } from 'throttleai';
    const governor = createGovernor({ concurrency: { maxInFlight: 1 } });
    governor.acquire({ actorId: 'a', action: 'b' });
    process.stdout.write('over');`),
    'over',
  );
  assert.equal(
    program(`import { createGovernor } from 'throttleai';
    const governor = createGovernor({ concurrency: { maxInFlight: 1 }, leaseTtlMs: 30, reaperIntervalMs: 20 });
    governor.acquire({ actorId: 'a', action: 'b' });
    governor.acquireAsync({ actorId: 'a', action: 'b' }).then(({ granted }) => process.stdout.write(String(granted)));`),
    'true',
  );
});

test('a forgotten governor is collected, timer and all; one that somebody waits for is not', () => {
  assert.equal(
    program(
      `import { createGovernor } from 'throttleai';
    const request = { actorId: 'a', action: 'b' };
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    for (let i = 0; i < 100; i++) {
      const governor = createGovernor({ leaseTtlMs: 1e6 });
      governor.acquire(request);
      registry.register(governor);
    }
    const waiting = (() => {
      const governor = createGovernor({ concurrency: { maxInFlight: 1 }, leaseTtlMs: 60, reaperIntervalMs: 50 });
      governor.acquire(request);
      return governor.acquireAsync(request);
    })();
    for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setImmediate(resolve)); }
    process.stdout.write((collected > 90) + ' ' + (await waiting).granted);`,
      '--expose-gc',
    ),
    'true true',
  );
});

test('memory of forgotten governors is used again', () => {
  assert.equal(
    program(
      `import { createGovernor } from 'throttleai';
    const memories = new Set();
    const original = WebAssembly.Instance;
    WebAssembly.Instance = class extends original { constructor(...args) { super(...args); memories.add(this.exports.memory); } };
    const round = () => { for (let i = 0; i < 500; i++) createGovernor({ rate: { requestsPerMinute: 10 } }).acquire({ actorId: 'a', action: 'b' }); };
    const rest = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setImmediate(resolve)); } };
    for (let i = 0; i < 5; i++) { round(); await rest(); }
    const total = () => [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
    const bytes = total();
    for (let i = 0; i < 40; i++) { round(); await rest(); }
    process.stdout.write(String(total() <= bytes * 1.5));`,
      '--expose-gc',
    ),
    'true',
  );
});

test('Date.now is looked up at each call', (t) => {
  const governor = createGovernor({ rate: { requestsPerMinute: 1 } });
  t.after(() => governor.close());
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  const decision = governor.acquire(ask('a'));
  assert.equal(decision.granted && decision.expiresAt, 1_060_000);
  t.mock.timers.setTime(1_060_000);
  granted(governor.acquire(ask('a')));
});

test('a clock without a time is refused where nothing has to be done, and bridged where a lease has to end', (t) => {
  let reading: () => unknown = () => 5000;
  const events: GovernorEvent[] = [];
  const governor = createGovernor({ clock: () => reading() as number, onEvent: (event) => events.push(event) });
  t.after(() => governor.close());
  const faults = [
    () => NaN,
    () => Infinity,
    () => undefined,
    () => '5',
    () => 5n,
    () => null,
    () => {
      throw new Error('broken clock');
    },
  ];
  for (const fault of faults) {
    reading = () => 5000;
    const id = granted(governor.acquire(ask('a')));
    reading = fault;
    for (const call of [
      () => governor.acquire(ask('b')),
      () => governor.renew(id),
      () => governor.snapshot(),
      () => governor.activeLeases,
    ]) {
      assert.throws(call, /clock/);
    }
    governor.release(id);
    reading = () => 5000;
    assert.equal(governor.activeLeases, 0);
    assert.equal(events.at(-1)?.timestamp, 5000);
  }
});

test('a clock that goes back: small steps are clamped, large ones are bridged; nothing is admitted twice', (t) => {
  for (const back of [1, 500, 1000, 3_600_000, 1e12]) {
    const { governor, clock } = bench(t, { rate: { requestsPerMinute: 1 } }, createTestClock(2e12));
    granted(governor.acquire(ask('a')));
    clock.time -= back;
    const refused = denied(governor.acquire(ask('a')));
    assert.ok(
      (refused.retryAt ?? 0) > clock.time && (refused.retryAt ?? 0) <= clock.time + 60_000 + 1000,
      String(refused.retryAt),
    );
    clock.time = refused.retryAt ?? 0;
    granted(governor.acquire(ask('a')));
  }
});

const saved = {
  concurrency: { maxInFlight: 4 },
  rate: { requestsPerMinute: 20, tokensPerMinute: 1000 },
  fairness: true,
} as const;

test('a restored governor goes on where the saved one was', (t) => {
  const one = bench(t, saved);
  const keyed = ask('é😀\ud800', { idempotencyKey: 'k"\\' });
  const id = granted(one.governor.acquire(keyed));
  granted(one.governor.acquire(ask('b', { estimate: { promptTokens: 10 } })));
  one.governor.release(granted(one.governor.acquire(ask('c'))));
  for (let i = 0; i < 3; i++) one.governor.acquire(ask('b'));
  const image = one.governor.save();
  const clock = createTestClock(one.clock.time);
  const events: GovernorEvent[] = [];
  const restored = createGovernor({ ...saved, clock, onEvent: (event) => events.push(event) }, { restore: image });
  t.after(() => restored.close());
  assert.deepEqual(restored.snapshot(), one.governor.snapshot());
  assert.deepEqual(restored.save(), image);
  assert.equal(granted(restored.acquire(keyed)), id);
  // From here on both do the same.
  one.events.length = 0;
  for (const { governor, at } of [
    { governor: one.governor, at: one.clock },
    { governor: restored, at: clock },
  ]) {
    at.advance(1000);
    governor.release(id, { usage: { promptTokens: 7 } });
    governor.acquire(ask('b'));
    governor.acquire(keyed);
    at.advance(100_000);
    governor.acquire(ask('new'));
  }
  assert.deepEqual(events, one.events);
  assert.deepEqual(restored.snapshot(), one.governor.snapshot());
});

test('an image that is none, or damaged, is refused', (t) => {
  const { governor } = bench(t, saved);
  granted(governor.acquire(ask('a')));
  const image = governor.save();
  const values: unknown[] = [
    5,
    'x',
    {},
    [],
    new Uint8Array(),
    new Uint8Array(100),
    image.subarray(0, 20),
    image.subarray(1),
    image.buffer,
    true,
  ];
  for (let i = 0; i < image.length; i++) {
    const damaged = image.slice();
    damaged[i]! ^= 1 << (i % 8);
    values.push(damaged);
  }
  for (let length = 0; length < image.length; length += 7) values.push(image.slice(0, length));
  for (const restore of values) {
    assert.throws(() => createGovernor(saved, { restore: restore as Uint8Array }), {
      code: 'config',
      field: 'restore',
    });
  }
  for (const restore of [image, Buffer.from(image), null, undefined])
    createGovernor(saved, { restore: restore as Uint8Array }).close();
  assert.throws(() => createGovernor({ leaseTtlMs: -1 }, { restore: image }), { code: 'config', field: 'leaseTtlMs' });
});

test('an image keeps no strings of leases that have ended', (t) => {
  const { governor, clock } = bench(t, { concurrency: { maxInFlight: 4 }, leaseTtlMs: 1000 });
  granted(governor.acquire(ask('expired', { idempotencyKey: 'expired-key' })));
  clock.advance(10_000);
  const released = granted(governor.acquire(ask('released', { idempotencyKey: 'released-key' })));
  granted(governor.acquire(ask('held', { idempotencyKey: 'held-key' })));
  governor.release(released);
  const text = Buffer.from(governor.save()).toString('latin1');
  assert.deepEqual(
    text.match(/expired|released|held(-key)?/g),
    ['held', 'held', 'held-key'],
    'the key stands with its actor',
  );
});

test('a clock that fails while the timer fires ends nothing, and sweeping goes on once it works again', (t) => {
  const inner = createTestClock();
  let broken = false;
  const clock = { ...inner, now: () => (broken ? NaN : inner.time) };
  const governor = createGovernor({ clock, leaseTtlMs: 1000 });
  t.after(() => governor.close());
  granted(governor.acquire(ask('a')));
  broken = true;
  inner.advance(20_000);
  broken = false;
  assert.equal(governor.activeLeases, 1);
  inner.advance(5000);
  assert.equal(governor.activeLeases, 0);
});

test('timers of somebody’s making that throw take nothing from a grant', (t) => {
  const inner = createTestClock();
  const boom = (): never => {
    throw new Error('no such thing');
  };
  const clock = {
    now: () => inner.time,
    setTimeout: () => ({ ref: boom, unref: boom }),
    clearTimeout: boom,
  };
  const governor = createGovernor({ clock, leaseTtlMs: 1000 });
  t.after(() => governor.close());
  const id = granted(governor.acquire(ask('a')));
  inner.time += 20_000;
  granted(governor.acquire(ask('a')));
  governor.release(id);
  governor.dispose();
  assert.equal(governor.activeLeases, 1);
});

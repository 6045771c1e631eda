import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ClosedError,
  InputError,
  retryAcquire,
  waitForRetry,
  withLease,
  type AcquireDecision,
  type AcquireDenied,
  type GovernorLike,
  type ReleaseReport,
  type TestClock,
  type WithLeaseOptions,
} from 'throttleai';
import { ask, bench, countedSignal, granted, settled } from './support.ts';

/** Moves a clock step by step, so that promises between the timers are seen. */
async function pass(clock: TestClock, ms: number, step = 50): Promise<void> {
  for (let at = 0; at < ms; at += step) {
    clock.advance(step);
    await settled();
  }
}

const denial: AcquireDenied = { granted: false, reason: 'rate', retryAfterMs: 300, recommendation: 'Wait.' };

/** An object of a user's: denies until `grants` attempts were made, and notes when it was asked. */
function foreign(
  clock: TestClock | undefined,
  grantsAt: number,
  decision = denial,
): GovernorLike & { asked: number[]; released: (ReleaseReport | undefined)[] } {
  const asked: number[] = [];
  const released: (ReleaseReport | undefined)[] = [];
  return {
    asked,
    released,
    acquire(): AcquireDecision {
      asked.push(clock?.time ?? 0);
      return asked.length >= grantsAt ? { granted: true, leaseId: 'mine', expiresAt: 0 } : decision;
    },
    release: (_id, report) => void released.push(report),
  };
}

test('withLease runs the function under a lease and reports the latency', async (t) => {
  const { governor, clock, events } = bench(t);
  const reports: (ReleaseReport | null | undefined)[] = [];
  const release = governor.release.bind(governor);
  governor.release = (id, report) => {
    reports.push(report);
    release(id, report);
  };
  const result = await withLease(governor, ask('a'), (decision) => {
    assert.ok(decision.granted && governor.activeLeases === 1);
    clock.advance(40);
    return Promise.resolve('answer');
  });
  assert.deepEqual(result, { granted: true, result: 'answer' });
  assert.deepEqual(reports, [{ outcome: 'success', latencyMs: 40 }]);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['acquire', 'release'],
  );
});

test('withLease calls the function before it returns when nobody has to wait', (t) => {
  const { governor } = bench(t);
  let called = false;
  void withLease(governor, ask('a'), () => void (called = true));
  assert.ok(called);
});

test('a denied withLease does not call the function', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  granted(governor.acquire(ask('a')));
  const result = await withLease(governor, ask('b'), () => assert.fail('called'));
  assert.ok(!result.granted);
  assert.equal(result.decision.reason, 'concurrency');
  assert.match(result.decision.recommendation, /^All 1 slots/);
});

test('what the function throws is thrown after the release, with its outcome', async (t) => {
  const cases: [unknown, string][] = [
    [new Error('x'), 'error'],
    ['text', 'error'],
    [undefined, 'error'],
    [new DOMException('x', 'AbortError'), 'cancelled'],
    [new DOMException('x', 'TimeoutError'), 'timeout'],
    [new Error('wrapped', { cause: new DOMException('x', 'AbortError') }), 'cancelled'],
    [Object.assign(new Error('x'), { code: 'ETIMEDOUT' }), 'timeout'],
    [
      Object.defineProperty({}, 'name', {
        get() {
          throw new Error('boo');
        },
      }),
      'error',
    ],
  ];
  for (const [error, outcome] of cases) {
    for (const fail of [
      () => {
        throw error;
      },
      () => Promise.reject(error),
    ]) {
      const { governor, events } = bench(t);
      await withLease(governor, ask('a'), fail).then(
        () => assert.fail(),
        (thrown) => assert.equal(thrown, error),
      );
      assert.equal(events[1]?.outcome, outcome);
      assert.equal(governor.activeLeases, 0);
    }
  }
});

test('strategy beats the deprecated wait; what is unknown means deny', async (t) => {
  const cases: [WithLeaseOptions, boolean][] = [
    [{}, false],
    [{ strategy: 'deny' }, false],
    [{ strategy: 'deny', wait: true }, false],
    [{ strategy: 'later' as never }, false],
    [{ strategy: 'later' as never, wait: true }, false],
    [{ wait: true }, true],
    [{ strategy: 'wait' }, true],
    [{ strategy: 'wait', wait: false }, true],
    [{ strategy: 'wait-then-deny' }, true],
    [{ wait: false }, false],
    [{ strategy: null, wait: true }, true],
  ];
  for (const [options, waits] of cases) {
    const { governor } = bench(t, { concurrency: { maxInFlight: 1 }, leaseTtlMs: 700 });
    granted(governor.acquire(ask('a')));
    void withLease(governor, ask('b'), () => 1, options).catch(() => {});
    assert.equal(governor.snapshot().waiting, waits ? 1 : 0, JSON.stringify(options));
  }
});

test('on our governor a waiter is woken at once instead of polling (fix)', async (t) => {
  const { governor, clock, events } = bench(t, { concurrency: { maxInFlight: 1 }, leaseTtlMs: 5000 });
  const id = granted(governor.acquire(ask('a')));
  const result = withLease(governor, ask('b'), () => clock.time, { strategy: 'wait' });
  clock.advance(123);
  governor.release(id);
  assert.deepEqual(await result, { granted: true, result: 100_123 });
  assert.equal(events.filter(({ type }) => type === 'deny').length, 0);
});

test('the documented bounds stay upper bounds of the wait', async (t) => {
  const cases: [WithLeaseOptions, number][] = [
    [{ strategy: 'wait' }, 10_000],
    [{ strategy: 'wait', maxWaitMs: 400 }, 400],
    [{ strategy: 'wait-then-deny' }, 750],
    [{ strategy: 'wait-then-deny', maxAttempts: 2, initialBackoffMs: 100 }, 100],
    [{ strategy: 'wait-then-deny', maxAttempts: 1 }, 0],
    [{ strategy: 'wait-then-deny', maxAttempts: 8, maxWaitMs: 60_000 }, 250 + 500 + 1000 + 2000 + 4000 + 5000 + 5000],
    [{ strategy: 'wait-then-deny', maxAttempts: Infinity, maxWaitMs: 1000 }, 1000],
  ];
  for (const [options, boundMs] of cases) {
    // Renewed again and again, the lease might end any time, but never does.
    const { governor, clock } = bench(t, { concurrency: { maxInFlight: 1 }, leaseTtlMs: 50 });
    const id = granted(governor.acquire(ask('a')));
    let end = -1;
    const result = withLease(governor, ask('b'), () => assert.fail('called'), options);
    void result.then(() => (end = clock.time - 100_000));
    await settled();
    for (let at = 0; at < 20_000 && end < 0; at += 25) {
      governor.renew(id);
      clock.advance(25);
      await settled();
    }
    assert.equal((await result).granted, false);
    assert.ok(Math.abs(end - boundMs) <= 25, `${JSON.stringify(options)} ended after ${end}`);
  }
});

test('anything with acquire and release is polled with the documented pauses (fix)', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 0 });
  const cases: [WithLeaseOptions, number[]][] = [
    [{ strategy: 'deny' }, [0]],
    [{ strategy: 'wait-then-deny' }, [0, 250, 750]],
    [{ strategy: 'wait-then-deny', maxAttempts: 4, initialBackoffMs: 100 }, [0, 100, 300, 700]],
    [{ strategy: 'wait-then-deny', maxAttempts: 9, maxWaitMs: 1000 }, [0, 250, 750, 1000]],
    [{ strategy: 'wait' }, [0, 250, 750, 1750, 3750, 7750, 10_000]],
    [{ strategy: 'wait', maxWaitMs: 20_000, initialBackoffMs: 4000 }, [0, 4000, 9000, 14_000, 19_000, 20_000]],
  ];
  for (const [options, times] of cases) {
    const start = Date.now();
    const asked: number[] = [];
    const governor: GovernorLike = {
      acquire: () => (asked.push(Date.now() - start), denial),
      release: () => assert.fail('released'),
    };
    let over = false;
    const result = withLease(governor, ask('a'), () => assert.fail('called'), options).finally(() => (over = true));
    while (!over) {
      await settled();
      t.mock.timers.tick(50);
    }
    assert.deepEqual(await result, { granted: false, decision: denial });
    assert.deepEqual(asked, times, JSON.stringify(options));
  }
});

test('polling also where acquire was replaced on our governor, in its time', async (t) => {
  const { governor, clock } = bench(t, { concurrency: { maxInFlight: 1 } });
  const original = governor.acquire.bind(governor);
  const asked: number[] = [];
  governor.acquire = (request) => {
    asked.push(clock.time - 100_000);
    return original(request);
  };
  granted(governor.acquire(ask('a')));
  const result = withLease(governor, ask('b'), () => 1, { strategy: 'wait-then-deny' });
  await pass(clock, 1000);
  assert.equal((await result).granted, false);
  assert.deepEqual(asked, [0, 0, 250, 750]);
});

test('waiting stops at once when it can never help', async (t) => {
  const never: AcquireDenied = { ...denial, retryAt: null };
  for (const strategy of ['wait', 'wait-then-deny'] as const) {
    const other = foreign(undefined, 9, never);
    assert.equal((await withLease(other, ask('a'), () => 1, { strategy })).granted, false);
    assert.equal(other.asked.length, 1);
    const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
    assert.equal(
      (await withLease(governor, ask('a', { estimate: { weight: 2 } }), () => 1, { strategy })).granted,
      false,
    );
  }
  const other = foreign(undefined, 9, never);
  assert.deepEqual(await retryAcquire(other, ask('a')), never);
  assert.equal(other.asked.length, 1);
});

test('a signal cancels the wait; a grant that came with the abort is released', async (t) => {
  const { governor, events } = bench(t, { concurrency: { maxInFlight: 1 } });
  await assert.rejects(
    withLease(governor, ask('a'), () => assert.fail('called'), { signal: AbortSignal.abort('early') }),
    (error) => error === 'early',
  );
  const id = granted(governor.acquire(ask('a')));
  const { signal, abort, listeners } = countedSignal();
  const waiting = withLease(governor, ask('b'), () => assert.fail('called'), { strategy: 'wait', signal });
  abort('late');
  await assert.rejects(waiting, (error) => error === 'late');
  assert.deepEqual([listeners(), governor.snapshot().waiting], [0, 0]);
  const second = countedSignal();
  const raced = withLease(governor, ask('c'), () => assert.fail('called'), { strategy: 'wait', signal: second.signal });
  governor.release(id);
  second.abort('raced');
  await assert.rejects(raced, (error) => error === 'raced');
  assert.equal(governor.activeLeases, 0);
  assert.equal(events.at(-1)?.outcome, 'cancelled');
  const polled = countedSignal();
  const other = foreign(undefined, 9);
  const polling = withLease(other, ask('a'), () => assert.fail('called'), { strategy: 'wait', signal: polled.signal });
  await settled();
  polled.abort('polling');
  await assert.rejects(polling, (error) => error === 'polling');
  assert.equal(polled.listeners(), 0);
});

test('a successful call stays one, whatever strict mode or a closed governor says of its lease (fix)', async (t) => {
  const { governor, clock } = bench(t, { strict: true, leaseTtlMs: 1000 });
  const lost = await withLease(governor, ask('a'), () => {
    clock.advance(10_000);
    return 'kept';
  });
  assert.deepEqual(lost, { granted: true, result: 'kept' });
  const raw = await withLease(governor, ask('a'), ({ leaseId }) => {
    governor.release(leaseId);
    return 'kept';
  });
  assert.deepEqual(raw, { granted: true, result: 'kept' });
  const closed = await withLease(governor, ask('a'), () => {
    governor.close();
    return 'kept';
  });
  assert.deepEqual(closed, { granted: true, result: 'kept' });
  await assert.rejects(
    withLease(governor, ask('a'), () => 1),
    ClosedError,
  );
});

test('calls under one key hold the slot until the last has finished (fix)', async (t) => {
  const { governor, events } = bench(t, { concurrency: { maxInFlight: 1 } });
  const keyed = ask('a', { idempotencyKey: 'k' });
  const ends: (() => void)[] = [];
  const call = (): Promise<unknown> =>
    withLease(governor, keyed, () => new Promise<void>((resolve) => ends.push(resolve)));
  const calls = [call(), call(), call()];
  for (const [i, end] of ends.entries()) {
    assert.equal(governor.activeLeases, 1);
    end();
    await calls[i];
  }
  assert.equal(governor.activeLeases, 0);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['acquire', 'release'],
  );
});

test('a waiter that joins a lease holds it from the grant on, not from when it hears of it', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  const keyed = ask('a', { idempotencyKey: 'k' });
  let held = 0;
  // The first call ends in the microtasks in which the second one learns of its grant.
  const first = withLease(governor, keyed, () => Promise.resolve());
  const second = withLease(
    governor,
    keyed,
    () => {
      held = governor.activeLeases;
    },
    { strategy: 'wait' },
  );
  await Promise.all([first, second]);
  assert.equal(held, 1);
  assert.equal(governor.activeLeases, 0);
});

test('a background waiter that is handed an interactive call’s lease holds it, too', async (t) => {
  const { governor, events } = bench(t, { concurrency: { maxInFlight: 3, interactiveReserve: 1 } });
  granted(governor.acquire(ask('other', { estimate: { weight: 2 } })));
  const keyed = ask('a', { idempotencyKey: 'k' });
  let held = 0;
  const waiting = withLease(
    governor,
    { ...keyed, priority: 'background' },
    ({ leaseId }) => {
      held = governor.renew(leaseId) ? governor.activeLeases : 0;
    },
    { strategy: 'wait' },
  );
  assert.equal(governor.snapshot().waiting, 1);
  await withLease(governor, keyed, () => 'over at once');
  await waiting;
  assert.equal(held, 2);
  assert.deepEqual([governor.activeLeases, governor.snapshot().waiting], [1, 0]);
  assert.deepEqual(
    events.map(({ type, actorId }) => `${type} ${actorId}`),
    ['acquire other', 'acquire a', 'release a'],
  );
});

test('a raw release ends a shared lease', async (t) => {
  const { governor, events } = bench(t);
  const keyed = ask('a', { idempotencyKey: 'k' });
  const calls = [1, 2].map(() => withLease(governor, keyed, settled));
  governor.release(granted(governor.acquire(keyed)));
  assert.equal(governor.activeLeases, 0);
  await Promise.all(calls);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['acquire', 'release'],
  );
});

test('retryAcquire sleeps retryAfterMs between attempts', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 0 });
  for (const [grantsAt, maxAttempts, times] of [
    [1, 3, [0]],
    [3, 3, [0, 300, 600]],
    [9, null, [0, 300, 600]],
    [9, 1, [0]],
    [4, 9, [0, 300, 600, 900]],
  ] as const) {
    const start = Date.now();
    const asked: number[] = [];
    let over = false;
    const governor = {
      acquire: (): AcquireDecision => {
        asked.push(Date.now() - start);
        return asked.length >= grantsAt ? { granted: true, leaseId: 'x', expiresAt: 0 } : denial;
      },
    };
    const decision = retryAcquire(governor, ask('a'), { maxAttempts }).finally(() => (over = true));
    while (!over) {
      await settled();
      t.mock.timers.tick(50);
    }
    assert.deepEqual(asked, times);
    assert.equal((await decision).granted, grantsAt <= (maxAttempts ?? 3));
  }
});

test('retryAcquire sleeps in the time of our governor, and cancels', async (t) => {
  const { governor, clock } = bench(t, { rate: { requestsPerMinute: 1, windowMs: 1000 } });
  granted(governor.acquire(ask('a')));
  const decision = retryAcquire(governor, ask('a'));
  await pass(clock, 1000);
  granted(await decision);
  const { signal, abort, listeners } = countedSignal();
  const cancelled = retryAcquire(governor, ask('a'), { signal });
  await settled();
  abort('no');
  await assert.rejects(cancelled, (error) => error === 'no');
  assert.equal(listeners(), 0);
  await assert.rejects(retryAcquire(governor, ask('a'), { maxAttempts: 0 }), InputError);
});

test('waitForRetry sleeps retryAfterMs, and not after a grant or where it cannot help', async (t) => {
  const { clock } = bench(t);
  let done = false;
  const wait = waitForRetry(denial, { clock }).then(() => (done = true));
  await pass(clock, 250);
  assert.equal(done, false);
  await pass(clock, 50);
  await wait;
  await waitForRetry({ granted: true, leaseId: 'x', expiresAt: 0 }, { clock });
  const never = waitForRetry({ ...denial, retryAt: null }, { clock });
  clock.advance(1);
  await never;
  await assert.rejects(waitForRetry(denial, { signal: AbortSignal.abort('no') }), (error) => error === 'no');
  for (const retryAfterMs of [NaN, -1, Infinity, '5', undefined]) {
    const asked = waitForRetry({ ...denial, retryAfterMs: retryAfterMs as number }, { clock });
    await assert.rejects(asked, (error) => InputError.isInstance(error) && error.field === 'decision.retryAfterMs');
  }
});

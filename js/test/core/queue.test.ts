import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClosedError, type AcquireDecision } from 'throttleai';
import { ask, bench, countedSignal, denied, granted, random, settled } from './support.ts';

/** What a promise has come to by now. */
async function now<T>(promise: Promise<T>): Promise<T | 'waiting'> {
  await settled();
  return Promise.race([promise, Promise.resolve('waiting' as const)]);
}

test('a waiter is granted when a lease is released, in order', async (t) => {
  const { governor, events } = bench(t, { concurrency: { maxInFlight: 1 } });
  const first = granted(governor.acquire(ask('a')));
  const waiters = ['b', 'c', 'd'].map((actor) => governor.acquireAsync(ask(actor)));
  assert.equal(governor.snapshot().waiting, 3);
  let held = first;
  for (const waiter of waiters) {
    assert.equal(await now(waiter), 'waiting');
    governor.release(held);
    held = granted(await waiter);
  }
  assert.deepEqual(
    events.map(({ type, actorId }) => `${type} ${actorId}`),
    ['acquire a', 'release a', 'acquire b', 'release b', 'acquire c', 'release c', 'acquire d'],
  );
});

test('a waiter is granted at the instant a window frees, by the timer', async (t) => {
  const { governor, clock } = bench(t, { rate: { requestsPerMinute: 1 } });
  governor.release(granted(governor.acquire(ask('a'))));
  const waiter = governor.acquireAsync(ask('b'));
  clock.advance(59_999);
  assert.equal(await now(waiter), 'waiting');
  clock.advance(1);
  const decision = await waiter;
  assert.ok(decision.granted && decision.expiresAt === clock.time + 60_000);
});

test('a call that comes when the window has freed, before the timer, takes nothing from who waits', async (t) => {
  const { governor, clock } = bench(t, { rate: { requestsPerMinute: 1 } });
  granted(governor.acquire(ask('a')));
  const first = governor.acquireAsync(ask('b'));
  // The jump fires no timer: the next command finds that `b` may go, and its own place is the one that `b` leaves.
  clock.time += 60_000;
  const second = governor.acquireAsync(ask('c'));
  granted(await first);
  assert.equal(await now(second), 'waiting');
  clock.advance(60_000);
  granted(await second);
});

test('acquireAsync answers at once where nobody has to wait, or waiting cannot help', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 2 } });
  granted(await governor.acquireAsync(ask('a')));
  const never = denied(await governor.acquireAsync(ask('a', { estimate: { weight: 3 } })));
  assert.deepEqual([never.retryAt, never.cause], [null, 'too-large']);
});

test('calls run in the order in which they were made, up to the answer', (t) => {
  const { governor, events } = bench(t);
  void governor.acquireAsync(ask('a'));
  governor.acquire(ask('b'));
  assert.deepEqual(
    events.map(({ actorId }) => actorId),
    ['a', 'b'],
  );
});

test('a synchronous acquire does not overtake who waits', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 2 } });
  const one = granted(governor.acquire(ask('a')));
  const heavy = governor.acquireAsync(ask('b', { estimate: { weight: 2 } }));
  const behind = denied(governor.acquire(ask('c')));
  assert.equal(behind.cause, 'queued-ahead');
  assert.match(behind.recommendation, /^1 calls wait ahead\. Retry in \d+ms\.$/);
  governor.release(one);
  granted(await heavy);
});

test('a wait ends at its deadline, the earlier of timeoutMs and deadline', async (t) => {
  for (const wait of [
    { timeoutMs: 2000 },
    { deadline: 102_000 },
    { timeoutMs: 2000, deadline: 500_000 },
    { timeoutMs: 9000, deadline: 102_000 },
  ]) {
    const { governor, clock, events } = bench(t, {
      concurrency: { maxInFlight: 1 },
      leaseTtlMs: 1500,
      reaperIntervalMs: 100_000,
    });
    const id = granted(governor.acquire(ask('a')));
    const waiter = governor.acquireAsync(ask('b'), wait);
    clock.advance(1000);
    assert.equal(governor.renew(id, 50_000), true);
    assert.equal(await now(waiter), 'waiting');
    clock.advance(1000);
    const decision = denied(await waiter);
    assert.deepEqual([decision.cause, decision.reason], ['deadline', 'concurrency']);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['acquire', 'deny'],
    );
    assert.equal(governor.snapshot().waiting, 0);
  }
});

test('a deadline that cannot be met is refused at once', async (t) => {
  const { governor } = bench(t, { rate: { requestsPerMinute: 1 } });
  granted(governor.acquire(ask('a')));
  const decision = denied(await governor.acquireAsync(ask('b'), { timeoutMs: 30_000 }));
  assert.deepEqual([decision.cause, decision.retryAt], ['deadline', 160_000]);
});

test('the queue is bounded', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 }, queue: { max: 2 } });
  granted(governor.acquire(ask('a')));
  const waiters = [governor.acquireAsync(ask('b')), governor.acquireAsync(ask('c'))];
  const full = denied(await governor.acquireAsync(ask('d')));
  assert.deepEqual(
    [full.cause, full.recommendation.slice(0, 36)],
    ['queue-full', 'The queue is full (2/2 waiters). Ret'],
  );
  governor.close();
  for (const waiter of waiters) await assert.rejects(waiter, ClosedError);
});

test('an abort rejects with the reason, consumes nothing, wakes the next and leaves no listener', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 }, rate: { requestsPerMinute: 2 } });
  const id = granted(governor.acquire(ask('a')));
  const { signal, abort, listeners } = countedSignal();
  const aborted = governor.acquireAsync(ask('b'), { signal });
  const next = governor.acquireAsync(ask('c'));
  assert.equal(listeners(), 1);
  const reason = { any: 'thing' };
  abort(reason);
  await assert.rejects(aborted, (error) => error === reason);
  assert.deepEqual([governor.snapshot().waiting, listeners(), governor.rateCount], [1, 0, 1]);
  governor.release(id);
  granted(await next);
  assert.equal(governor.rateCount, 2);
});

test('a signal that is aborted already consumes nothing', async (t) => {
  const { governor, events } = bench(t);
  await assert.rejects(governor.acquireAsync(ask('a'), { signal: AbortSignal.abort('no') }), (error) => error === 'no');
  assert.deepEqual([governor.activeLeases, events.length], [0, 0]);
});

test('listeners are gone after a grant, a time-out and close', async (t) => {
  for (const end of ['release', 'timeout', 'close'] as const) {
    const { governor, clock } = bench(t, { concurrency: { maxInFlight: 1 } });
    const id = granted(governor.acquire(ask('a')));
    const { signal, abort, listeners } = countedSignal();
    const waiter = governor.acquireAsync(ask('b'), { signal, timeoutMs: 70_000 }).catch((error: unknown) => error);
    if (end === 'release') governor.release(id);
    else if (end === 'timeout') {
      governor.renew(id, 1e6);
      clock.advance(70_000);
    } else governor.close();
    assert.equal(listeners(), 0, end);
    await waiter;
    abort();
    if (end === 'release') assert.equal(governor.activeLeases, 1, 'a grant is the caller’s to release');
  }
});

test('calls that wait under one signal listen once, and its abort ends them all', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  const id = granted(governor.acquire(ask('a')));
  const { signal, abort, listeners } = countedSignal();
  const waiting = Array.from({ length: 20 }, () => governor.acquireAsync(ask('b'), { signal }));
  assert.equal(listeners(), 1);
  governor.release(id);
  governor.release(granted(await waiting[0]!));
  const second = granted(await waiting[1]!);
  assert.equal(listeners(), 1, 'the others still wait');
  abort('enough');
  const ended = await Promise.allSettled(waiting.slice(2));
  assert.ok(ended.every((result) => result.status === 'rejected' && result.reason === 'enough'));
  assert.deepEqual([listeners(), governor.snapshot().waiting, governor.activeLeases], [0, 0, 1]);
  governor.release(second);
});

test('an abort inside a handler of the grant is too late, and the lease is the caller’s', async (t) => {
  const { signal, abort } = countedSignal();
  const { governor } = bench(t, {
    concurrency: { maxInFlight: 1 },
    onEvent: (event) => event.type === 'acquire' && event.actorId === 'b' && abort(),
  });
  const id = granted(governor.acquire(ask('a')));
  const waiter = governor.acquireAsync(ask('b'), { signal });
  governor.release(id);
  governor.release(granted(await waiter));
  assert.equal(governor.activeLeases, 0);
});

test('signals of somebody’s making that throw leave nothing behind', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  const id = granted(governor.acquire(ask('a')));
  const refusing = {
    aborted: false,
    addEventListener: () => {
      throw new Error('no listeners');
    },
    removeEventListener: () => {
      throw new Error('none');
    },
  };
  await assert.rejects(governor.acquireAsync(ask('b'), { signal: refusing }), /no listeners/);
  assert.equal(governor.snapshot().waiting, 0);
  const clinging = { ...refusing, addEventListener: () => {} };
  const waiter = governor.acquireAsync(ask('c'), { signal: clinging });
  governor.release(id);
  granted(await waiter);
});

test('waiters under one idempotency key get one lease', async (t) => {
  const { governor, events } = bench(t, { concurrency: { maxInFlight: 1 } });
  const id = granted(governor.acquire(ask('a')));
  const keyed = ask('b', { idempotencyKey: 'k' });
  const waiters = [
    governor.acquireAsync(keyed),
    governor.acquireAsync(keyed),
    governor.acquireAsync(ask('c')),
    governor.acquireAsync(keyed),
  ] as const;
  governor.release(id);
  const decisions = [await waiters[0], await waiters[1], await waiters[3]] as AcquireDecision[];
  assert.equal(new Set(decisions.map(granted)).size, 1);
  assert.deepEqual([governor.activeLeases, governor.snapshot().waiting], [1, 1]);
  governor.release(granted(await waiters[0]));
  granted(await waiters[2]);
  assert.equal(events.filter(({ type }) => type === 'acquire').length, 3);
});

test('waiters under one idempotency key that are granted in one step count as one call', async (t) => {
  const { governor, events } = bench(t, { concurrency: { maxInFlight: 2 }, rate: { requestsPerMinute: 10 } });
  const all = granted(governor.acquire(ask('other', { estimate: { weight: 2 } })));
  const keyed = ask('a', { idempotencyKey: 'k', estimate: { promptTokens: 5 } });
  const waiting = [governor.acquireAsync(keyed), governor.acquireAsync(keyed)];
  governor.release(all); // Room for both at once.
  const [one, two] = await Promise.all(waiting);
  assert.deepEqual(one, two);
  assert.deepEqual([governor.activeLeases, governor.concurrencyActive, governor.rateCount], [1, 1, 2]);
  assert.deepEqual(
    events.map(({ type, actorId }) => `${type} ${actorId}`),
    ['acquire other', 'release other', 'acquire a'],
  );
});

test('a call under the key of a waiter that is granted in the same step gets the waiter’s lease', async (t) => {
  const limits = [
    { rate: { requestsPerMinute: 1, windowMs: 1000 } },
    { concurrency: { maxInFlight: 1 }, leaseTtlMs: 1000 },
    { concurrency: { maxInFlight: 1 }, leaseTtlMs: 1000, fairness: true },
  ];
  for (const config of limits) {
    for (const how of ['acquire', 'acquireAsync'] as const) {
      const { governor, clock, events } = bench(t, config);
      governor.acquire(ask('other'));
      const keyed = ask('a', { idempotencyKey: 'k' });
      const waiting = governor.acquireAsync(keyed);
      clock.time += 5000; // The timer is late.
      const id = granted(await governor[how](keyed));
      assert.equal(granted(await waiting), id);
      assert.equal(governor.activeLeases, config.rate === undefined ? 1 : 2);
      assert.equal(events.filter(({ type }) => type === 'acquire').length, 2);
      governor.release(id);
    }
  }
});

test('what a signal does when it is left cannot change who gets which answer', async (t) => {
  const { governor, clock } = bench(t, { concurrency: { maxInFlight: 2 } });
  granted(governor.acquire(ask('a', { estimate: { weight: 2 } })));
  const { signal } = new AbortController();
  signal.removeEventListener = () => {
    governor.acquire(ask('meddler', { estimate: { weight: 5 } }));
  };
  const waiting = governor.acquireAsync(ask('b'), { signal, timeoutMs: 100 });
  clock.advance(100);
  const decision = denied(await waiting);
  assert.deepEqual([decision.cause, decision.retryAt === null], ['deadline', false]);
});

test('an abort without a reason rejects with what it was given', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  granted(governor.acquire(ask('a')));
  const { signal, abort } = countedSignal();
  const waiting = governor.acquireAsync(ask('b'), { signal });
  abort(null);
  await assert.rejects(waiting, (reason) => reason === null);
});

test('close rejects who waits, and is idempotent', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  granted(governor.acquire(ask('a')));
  const waiter = governor.acquireAsync(ask('b'));
  governor.close();
  governor.close();
  await assert.rejects(waiter, ClosedError);
  await assert.rejects(governor.acquireAsync(ask('a')), ClosedError);
});

test('after dispose, waiting goes on', async (t) => {
  const { governor, clock } = bench(t, { rate: { requestsPerMinute: 1 } });
  granted(governor.acquire(ask('a')));
  const before = governor.acquireAsync(ask('b'));
  governor.dispose();
  clock.advance(60_000);
  granted(await before);
  const after = governor.acquireAsync(ask('c'));
  clock.advance(60_000);
  granted(await after);
});

test('a storm of aborts, time-outs, releases and expiries loses nobody and leaks nothing', async (t) => {
  for (const seed of [1, 2, 3]) {
    const limits = [{ name: 'own', metric: 'requests', limit: 5, window: '1s', per: 'actor' }] as const;
    const config = {
      concurrency: { maxInFlight: 3, interactiveReserve: 1 },
      shares: { a: 3 },
      leaseTtlMs: 2000,
      limits,
    };
    const { governor, clock } = bench(t, config);
    const below = random(seed);
    const held: string[] = [];
    const waiting = new Map<number, { abort: () => void; listeners: () => number }>();
    const ended = { granted: 0, denied: 0, aborted: 0 };
    for (let step = 0; step < 3000; step++) {
      const kind = below(10);
      if (kind < 5) {
        const { signal, abort, listeners } = countedSignal();
        const priority = below(3) === 0 ? 'background' : 'interactive';
        const request = ask('abcd'[below(4)]!, { priority, estimate: { weight: 1 + below(2) } });
        const wait = { signal, ...(below(2) === 0 && { timeoutMs: below(3000) }) };
        waiting.set(step, { abort, listeners });
        void governor.acquireAsync(request, wait).then(
          (decision) => {
            if (decision.granted) held.push(decision.leaseId);
            ended[decision.granted ? 'granted' : 'denied']++;
            assert.equal(listeners(), 0);
            waiting.delete(step);
          },
          () => {
            ended.aborted++;
            assert.equal(listeners(), 0);
            waiting.delete(step);
          },
        );
      } else if (kind < 7) [...waiting.values()].at(below(waiting.size + 1) - 1)?.abort();
      else if (kind < 9) governor.release(held.splice(below(Math.max(1, held.length)), 1)[0] ?? 'none');
      else clock.advance(below(400));
      if (step % 3 === 0) await settled();
    }
    await settled();
    assert.equal(governor.snapshot().waiting, waiting.size);
    for (let left = 0; left < 20_000 && (governor.snapshot().waiting ?? 0) > 0; left++) {
      clock.advance(500);
      await settled();
    }
    clock.advance(60_000);
    await settled();
    assert.deepEqual([governor.snapshot().waiting, waiting.size, governor.activeLeases], [0, 0, 0]);
    assert.ok(Math.min(...Object.values(ended)) > 10, JSON.stringify(ended));
  }
});

test('beside interactive calls that take everything one background call goes out each ageingMs: the first in line', async (t) => {
  const limits = [{ metric: 'requests', limit: 1, window: 1_000 }] as const;
  const { governor, clock } = bench(t, { limits, queue: { ageingMs: 2_000 } });
  granted(governor.acquire(ask('a')));
  const start = clock.time;
  const served: number[] = [];
  for (let call = 0; call < 3; call++)
    void governor.acquireAsync(ask('a', { priority: 'background' })).then(
      () => served.push(clock.time - start),
      () => {},
    );
  for (let half = 0; half < 20; half++) {
    governor.acquireAsync(ask('a')).catch(() => {});
    await settled();
    clock.advance(500);
    await settled();
  }
  assert.deepEqual(served, [3_000, 6_000, 9_000]);
});

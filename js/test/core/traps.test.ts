/**
 * What users of p-queue, bottleneck and p-throttle have fallen into, each as it would happen here. Where an issue is named, it
 * describes the trap; some of them are mended in current versions.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { withLease, type GovernorConfig } from 'throttleai';
import { ask, bench, denied, granted, settled, type Bench } from './support.ts';

const SECOND: GovernorConfig = { rate: { requestsPerMinute: 1, windowMs: 1000 } };
const SLOT: GovernorConfig = { concurrency: { maxInFlight: 1 } };

interface Queue extends Bench {
  /** Runs a function when it is its turn, and notes when it began. */
  run(name: string, work?: () => unknown, signal?: AbortSignal): Promise<unknown>;
  /** `name@ms` of what began, in order. */
  readonly begun: string[];
}

function queue(t: TestContext, config: GovernorConfig): Queue {
  const made = bench(t, config);
  const start = made.clock.time;
  const begun: string[] = [];
  const run: Queue['run'] = (name, work = () => {}, signal) =>
    withLease(
      made.governor,
      ask('a'),
      () => {
        begun.push(`${name}@${made.clock.time - start}`);
        return work();
      },
      { strategy: 'wait', maxWaitMs: Infinity, signal },
    );
  return { ...made, run, begun };
}

/** A function that goes on until it is told to end. */
function open(): { work: () => Promise<void>; end: () => void } {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { work: () => ended, end };
}

// https://github.com/sindresorhus/p-queue/issues/219
test('aborted calls give up their places: who comes after them does not wait for their turns', async (t) => {
  const { run, begun, clock, governor } = queue(t, SECOND);
  await run('first');
  const controller = new AbortController();
  const aborted = Array.from({ length: 10 }, (_, n) => run(`aborted ${n}`, undefined, controller.signal));
  const last = run('last');
  controller.abort('enough');
  const ends = await Promise.allSettled(aborted);
  assert.ok(ends.every((end) => end.status === 'rejected' && end.reason === 'enough'));
  clock.advance(1000);
  await last;
  assert.deepEqual(begun, ['first@0', 'last@1000']);
  assert.equal(governor.rateCount, 1);
});

// https://github.com/sindresorhus/p-queue/issues/168
test('an abort of who runs and who waits, in either order, stops nobody else', async (t) => {
  for (const order of ['running first', 'waiting first']) {
    const { run, begun, governor } = queue(t, SLOT);
    const [running, waiting] = [new AbortController(), new AbortController()];
    const fails = new Promise((_, reject) =>
      running.signal.addEventListener('abort', () => reject(new Error('aborted'))),
    );
    const results = [run('running', () => fails, running.signal), run('waiting', undefined, waiting.signal)];
    const next = run('next');
    await settled();
    for (const controller of order === 'running first' ? [running, waiting] : [waiting, running]) controller.abort();
    const ends = await Promise.allSettled(results);
    assert.ok(ends.every(({ status }) => status === 'rejected'));
    await next;
    assert.deepEqual([begun, governor.activeLeases], [['running@0', 'next@0'], 0], order);
  }
});

// https://github.com/sindresorhus/p-queue/issues/241
test('a call whose signal is aborted already is rejected at once, however full the queue is', async (t) => {
  const { run, begun, governor } = queue(t, SLOT);
  const { work, end } = open();
  const holder = run('holder', work);
  const waiting = run('waiting');
  await assert.rejects(run('aborted', undefined, AbortSignal.abort(new Error('too late'))), /too late/);
  assert.equal(governor.snapshot().waiting, 1);
  end();
  await Promise.all([holder, waiting]);
  assert.deepEqual(begun, ['holder@0', 'waiting@0']);
});

test('a queue goes on after every kind of error', async (t) => {
  const { run, begun, governor } = queue(t, SLOT);
  const throwing = (reason: unknown) => (): never => {
    throw reason;
  };
  const broken = Object.defineProperty({}, 'then', { get: throwing(new Error('thenable')) });
  const kinds = [
    throwing(new Error('thrown')),
    () => Promise.reject(new Error('rejected')),
    throwing(undefined),
    () => Promise.reject(null),
    () => broken,
  ];
  const results = kinds.map((work, n) => run(`${n}`, work));
  const after = run('after');
  const ends = await Promise.allSettled(results);
  assert.ok(ends.every(({ status }) => status === 'rejected'));
  await after;
  assert.deepEqual([begun.length, governor.activeLeases, governor.snapshot().waiting], [kinds.length + 1, 0, 0]);
});

// https://github.com/SGrondin/bottleneck/issues/152
test('a call that never ends holds its place until its lease expires, not for ever', async (t) => {
  const { run, begun, clock } = queue(t, { ...SLOT, leaseTtlMs: 15_000, reaperIntervalMs: 1000 });
  void run('hangs', open().work);
  const next = run('next');
  await settled();
  clock.advance(15_000);
  await next;
  assert.deepEqual(begun, ['hangs@0', 'next@15000']);
});

// https://github.com/SGrondin/bottleneck/issues/185
test('changed settings do not stop the refill, whatever is changed and whenever', async (t) => {
  const calls = (limit: number, window: number): GovernorConfig => ({
    limits: [{ name: 'calls', metric: 'requests', limit, window }],
  });
  const changes: Record<string, (made: Bench) => void> = {
    nothing: ({ governor }) => governor.reconfigure(calls(1, 1000)),
    'the window': ({ governor }) => governor.reconfigure(calls(1, 500)),
    'the amount': ({ governor }) => governor.setLimit('calls', 2),
    'another limit': ({ governor }) => governor.reconfigure({ ...calls(1, 1000), ...SLOT }),
  };
  for (const [what, change] of Object.entries(changes)) {
    const made = queue(t, calls(1, 1000));
    await made.run('before');
    const waiting = [1, 2, 3, 4].map((n) => made.run(`${n}`));
    change(made);
    const later = [5, 6].map((n) => made.run(`${n}`));
    made.clock.advance(500);
    change(made);
    for (let n = 0; n < 6; n++) {
      made.clock.advance(1000);
      await settled();
    }
    await Promise.all([...waiting, ...later]);
    assert.equal(made.begun.length, 7, what);
  }
});

// https://github.com/sindresorhus/p-queue/issues/182
test('awaiting one call lets the next one start no earlier', async (t) => {
  const { run, begun, clock } = queue(t, SECOND);
  for (const awaited of [false, false, true, true, true]) {
    const call = run('call');
    await settled();
    if (!awaited) continue;
    // As long as it takes, and not a step longer.
    for (let ended = false; !ended; await settled()) {
      void call.then(() => (ended = true));
      await settled();
      if (!ended) clock.advance(100);
    }
  }
  const instants = begun.map((name) => Number(name.split('@')[1]));
  assert.equal(instants.length, 5);
  assert.ok(
    instants.slice(1).every((at, n) => at - instants[n]! >= 1000),
    begun.join(' '),
  );
});

// https://github.com/sindresorhus/p-throttle/issues/2 and https://github.com/sindresorhus/p-throttle/issues/32
test('who asks faster than calls are let through is refused, not queued without end', async (t) => {
  const { governor } = bench(t, { ...SECOND, queue: { max: 5 } });
  granted(governor.acquire(ask('a')));
  const waiting = Array.from({ length: 5 }, () => governor.acquireAsync(ask('a')).catch(() => undefined));
  const refused = denied(await governor.acquireAsync(ask('a')));
  assert.equal(refused.cause, 'queue-full');
  assert.equal(governor.snapshot().waiting, 5);
  governor.close();
  await Promise.all(waiting);
  // And who would come too late learns that when it asks.
  const { governor: other } = bench(t, SECOND);
  granted(other.acquire(ask('a')));
  assert.equal(denied(await other.acquireAsync(ask('a'), { timeoutMs: 999 })).cause, 'deadline');
});

// https://github.com/sindresorhus/p-throttle/pull/14
test('what was aborted does not run later', async (t) => {
  const { run, begun, clock } = queue(t, SECOND);
  const controller = new AbortController();
  await run('first');
  const aborted = [1, 2].map((n) => run(`${n}`, undefined, controller.signal).catch(() => 'rejected'));
  controller.abort();
  assert.deepEqual(await Promise.all(aborted), ['rejected', 'rejected']);
  clock.advance(10_000);
  await settled();
  assert.deepEqual(begun, ['first@0']);
});

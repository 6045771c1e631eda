/** How often, when and how long `withRetry` tries. What it makes of answers is in `retry-answers.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createTestClock,
  DeniedError,
  InputError,
  withLease,
  withRetry,
  type ClockWithTimers,
  type WithRetryOptions,
} from 'throttleai';
import { createRandom } from 'throttleai/testing';
import { NOW, once, refusal, sdkError, throwing, through, tried } from './retry-support.ts';
import { ask, bench, countedSignal, granted, settled } from './support.ts';

test('what succeeds is called once, and its result given back', async () => {
  const { at, value, reports } = await tried((attempt) => `answer ${attempt}`);
  assert.deepEqual([at, value], [[NOW], 'answer 1']);
  assert.deepEqual(reports, [{ attempt: 1, outcome: 'success' }]);
});

test('attempts are reported, with their pauses', async () => {
  const error = sdkError(429, { 'retry-after-ms': '100' });
  const { at, value, reports } = await tried((attempt) => (attempt < 3 ? throwing(error)() : 'answer'));
  const [first, second, third] = reports;
  assert.deepEqual([at.length, value], [3, 'answer']);
  assert.ok(first?.outcome === 'retry' && second?.outcome === 'retry');
  assert.deepEqual(first, { attempt: 1, status: 429, error, outcome: 'retry', delayMs: first.delayMs });
  assert.deepEqual(third, { attempt: 3, outcome: 'success' });
  assert.equal(at[1], Math.ceil(NOW + first.delayMs));
});

test('after maxAttempts the last result or error stands, untouched', async () => {
  const last = [refusal(503), refusal(503)];
  const returned = await tried((attempt) => last[attempt - 1]!, { maxAttempts: 2 });
  assert.equal(returned.value, last[1]);
  assert.deepEqual(returned.reports.at(-1), { attempt: 2, status: 503, outcome: 'failure', why: 'attempts' });
  assert.equal(await last[1]!.text(), '{}');
  const error = sdkError(500);
  const thrown = await tried(throwing(error));
  assert.equal(thrown.error, error);
  assert.equal(thrown.at.length, 3);
});

test('a handler that throws or rejects changes nothing', async () => {
  for (const onAttempt of [throwing(new Error('mine')), () => Promise.reject(new Error('mine'))]) {
    const { value } = await tried(
      once(() => refusal(500), 'answer'),
      { onAttempt },
    );
    assert.equal(value, 'answer');
  }
});

test('pauses without a word of the server are jittered in full, and doubled up to a bound', async () => {
  const bounds = [100, 200, 400, 500, 500];
  const pauses: number[][] = bounds.map(() => []);
  for (let seed = 0; seed < 200; seed++) {
    const options = { seed, maxAttempts: 6, maxWaitMs: Infinity, initialBackoffMs: 100, maxBackoffMs: 500 };
    const { reports } = await tried(() => refusal(500), options);
    reports.slice(0, 5).forEach((report, i) => pauses[i]!.push(report.outcome === 'retry' ? report.delayMs : NaN));
  }
  bounds.forEach((bound, i) => {
    const all = pauses[i]!;
    assert.ok(all.every((pause) => pause >= 0 && pause < bound));
    // Uniform: the mean of 200 is within 4 standard errors of the middle, and both ends are met.
    const mean = all.reduce((sum, pause) => sum + pause, 0) / all.length;
    assert.ok(Math.abs(mean / bound - 0.5) < (4 * Math.sqrt(1 / 12)) / Math.sqrt(200), `mean ${mean} of ${bound}`);
    assert.ok(Math.min(...all) < 0.05 * bound && Math.max(...all) > 0.95 * bound);
  });
});

test('the same seed makes the same pauses', async () => {
  const pausesOf = async (seed: number): Promise<number[]> => (await tried(() => refusal(500), { seed })).at;
  assert.deepEqual(await pausesOf(7), await pausesOf(7));
  assert.notDeepEqual(await pausesOf(7), await pausesOf(8));
  // Seeds that differ only above 32 bits are different seeds.
  assert.notDeepEqual(await pausesOf(7), await pausesOf(7 + 2 ** 40));
});

/** Ways of saying how long to stay away. Dates have whole seconds. */
const FORMS: [string, (ms: number) => Record<string, string>][] = [
  ['retry-after-ms', (ms) => ({ 'retry-after-ms': String(ms) })],
  ['seconds', (ms) => ({ 'Retry-After': (ms / 1000).toFixed(6) })],
  ['date', (ms) => ({ 'Retry-After': new Date(NOW + Math.ceil(ms / 1000) * 1000).toUTCString() })],
];

for (const [form, headers] of FORMS)
  test(`never before the instant of the server, from 1 ms to 24 h: ${form}`, async () => {
    const random = createRandom(11);
    for (let round = 0; round < 60; round++) {
      const ms = Math.exp(random() * Math.log(86_400_000));
      const delays = round === 0 ? 1 : round === 1 ? 86_400_000 : ms;
      const answer = round % 2 === 0 ? throwing(sdkError(429, headers(delays))) : () => refusal(429, headers(delays));
      const options = { seed: round, maxWaitMs: Infinity };
      const { at, value } = await tried(once<unknown, string>(answer, 'answer'), options);
      const asked = form === 'date' ? Math.ceil(delays / 1000) * 1000 : Number(delays.toFixed(3));
      assert.equal(value, 'answer');
      const waited = at[1]! - NOW;
      assert.ok(waited >= asked, `${waited} ms of ${asked}`);
      assert.ok(waited <= 2 * asked + 1 && waited <= asked + 1_001, `${waited} ms of ${asked}`);
    }
  });

test('a pause longer than timers keep is taken in pieces, and timers that come early are not believed', async () => {
  const inner = createTestClock(NOW);
  const armed: number[] = [];
  const clock: ClockWithTimers = {
    now: () => inner.time,
    setTimeout(callback, ms) {
      assert.ok(ms <= 2 ** 31 - 1, `a timer of ${ms} ms`);
      armed.push(ms);
      return inner.setTimeout(callback, Math.max(ms - 1, 1));
    },
    clearTimeout: inner.clearTimeout,
  };
  const ms = 60 * 86_400_000;
  const at: number[] = [];
  const call = withRetry(
    (attempt) => {
      at.push(inner.time);
      if (attempt === 1) throw sdkError(429, { 'retry-after-ms': String(ms) });
    },
    { clock, maxWaitMs: Infinity },
  );
  await through(inner, call);
  assert.ok(at[1]! - NOW >= ms, `${at[1]! - NOW} ms`);
  assert.ok(armed.length >= 3);
});

test('a pause above maxWaitMs is not begun, and all pauses together stay below it', async () => {
  const long = await tried(() => refusal(429, { 'retry-after': '61' }));
  assert.deepEqual(long.at, [NOW]);
  assert.deepEqual(long.reports, [{ attempt: 1, status: 429, outcome: 'failure', why: 'wait' }]);
  assert.equal((await tried(once(() => refusal(429, { 'retry-after': '60' }), 1))).at[1], NOW + 60_000);

  const many = await tried(() => refusal(429, { 'retry-after': '25' }), { maxAttempts: 10 });
  assert.deepEqual(many.reports.at(-1), { attempt: 3, status: 429, outcome: 'failure', why: 'wait' });
  assert.ok(many.at.at(-1)! - NOW <= 60_000);

  const none = await tried(() => refusal(500), { maxWaitMs: 0 });
  assert.deepEqual(none.at, [NOW]);
});

test('a signal that was aborted before stops everything', async () => {
  const { signal, abort } = countedSignal();
  abort('gone');
  await assert.rejects(
    withRetry(() => assert.fail('called'), { signal }),
    (reason) => reason === 'gone',
  );
});

test('a signal ends a pause at once, and nothing stays behind', async () => {
  const { signal, abort, listeners } = countedSignal();
  const clock = createTestClock(NOW);
  let calls = 0;
  const call = withRetry(() => refusal(500, {}, calls++), { signal, clock, maxWaitMs: Infinity });
  call.catch(() => {});
  await settled();
  await settled();
  assert.equal(listeners(), 1);
  abort('enough');
  await assert.rejects(call, (reason) => reason === 'enough');
  assert.deepEqual([listeners(), clock.next(), calls], [0, false, 1]);
});

test('a signal aborted during a call means no other; what succeeded all the same is given back', async () => {
  const failing = countedSignal();
  const { reports, error } = await tried(
    () => {
      failing.abort('enough');
      return refusal(500);
    },
    { signal: failing.signal },
  );
  assert.equal(error, 'enough');
  assert.deepEqual(reports, [{ attempt: 1, status: 500, outcome: 'failure', why: 'aborted' }]);
  const late = countedSignal();
  const fn = (): string => {
    late.abort('enough');
    return 'answer';
  };
  assert.equal((await tried(fn, { signal: late.signal })).value, 'answer');
});

test('a response that is not given back frees its connection', async () => {
  const cancelled: number[] = [];
  const bodies = [1, 2].map(
    (id) => new Response(new ReadableStream({ cancel: () => void cancelled.push(id) }), { status: 500 }),
  );
  // Its end never comes: the body is waited for only so long.
  const { value } = await tried((attempt) => bodies[attempt - 1]!, { maxAttempts: 2 });
  assert.equal(value, bodies[1]);
  assert.deepEqual(cancelled, [1]);
  await bodies[1]!.body!.cancel();
  assert.deepEqual(cancelled, [1, 2]);
});

test('a denial waits for its retryAt, in the time of the governor', async (t) => {
  const { governor, clock } = bench(t, { limits: { requests: '2/m' } });
  granted(governor.acquire(ask('a')));
  clock.advance(10_000);
  granted(governor.acquire(ask('a')));
  const free = clock.time + 50_000;
  const at: number[] = [];
  const call = withRetry(
    async () => {
      at.push(clock.time);
      await using lease = await governor.lease(ask('b'), { timeoutMs: 0 });
      return lease.leaseId;
    },
    { governor, seed: 3 },
  );
  assert.match(await through(clock, call), /^lease-/);
  assert.equal(at.length, 2);
  assert.ok(at[1]! >= free && at[1]! <= free + 1_001, `${at[1]} after ${free}`);
});

test('a denial for concurrency is asked again after its retryAfterMs: calls may end before their leases', async (t) => {
  const { governor, clock } = bench(t, { concurrency: { maxInFlight: 1 } });
  const held = granted(governor.acquire(ask('a')));
  const attempts: number[] = [];
  const call = withRetry(
    (attempt) => {
      attempts.push(clock.time);
      if (attempt === 2) governor.release(held);
      return withLease(governor, ask('b'), () => 'answer');
    },
    { governor },
  );
  const result = await through(clock, call);
  assert.ok(result.granted && result.result === 'answer');
  assert.ok(attempts[1]! - attempts[0]! <= 10_000);
});

test('a denial that waiting cannot change is not retried', async (t) => {
  const { governor } = bench(t, { limits: { tokens: '100/m' } });
  const request = ask('a', { estimate: { promptTokens: 101 } });
  const { at, error, reports } = await tried(() => governor.lease(request), { governor });
  assert.ok(DeniedError.isInstance(error));
  assert.equal(at.length, 1);
  assert.deepEqual(reports, [{ attempt: 1, error, outcome: 'failure', why: 'terminal' }]);
});

test('a denial inside of an error of an SDK is one', async (t) => {
  const { governor, clock } = bench(t, { limits: { requests: '1/m' } });
  granted(governor.acquire(ask('a')));
  const decision = governor.acquire(ask('a'));
  assert.ok(!decision.granted);
  const error = Object.assign(new Error('Connection error.'), { cause: new DeniedError(decision) });
  const { at } = await tried(once(throwing(error), 'answer'), { governor }, clock);
  assert.ok(at[1]! >= decision.retryAt!);
});

const BAD: [Record<string, unknown>, string][] = [
  [{ maxAttempts: 0 }, 'options.maxAttempts'],
  [{ maxAttempts: 1.5 }, 'options.maxAttempts'],
  [{ maxWaitMs: -1 }, 'options.maxWaitMs'],
  [{ maxWaitMs: NaN }, 'options.maxWaitMs'],
  [{ initialBackoffMs: 0 }, 'options.initialBackoffMs'],
  [{ maxBackoffMs: Infinity }, 'options.maxBackoffMs'],
  [{ signal: {} }, 'signal'],
  [{ clock: {} }, 'options.clock'],
  [{ clock: () => 0 }, 'options.clock'],
  [{ seed: -1 }, 'options.seed'],
  [{ governor: {} }, 'options.governor'],
  [{ model: 3 }, 'options.model'],
  [{ readAnswer: true }, 'options.readAnswer'],
  [{ retryIf: 'always' }, 'options.retryIf'],
  [{ onAttempt: {} }, 'options.onAttempt'],
  [{ retries: 3 }, 'options.retries'],
];

for (const [options, field] of BAD)
  test(`refused: ${JSON.stringify(options)} ${field}`, async () => {
    let calls = 0;
    await assert.rejects(
      withRetry(() => calls++, options as WithRetryOptions),
      (error) => InputError.isInstance(error) && error.field === field,
    );
    assert.equal(calls, 0);
  });

test('what is no function, and options that are none, are refused', async () => {
  for (const args of [['no function'], [() => 1, 'no options']])
    await assert.rejects(withRetry(...(args as unknown as [() => number])), InputError);
});

test('a clock that fails after a call costs neither its result nor its error', async () => {
  for (const fails of [false, true]) {
    let broken = false;
    const timers = createTestClock(NOW);
    const clock: ClockWithTimers = {
      now: () => (broken ? NaN : timers.now()),
      setTimeout: (fn, ms) => timers.setTimeout(fn, ms),
      clearTimeout: (timer) => timers.clearTimeout(timer),
    };
    const error = sdkError(500);
    const calls = withRetry(
      () => {
        broken = true;
        if (fails) throw error;
        return 'a paid answer';
      },
      { clock, maxAttempts: 2 },
    );
    const ended = await through(timers, calls).catch((reason: unknown) => reason);
    assert.equal(ended, fails ? error : 'a paid answer');
  }
});

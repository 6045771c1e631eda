/** `withRetry` against a plain reading of its promises, over random calls, answers and options. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createGovernor,
  createTestClock,
  DeniedError,
  withRetry,
  type AttemptReport,
  type GovernorDenied,
  type TestClock,
  type WithRetryOptions,
} from 'throttleai';
import { createRandom, type Random } from 'throttleai/testing';
import { NOW, refusal, sdkError, throwing, through } from './retry-support.ts';
import { countedSignal } from './support.ts';

/** What a call does: its end, and what that means. */
interface Planned {
  end: (now: number) => unknown;
  kind: 'success' | 'terminal' | 'retry';
  /** Not before so many ms after its end. */
  afterMs: number;
  sent: boolean;
}

interface Made extends Planned {
  began: number;
  ended: number;
}

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)]!;

function planned(random: Random): Planned {
  const afterMs = Math.round(Math.exp(random() * Math.log(86_400_000)));
  const headers = { 'retry-after-ms': String(afterMs) };
  const denial = (retryAt: number | null): DeniedError =>
    new DeniedError({
      granted: false,
      reason: 'rate',
      retryAfterMs: 25,
      recommendation: '',
      retryAt,
    } as GovernorDenied);
  const sent = { sent: true, afterMs: 0 };
  return pick<Planned>(random, [
    { ...sent, kind: 'success', end: () => 'answer' },
    { ...sent, kind: 'terminal', end: () => refusal(pick(random, [400, 401, 403, 404, 422]), headers) },
    { ...sent, kind: 'terminal', end: throwing(new RangeError('a mistake')) },
    { ...sent, kind: 'terminal', sent: false, end: () => throwing(denial(null))() },
    { ...sent, kind: 'retry', end: () => refusal(pick(random, [429, 500, 529])) },
    { ...sent, kind: 'retry', end: throwing(sdkError(503)) },
    { ...sent, kind: 'retry', afterMs, end: throwing(sdkError(429, headers)) },
    { ...sent, kind: 'retry', afterMs, end: () => refusal(429, headers) },
    { kind: 'retry', sent: false, afterMs, end: (now) => throwing(denial(now + afterMs))() },
  ]);
}

interface Run {
  made: Made[];
  reports: AttemptReport[];
  options: Record<'maxAttempts' | 'maxWaitMs' | 'initialBackoffMs' | 'maxBackoffMs', number>;
  result: unknown;
}

async function run(random: Random, clock: TestClock, more: WithRetryOptions): Promise<Run> {
  const options = {
    maxAttempts: 1 + Math.floor(random() * 8),
    maxWaitMs: pick(random, [0, 1_000, 60_000, 3_600_000, Infinity]),
    initialBackoffMs: pick(random, [1, 250, 5_000]),
    maxBackoffMs: pick(random, [1, 1_000, 20_000]),
  };
  const made: Made[] = [];
  const reports: AttemptReport[] = [];
  const call = withRetry(
    async () => {
      const plan = planned(random);
      const began = clock.time;
      await new Promise<void>((resolve) => clock.setTimeout(resolve, Math.floor(random() * 3) * 700));
      made.push({ ...plan, began, ended: clock.time });
      return plan.end(clock.time);
    },
    { ...options, ...more, clock, seed: Math.floor(random() * 1e9), onAttempt: (report) => reports.push(report) },
  );
  let result: unknown;
  try {
    result = await through(clock, call);
  } catch (error) {
    result = error;
  }
  return { made, reports, options, result };
}

function check({ made, reports, options }: Run, mayRunOut: boolean): void {
  const { maxAttempts, maxWaitMs, initialBackoffMs, maxBackoffMs } = options;
  assert.ok(made.length <= maxAttempts);
  assert.equal(reports.length, made.length);
  let waited = 0;
  made.forEach(({ kind, afterMs, sent, ended }, i) => {
    const report = reports[i]!;
    const next = made[i + 1];
    assert.equal(report.attempt, i + 1);
    const left = maxWaitMs - waited;
    if (report.outcome === 'retry') {
      assert.ok(next, 'a retry is made');
      const bound = Math.min(initialBackoffMs * 2 ** i, maxBackoffMs);
      const most = afterMs > 0 ? afterMs + Math.min(bound, afterMs) : bound;
      assert.equal(kind, 'retry');
      assert.ok(report.delayMs >= afterMs && report.delayMs <= Math.min(most, left), `${report.delayMs} of ${most}`);
      assert.equal(next.began, Math.max(Math.ceil(ended + report.delayMs), ended + (report.delayMs > 0 ? 1 : 0)));
      waited += report.delayMs;
      return;
    }
    assert.equal(next, undefined, 'nothing follows');
    if (report.outcome === 'success') return assert.equal(kind, 'success');
    const expected = kind === 'terminal' ? 'terminal' : i + 1 >= maxAttempts ? 'attempts' : undefined;
    if (expected !== undefined) return assert.equal(report.why, expected);
    if (report.why === 'wait') return assert.ok(left <= 0 || afterMs > left);
    assert.equal(report.why, 'budget');
    assert.ok(mayRunOut && sent);
  });
}

test('calls, pauses and reasons are those that the options allow', async () => {
  const reasons = new Set<string>();
  for (let seed = 1; seed <= 400; seed++) {
    const random = createRandom(seed);
    const clock = createTestClock(NOW);
    const { signal, listeners } = countedSignal();
    const minPerMinute = Math.floor(random() * 4);
    const governor = createGovernor({ clock, retryBudget: { ratio: 0, minPerMinute } });
    const withBudget = random() < 0.5;
    const done = await run(random, clock, { signal, governor: withBudget ? governor : null });
    try {
      check(done, withBudget);
      assert.equal(listeners(), 0, 'nobody listens any more');
      assert.equal(clock.next(), false, 'no timer is left');
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    const last = done.reports.at(-1)!;
    reasons.add(last.outcome === 'failure' ? last.why : last.outcome);
    const { kind } = done.made.at(-1)!;
    if (kind === 'success') assert.equal(done.result, 'answer');
    governor.close();
  }
  assert.deepEqual([...reasons].sort(), ['attempts', 'budget', 'success', 'terminal', 'wait']);
});

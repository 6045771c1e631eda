/** What the tests of the shell share: a governor on a test clock whose events are kept, and what an error names. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  createGovernor,
  createTestClock,
  type AcquireDecision,
  type AcquireDenied,
  type AcquireGranted,
  type AcquireRequest,
  type Governor,
  type GovernorConfig,
  type GovernorEvent,
  type TestClock,
} from 'throttleai';

export interface Bench {
  governor: Governor;
  clock: TestClock;
  events: GovernorEvent[];
}

/** A governor on a test clock. Closed when the test ends. */
export function bench(t: TestContext, config: GovernorConfig = {}, clock: TestClock = createTestClock()): Bench {
  const events: GovernorEvent[] = [];
  const governor = createGovernor({ seed: 1, clock, onEvent: (event) => void events.push(event), ...config });
  t.after(() => governor.close());
  return { governor, clock, events };
}

export const ask = (actorId: string, more: Partial<AcquireRequest> = {}): AcquireRequest => ({
  actorId,
  action: 'chat',
  ...more,
});

/** @returns the id of the lease */
export function granted(decision: AcquireDecision): string {
  assert.equal(decision.granted, true, JSON.stringify(decision));
  return (decision as AcquireGranted).leaseId;
}

export function denied(decision: AcquireDecision): AcquireDenied {
  assert.equal(decision.granted, false, JSON.stringify(decision));
  return decision as AcquireDenied;
}

/** Lets everything that is settled be seen. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A signal that can be aborted, and how many listen to it. */
export function countedSignal(): { signal: AbortSignal; abort: (reason?: unknown) => void; listeners: () => number } {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  return { signal, abort: (reason) => controller.abort(reason), listeners: () => listeners };
}

/** Repeatable random numbers below `n`. */
export function random(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** What the tests of retries share: a clock that goes on as long as somebody waits, and calls that fail in a given way. */
import assert from 'node:assert/strict';
import { createTestClock, withRetry, type AttemptReport, type TestClock, type WithRetryOptions } from 'throttleai';
import { settled } from './support.ts';

/** A real time: dates of HTTP mean something then. */
export const NOW = 1_790_000_000_000;

/** Fires timers until `promise` is settled. */
export async function through<T>(clock: TestClock, promise: Promise<T>): Promise<T> {
  let open = true;
  const end = (): void => void (open = false);
  promise.then(end, end);
  for (;;) {
    // Bodies of responses take some turns.
    for (let turn = 0; turn < 4 && open; turn++) await settled();
    if (!open) return promise;
    assert.ok(clock.next(), 'it waits, and no timer is set');
  }
}

export interface Tried<T> {
  /** When the calls were made. */
  at: number[];
  reports: AttemptReport[];
  value?: T;
  error?: unknown;
}

/** Calls `fn` with retries on a test clock, to the end. */
export async function tried<T>(
  fn: (attempt: number) => T | PromiseLike<T>,
  options: WithRetryOptions = {},
  clock: TestClock = createTestClock(NOW),
): Promise<Tried<T>> {
  const result: Tried<T> = { at: [], reports: [] };
  const call = withRetry(
    (attempt) => {
      result.at.push(clock.time);
      return fn(attempt);
    },
    { clock, seed: 1, onAttempt: (report) => void result.reports.push(report), ...options },
  );
  try {
    result.value = await through(clock, call);
  } catch (error) {
    result.error = error;
  }
  return result;
}

/** Fails once, then answers. */
export const once =
  <T, U>(first: () => T, then: U) =>
  (attempt: number): T | U =>
    attempt === 1 ? first() : then;

export const throwing = (error: unknown) => (): never => {
  throw error;
};

export const refusal = (status: number, headers: Record<string, string> = {}, body: unknown = {}): Response =>
  new Response(JSON.stringify(body), { status, headers });

/** An error as SDKs throw it. */
export const sdkError = (status: number, headers: Record<string, string> = {}, more: object = {}): Error =>
  Object.assign(new Error(`${status} refused`), { status, headers: new Headers(headers) }, more);

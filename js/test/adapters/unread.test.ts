/** What watches over answers that nobody reads: it holds up no process, and nothing of it stays behind. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ClockWithTimers } from 'throttleai';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { notedGovernor, settle } from './support.ts';

/** Held by the package for the rest of the process, so it is replaced before its first use. */
const registered = new Set<object>();
const Finalizers = globalThis.FinalizationRegistry;
globalThis.FinalizationRegistry = class<T> extends Finalizers<T> {
  override register(target: WeakKey, held: T, token: WeakKey): void {
    registered.add(token);
    super.register(target, held, token);
  }
  override unregister(token: WeakKey): boolean {
    registered.delete(token);
    return super.unregister(token);
  }
};

const IDLE_MS = 12_345;

/** A clock that stands still and notes the timers for idle streams. */
function notingClock(): { clock: ClockWithTimers; armed: Set<object>; unrefs: () => number } {
  const armed = new Set<object>();
  let unrefs = 0;
  const clock: ClockWithTimers = {
    now: () => 1e6,
    setTimeout(_callback, ms) {
      const timer = { ms, ref() {}, unref: () => void (ms === IDLE_MS && unrefs++) };
      if (ms === IDLE_MS) armed.add(timer);
      return timer;
    },
    clearTimeout: (timer) => void armed.delete(timer as object),
  };
  return { clock, armed, unrefs: () => unrefs };
}

const HEADERS = { 'content-type': 'text/event-stream' };
const streaming = async (): Promise<Response> => new Response('data: 1\n\n', { headers: HEADERS });

async function unread(t: TestContext): Promise<ReturnType<typeof notingClock> & { response: Response }> {
  const noting = notingClock();
  const { governor } = notedGovernor(t, { clock: noting.clock });
  registered.clear();
  const answer = await wrapFetch(streaming, { governor, idleMs: IDLE_MS })('https://example.com/');
  assert.ok(answer.ok);
  return { ...noting, response: answer.response };
}

test('the timer of an unread stream does not keep the process alive', async (t) => {
  const { armed, unrefs } = await unread(t);
  assert.deepEqual([armed.size, unrefs()], [1, 1]);
});

for (const [how, end] of [
  ['read to its end', (response: Response): Promise<unknown> => response.text()],
  ['cancelled', (response: Response): Promise<unknown> => response.body!.cancel()],
] as const) {
  test(`of a stream that was ${how} neither a timer nor a finalizer is left`, async (t) => {
    const { armed, response } = await unread(t);
    assert.deepEqual([armed.size, registered.size], [1, 1]);
    await end(response);
    await settle();
    assert.deepEqual([armed.size, registered.size], [0, 0]);
  });
}

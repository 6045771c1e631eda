/**
 * Waiting where work ends with its request, as on Workers: a request's timers are its own, nobody else can take them back,
 * and they are gone when it ends. What workerd itself says is in pkg-tests/consumers/waiting-worker.
 */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { after, before, test } from 'node:test';
import { createGovernor, createTestClock, type ClockWithTimers, type Governor, type GovernorConfig } from 'throttleai';
import { random, settled } from './support.ts';

const original = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
before(() =>
  Object.defineProperty(globalThis, 'navigator', {
    value: { userAgent: 'Cloudflare-Workers' },
    configurable: true,
  }),
);
after(() => {
  if (original === undefined) delete (globalThis as { navigator?: unknown }).navigator;
  else Object.defineProperty(globalThis, 'navigator', original);
});

/** One request: what it waits for, and what is armed in it. */
class OwnRequest {
  readonly timers = new Set<unknown>();
  answer: { said: string; at: number } | undefined;
  gone = false;
}

/** A platform in which requests wait at one governor. */
class Platform {
  readonly #time = createTestClock();
  readonly #own = new AsyncLocalStorage<OwnRequest>();
  readonly requests: OwnRequest[] = [];
  readonly governor: Governor;

  constructor(config: GovernorConfig) {
    const clock: ClockWithTimers = {
      now: this.#time.now,
      setTimeout: (callback, ms) => {
        const request = this.#own.getStore();
        if (request === undefined) throw new Error('no timers outside of requests');
        if (request.gone) return undefined;
        const fired = (): void => {
          request.timers.delete(timer);
          this.#own.run(request, callback);
        };
        const timer = this.#time.setTimeout(fired, ms);
        request.timers.add(timer);
        return timer;
      },
      clearTimeout: (timer) => {
        if (this.#own.getStore()?.timers.delete(timer) === true) this.#time.clearTimeout(timer);
      },
    };
    this.governor = createGovernor({ ...config, clock, seed: 1 });
  }

  get now(): number {
    return this.#time.time;
  }

  async ask(timeoutMs: number): Promise<OwnRequest> {
    const request = new OwnRequest();
    this.requests.push(request);
    void this.#own.run(request, async () => {
      const decision = await this.governor.acquireAsync({ actorId: 'a', action: 'chat' }, { timeoutMs });
      request.answer = { said: decision.granted ? 'granted' : decision.cause, at: this.now };
      this.end(request);
    });
    await settled();
    return request;
  }

  /** It has answered, or its client has left. */
  end(request: OwnRequest): void {
    request.gone = true;
    for (const timer of request.timers) this.#time.clearTimeout(timer);
    request.timers.clear();
  }

  /** Lets time go on until nothing is left to come. A request that waits with nothing armed would be ended as hung. */
  async run(): Promise<void> {
    do {
      await settled();
      for (const { gone, timers } of this.requests) assert.ok(gone || timers.size > 0, 'a request has hung');
    } while (this.#time.next());
  }
}

const WINDOW_MS = 200;
const windows = { rate: { requestsPerMinute: 4, windowMs: WINDOW_MS } };

test('who is granted ends its request and its timers, and the next ones are granted at their instants', async () => {
  const platform = new Platform(windows);
  const start = platform.now;
  for (let n = 0; n < 30; n++) await platform.ask(60_000);
  await platform.run();
  platform.requests.forEach(({ answer }, n) => {
    assert.deepEqual(answer, { said: 'granted', at: start + Math.floor(n / 4) * WINDOW_MS });
  });
});

test('each is refused in its own time where nobody gives anything back', async () => {
  const platform = new Platform({ concurrency: { maxInFlight: 1 }, leaseTtlMs: 3_600_000 });
  await platform.ask(0);
  const start = platform.now;
  for (let n = 1; n < 20; n++) await platform.ask(5000 - n * 10);
  await platform.run();
  platform.requests.slice(1).forEach(({ answer }, n) => {
    assert.deepEqual(answer, { said: 'deadline', at: start + 5000 - (n + 1) * 10 });
  });
});

test('whoever leaves, the others have their turns', async () => {
  const count = 24;
  for (let seed = 1; seed <= 60; seed++) {
    const below = random(seed);
    const platform = new Platform(windows);
    const start = platform.now;
    const timeouts: number[] = [];
    for (let n = 0; n < count; n++) {
      timeouts.push(1000 + below(60_000));
      await platform.ask(timeouts[n]!);
    }
    const left = platform.requests.filter((request) => !request.gone && below(3) === 0);
    for (const request of left) platform.end(request);
    await platform.run();
    // A window for each four, and a second for each whose client took the timer with it.
    const all = Math.floor(count / 4) * WINDOW_MS + left.length * 1000;
    platform.requests.forEach((request, n) => {
      const { answer } = request;
      if (left.includes(request)) return;
      assert.ok(answer !== undefined && answer.at <= start + timeouts[n]!, `seed ${seed}`);
      if (timeouts[n]! >= all) assert.equal(answer.said, 'granted', `seed ${seed}`);
    });
  }
});

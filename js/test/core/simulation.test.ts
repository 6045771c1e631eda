/**
 * A million random operations through the shell and the wasm, each answer checked against the naive model. The seed is
 * printed first; `SEED=n` repeats a run, `OPERATIONS=n` makes it shorter or longer.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createGovernor,
  createTestClock,
  formatEvent,
  type Governor,
  type GovernorConfig,
  type GovernorEvent,
  type TestClock,
} from 'throttleai';
import { Model, type ModelConfig } from './model.ts';
import { denied, granted, random } from './support.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const OPERATIONS = Number(process.env['OPERATIONS'] ?? 1_000_000);
const OPERATIONS_A_RUN = 5000;
console.log(`simulation seed ${SEED}`);

class Run {
  readonly config: ModelConfig;
  readonly pick: (n: number) => number;
  readonly clock: TestClock = createTestClock(1_000_000);
  readonly model: Model;
  readonly events: GovernorEvent[] = [];
  readonly ids: string[] = [];
  governor: Governor;

  constructor(seed: number) {
    this.pick = random(seed);
    const { pick } = this;
    const max = 1 + pick(8);
    this.config = {
      max,
      reserve: pick(max),
      requests: 1 + pick(30),
      tokens: 1 + pick(2000),
      windowMs: 1 + pick(5000),
      ttlMs: 1 + pick(4000),
    };
    this.model = new Model(this.config);
    this.governor = this.make();
  }

  make(restore?: Uint8Array): Governor {
    const { max, reserve, requests, tokens, windowMs, ttlMs } = this.config;
    const config: GovernorConfig = {
      concurrency: { maxInFlight: max, interactiveReserve: reserve },
      rate: { requestsPerMinute: requests, tokensPerMinute: tokens, windowMs },
      leaseTtlMs: ttlMs,
      clock: this.clock,
      seed: 1,
      onEvent: (event) => void this.events.push(event),
    };
    const governor = createGovernor(config, { restore: restore ?? null });
    governor.dispose(); // The model frees lazily only.
    return governor;
  }

  step(): void {
    const at = this.pick(100);
    if (at < 45) this.acquire();
    else if (at < 75) this.release();
    else if (at < 80) this.renew();
    else if (at < 98) this.clock.time += this.pick(this.pick(10) === 0 ? 5000 : 200);
    else if (at < 99) this.mistake();
    else this.move();
    this.look();
  }

  acquire(): void {
    const { pick, clock, model } = this;
    const weight = [1, 1, 1, 0.1, 0.5, 2, 3.25, 9][pick(8)] ?? 1;
    const [promptTokens, maxOutputTokens] = pick(3) === 0 ? [0, 0] : [pick(100), pick(1000) / 4];
    const [prompt, output] = [promptTokens, Math.ceil(maxOutputTokens)];
    const request = { weight, tokens: prompt + output, background: pick(3) === 0 };
    const swept = model.sweep(clock.time);
    const refusal = model.refusal(request, clock.time);
    const decision = this.governor.acquire({
      actorId: `a${pick(5)}`,
      action: 'x',
      priority: request.background ? 'background' : 'interactive',
      estimate: { weight, promptTokens, maxOutputTokens },
    });
    assert.deepEqual(
      this.events
        .filter(({ type }) => type === 'expire')
        .map(({ leaseId }) => leaseId)
        .sort(),
      swept.map(({ id }) => id).sort(),
    );
    assert.equal(this.events.at(-1)?.type, refusal === undefined ? 'acquire' : 'deny');
    this.events.length = 0;
    if (refusal === undefined) {
      const id = granted(decision);
      assert.equal(decision.granted && decision.expiresAt, clock.time + this.config.ttlMs);
      model.grant(id, request, prompt, output, clock.time);
      this.ids.push(id);
      return;
    }
    const { reason, retryAt = NaN, limit } = denied(decision);
    assert.equal(reason, refusal === 'concurrency' ? 'concurrency' : 'rate');
    if (refusal !== 'concurrency') assert.ok(limit !== undefined);
    const fits = (instant: number): boolean => model.refusal(request, instant) === undefined;
    if (retryAt === null) assert.equal(fits(1e9), false, 'never is never');
    else assert.ok(retryAt > clock.time && fits(retryAt) && !fits(retryAt - 1), `retryAt ${retryAt} at ${clock.time}`);
  }

  release(): void {
    const { pick, ids, model, events } = this;
    if (ids.length === 0) return;
    const index = pick(ids.length);
    const id = ids[index] ?? '';
    if (pick(10) > 0) ids.splice(index, 1); // Now and then it stays, and is released twice.
    const usage: { promptTokens?: number; outputTokens?: number } = {};
    if (pick(3) > 0) usage.promptTokens = pick(150);
    if (pick(3) > 0) usage.outputTokens = pick(400);
    const live = model.release(id, usage);
    this.governor.release(id, { usage });
    assert.deepEqual(
      events.map(({ type }) => type),
      live ? ['release'] : [],
    );
    events.length = 0;
  }

  renew(): void {
    const id = this.ids[this.pick(this.ids.length || 1)] ?? 'lease-none';
    const ttlMs = 1 + this.pick(5000);
    assert.equal(this.governor.renew(id, ttlMs), this.model.renew(id, ttlMs, this.clock.time));
  }

  mistake(): void {
    const bad = [
      {},
      { actorId: 'a' },
      { actorId: 'a', action: 'b', estimate: { weight: -1 } },
      { actorId: '__proto__', action: 'b', priority: 'x' },
      null,
    ];
    assert.throws(() => this.governor.acquire(bad[this.pick(bad.length)] as never));
    this.governor.release(['', '__proto__', 'lease-1-', 'lease-1-zzz.9', 'lease-2-0.0'][this.pick(5)] ?? '');
  }

  /** Goes on in another governor, from the image of this one. */
  move(): void {
    const image = this.governor.save();
    this.governor.close();
    this.governor = this.make(image);
    assert.deepEqual(this.governor.save(), image);
  }

  look(): void {
    const { governor, model, clock } = this;
    const { requests, tokens } = model.window(clock.time);
    assert.deepEqual(
      [governor.activeLeases, governor.concurrencyActive, governor.rateCount, governor.tokenRateCount],
      [model.held.length, model.weightAt(-Infinity), requests, tokens],
    );
  }
}

test('random operations are answered as the naive model answers them', () => {
  for (let done = 0, run = 0; done < OPERATIONS; run++) {
    const seed = SEED + run;
    const current = new Run(seed);
    let step = 0;
    try {
      for (; step < OPERATIONS_A_RUN && done < OPERATIONS; step++, done++) current.step();
      current.governor.close();
    } catch (error) {
      const trace = {
        seed,
        step,
        config: current.config,
        time: current.clock.time,
        events: current.events.map((event) => formatEvent(event)),
      };
      throw new Error(`SEED=${seed} fails at step ${step}: ${JSON.stringify(trace)}`, { cause: error });
    }
  }
});

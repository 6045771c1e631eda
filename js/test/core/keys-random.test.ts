/**
 * Random calls, times, images and configurations against a log that keeps everything. The seed is printed with a failure:
 * `SEED=... node --import tsx --test js/test/core/keys-random.test.ts`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createGovernor,
  createTestClock,
  type AcquireRequest,
  type Governor,
  type Limit,
  type Scope,
} from 'throttleai';
import { random } from './support.ts';

const STEPS = 30_000;
const SCOPES = ['actor', 'model', 'tenant', 'action'] as const;
type Scopes = readonly Exclude<Scope, 'all'>[];

/** Names that a careless encoding would mix up, and two spellings of one. */
const NAMES = ['a', 'b', 'ab', '1:a', '1:', 'caf\u00e9', 'cafe\u0301', '__proto__', 'a\u0000', '+', 'model=a'];
const MODELS = [
  'a',
  'a-2024-05-13',
  'openai/a',
  'b:1',
  'x/b',
  'family-1',
  'family-1-preview',
  'family-2',
  'ft:family-2:x::y',
];
const FAMILY: Record<string, string> = {
  'a-2024-05-13': 'a',
  'openai/a': 'a',
  'family-1-preview': 'family-1',
  'ft:family-2:x::y': 'family-2',
};

const pools: { scopes: Scopes; limit: number; window: number }[] = [
  { scopes: [], limit: 40, window: 1_000 },
  { scopes: ['actor'], limit: 5, window: 700 },
  { scopes: ['actor'], limit: 9, window: 3_000 },
  { scopes: ['tenant', 'actor'], limit: 3, window: 1_500 },
  { scopes: ['model'], limit: 12, window: 900 },
  { scopes: ['action', 'model', 'tenant', 'actor'], limit: 2, window: 2_000 },
];

/** What a limit counts: instants by key. */
interface Counted {
  readonly name: string;
  readonly scopes: Scopes;
  readonly limit: number;
  readonly window: number;
  readonly only: string | undefined;
  readonly log: Map<string, number[]>;
}

class Run {
  readonly below: (n: number) => number;
  readonly clock = createTestClock();
  governor: Governor;
  limits: Counted[] = [];
  grants = 0;
  denials = 0;

  constructor(seed: number) {
    this.below = random(seed);
    this.governor = createGovernor(this.config(true));
  }

  /** Some of the limits, in any order; those that go on keep what they count. */
  config(first: boolean, image?: true): Parameters<typeof createGovernor>[0] & object {
    const chosen = pools.filter(() => this.below(4) > 0).sort(() => this.below(3) - 1);
    const { limits } = this;
    const keep = (name: string): Counted['log'] => limits.find((known) => known.name === name)?.log ?? new Map();
    const shared = chosen.map(({ scopes, limit, window }): Counted => {
      const name = `requests/${window}ms${scopes.length === 0 ? '' : `/${SCOPES.filter((scope) => scopes.includes(scope)).join('+')}`}`;
      return { name, scopes, limit, window, only: undefined, log: keep(name) };
    });
    // Families that a function has named go on, whatever happens to the others.
    this.limits = [...shared, ...(first ? [] : limits.filter(({ only }) => only !== undefined))];
    const written = shared.map(({ limit, window, scopes }): Limit => ({
      metric: 'requests',
      limit,
      window,
      per: scopes.length === 0 ? 'all' : scopes,
    }));
    const family: Limit[] = [{ metric: 'requests', limit: 4, window: 1_200, per: 'tenant' }];
    return {
      clock: this.clock,
      seed: image === true ? 1 : 2,
      limits: written,
      models: (model) => (model.startsWith('family') ? { limits: family } : null),
    };
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  keyOf({ scopes }: Counted, request: AcquireRequest): string {
    const values = { ...request, actor: request.actorId, model: this.familyOf(request) };
    return JSON.stringify(scopes.map((scope) => values[scope]?.normalize('NFC') ?? null));
  }

  familyOf({ model }: AcquireRequest): string | undefined {
    return typeof model === 'string' ? (FAMILY[model] ?? model) : undefined;
  }

  call(): void {
    const request: AcquireRequest = {
      actorId: this.pick(NAMES),
      action: this.pick(['chat', 'embed', 'caf\u00e9', 'cafe\u0301']),
    };
    if (this.below(3) > 0) request.tenant = this.pick(NAMES);
    if (this.below(3) > 0) request.model = this.pick(MODELS);
    const family = this.familyOf(request);
    if (family?.startsWith('family') && !this.limits.some(({ only }) => only === family)) {
      const name = `requests/1200ms/tenant+model=${family}`;
      this.limits.push({ name, scopes: ['tenant'], limit: 4, window: 1_200, only: family, log: new Map() });
    }
    const now = this.clock.time;
    const counting = this.limits.filter(({ only }) => only === undefined || only === family);
    const logs = counting.map((limit) => {
      const key = this.keyOf(limit, request);
      const log = (limit.log.get(key) ?? []).filter((at) => at > now - limit.window);
      limit.log.set(key, log);
      return { limit, log };
    });
    const full = logs.filter(({ limit, log }) => log.length >= limit.limit);
    const decision = this.governor.acquire(request);
    assert.equal(decision.granted, full.length === 0, JSON.stringify([request, decision, full]));
    if (decision.granted) {
      this.grants += 1;
      for (const { log } of logs) log.push(now);
      this.governor.release(decision.leaseId);
    } else {
      this.denials += 1;
      const frees = full.map(({ limit, log }) => log[log.length - limit.limit]! + limit.window);
      assert.equal(decision.retryAt, Math.max(...frees));
      assert.ok(full.some(({ limit }, i) => limit.name === decision.limit && frees[i] === decision.retryAt));
    }
  }

  /** Goes on in another governor, from the image of this one, or here, with another configuration. */
  change(): void {
    if (this.below(2) === 0) return this.governor.reconfigure(this.config(false));
    const image = this.governor.save();
    this.governor.close();
    this.governor = createGovernor(this.config(false, true), { restore: image });
  }

  step(): void {
    const what = this.below(200);
    if (what === 0) this.change();
    else if (what < 40) this.clock.advance(this.below(what === 1 ? 4_000 : 200));
    else this.call();
  }
}

test('random calls are answered as a log that keeps everything answers them', () => {
  const seed = Number(process.env['SEED'] ?? 20_261_122);
  const run = new Run(seed);
  for (let step = 0; step < STEPS; step++) {
    try {
      run.step();
    } catch (error) {
      throw new Error(`SEED=${seed} fails at step ${step}`, { cause: error });
    }
  }
  assert.ok(run.grants > STEPS / 10 && run.denials > STEPS / 10, `${run.grants} granted, ${run.denials} denied`);
  run.clock.advance(10_000);
  for (let call = 0; call < 2_000; call++) run.call();
  const keys = new Set(
    run.limits.flatMap(({ scopes, only, log }) => [...log.keys()].map((key) => `${only} ${scopes.join()} ${key}`)),
  );
  const { keys: remembered = 0 } = run.governor.snapshot();
  assert.ok(remembered > 10 && remembered <= keys.size, `${remembered} of ${keys.size}`);
  run.governor.close();
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConfigError,
  createGovernor,
  createTestClock,
  Governor,
  GovernorError,
  presets,
  type GovernorConfig,
} from 'throttleai';
import { ask, bench, denied, granted } from './support.ts';

/** The error that a configuration is refused with. */
function refused(config: unknown): ConfigError {
  try {
    createGovernor(config as GovernorConfig).close();
  } catch (error) {
    assert.ok(ConfigError.isInstance(error), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'the configuration was taken' });
}

/** A configuration in which one field is `value`. */
function withField(path: string, value: unknown): GovernorConfig {
  const [section = '', field] = path.split('.');
  if (field === undefined) return { [section]: value };
  const rest = section === 'concurrency' ? { maxInFlight: 5 } : {};
  const base = section === 'adaptive' || section === 'fairness' ? { concurrency: { maxInFlight: 5 } } : {};
  return { ...base, [section]: { ...rest, [field]: value } } as GovernorConfig;
}

const NUMBERS = [
  'concurrency.maxInFlight',
  'concurrency.interactiveReserve',
  'rate.requestsPerMinute',
  'rate.tokensPerMinute',
  'rate.windowMs',
  'fairness.softCapRatio',
  'fairness.starvationWindowMs',
  'adaptive.alpha',
  'adaptive.targetDenyRate',
  'adaptive.latencyThreshold',
  'adaptive.adjustIntervalMs',
  'adaptive.minConcurrency',
  'leaseTtlMs',
  'reaperIntervalMs',
  'queue.max',
  'caps.actors',
  'caps.leases',
  'caps.idBytes',
];
const throwing = {
  valueOf: () => {
    throw new Error('no');
  },
  toString: () => {
    throw new Error('no');
  },
};
const cyclic: unknown[] = [];
cyclic.push(cyclic);
const BAD_NUMBERS: unknown[] = [
  NaN,
  Infinity,
  -Infinity,
  -1,
  1e300,
  '5',
  '',
  true,
  {},
  [],
  [5],
  cyclic,
  throwing,
  () => 5,
  Symbol('x'),
  5n,
  new Date(0),
  new Map(),
  Object.create(null),
  new Proxy({}, {}),
];

for (const path of NUMBERS) {
  test(`${path}: everything but a number in range is refused and named (fix)`, () => {
    for (const value of BAD_NUMBERS) {
      const error = refused(withField(path, value));
      assert.equal(error.field, path);
      assert.equal(error.value, value);
      assert.equal(typeof error.allowed, 'string');
      assert.ok(error.message.length > 0 && error.message.length < 300, error.message);
    }
    for (const value of [null, undefined]) {
      if (path !== 'concurrency.maxInFlight') createGovernor(withField(path, value)).close();
      else assert.match(refused(withField(path, value)).message, new RegExp(`, got ${value}$`));
    }
  });
}

test('zero never means "no limit" (fix)', () => {
  for (const path of NUMBERS) {
    if (/Reserve|starvation|targetDeny|queue/.test(path)) createGovernor(withField(path, 0)).close();
    else assert.equal(refused(withField(path, 0)).field, path);
  }
});

test('sections, switches and the fields of the shell', () => {
  const cases: [string, unknown[]][] = [
    ['concurrency', [true, 5, 'x', [], () => {}]],
    ['rate', [true, 5, 'x', []]],
    ['fairness', [1, 'yes', [], () => {}]],
    ['adaptive', [0, 'yes', []]],
    ['queue', [5, true]],
    ['caps', [5, true]],
    ['caps.overflow', ['x', 5, {}]],
    ['strict', ['true', 1, {}]],
    ['onEvent', ['x', 1, {}, true]],
    ['clock', ['x', 1, {}, { now: () => 1 }, true]],
    ['seed', ['x', -1, 0.5, NaN, 2 ** 53, {}, 1n]],
  ];
  for (const [path, values] of cases) {
    for (const value of values) assert.equal(refused(withField(path, value)).field, path, `${path} ${String(value)}`);
    if (!path.includes('.')) createGovernor({ [path]: null }).close();
  }
  for (const config of [5, 'x', true, () => {}, Symbol('x')]) assert.equal(refused(config).field, 'config');
});

test('a field that nobody reads is refused: a misspelt limit would be no limit', () => {
  const cases: [string, object][] = [
    ['concurency', { concurency: { maxInFlight: 5 } }],
    ['rate.requestPerMinute', { rate: { requestPerMinute: 5 } }],
    ['concurrency.maxInflight', { concurrency: { maxInFlight: 5, maxInflight: 3 } }],
    ['__proto__', JSON.parse('{"__proto__": 1}') as object],
  ];
  for (const [field, config] of cases) {
    const error = refused(config);
    assert.equal(error.field, field);
    assert.match(error.message, /must be left out: the fields of .* are /);
  }
  createGovernor({ later: undefined } as GovernorConfig).close();
  assert.equal(refused([]).field, 'config');
  const hiding = new Proxy(
    {},
    {
      ownKeys() {
        throw new Error('no keys');
      },
    },
  );
  assert.equal(refused(hiding).field, 'config');
  assert.equal(refused({ rate: hiding }).field, 'rate');
});

test('configurations that throw when read are refused, not crashed on', () => {
  const field = Object.defineProperty({ maxInFlight: 5 }, 'interactiveReserve', {
    get() {
      throw new Error('boo');
    },
  });
  assert.equal(refused({ concurrency: field }).field, 'concurrency.interactiveReserve');
  const all = new Proxy(
    {},
    {
      get() {
        throw new Error('boo');
      },
    },
  );
  assert.equal((refused(all).cause as Error).message, 'boo');
});

test('each property is read once', () => {
  const reads = new Map<string, number>();
  const count = (target: object, path: string): object =>
    new Proxy(target, {
      get(object, name) {
        const at = `${path}${String(name)}`;
        reads.set(at, (reads.get(at) ?? 0) + 1);
        return Reflect.get(object, name);
      },
    });
  createGovernor(
    count({ concurrency: count({ maxInFlight: 5, interactiveReserve: 1 }, 'c.'), leaseTtlMs: 5 }, ''),
  ).close();
  assert.ok(reads.get('concurrency') === 1 && reads.get('c.maxInFlight') === 1 && reads.get('leaseTtlMs') === 1);
  assert.ok(
    [...reads.values()].every((times) => times === 1),
    JSON.stringify([...reads]),
  );
});

test('the documented message for the reserve', () => {
  const error = refused({ concurrency: { maxInFlight: 2, interactiveReserve: 3 } });
  assert.equal(error.message, 'interactiveReserve (3) must be less than maxInFlight (2)');
});

test('errors are errors, with a code, and known across copies', () => {
  const error = refused({ leaseTtlMs: 'x' });
  assert.ok(error instanceof ConfigError && error instanceof GovernorError && error instanceof Error);
  assert.deepEqual([error.code, error.name, GovernorError.isInstance(error)], ['config', 'ConfigError', true]);
  const copy = Object.assign(new Error('x'), { code: 'config', [Symbol.for('throttleai.error')]: true });
  assert.ok(ConfigError.isInstance(copy));
  for (const other of [null, undefined, 'x', new Error('x'), { code: 'config' }])
    assert.equal(ConfigError.isInstance(other), false);
});

test('defaults: lease 60 s, window 60 s, reserve 0, soft cap 0.6', (t) => {
  const { governor, clock } = bench(t, {
    concurrency: { maxInFlight: 10 },
    rate: { requestsPerMinute: 7 },
    fairness: true,
  });
  const first = governor.acquire(ask('a'));
  assert.equal(first.granted && first.expiresAt - clock.time, 60_000);
  for (let i = 0; i < 5; i++) granted(governor.acquire(ask('a')));
  assert.equal(denied(governor.acquire(ask('a'))).reason, 'policy', 'more than 0.6 of 10');
  granted(governor.acquire(ask('b', { priority: 'background' })));
  assert.equal(denied(governor.acquire(ask('b'))).retryAt, clock.time + 60_000);
});

test('defaults: sweeps every 5 s while leases are held', (t) => {
  const { governor, clock, events } = bench(t, { leaseTtlMs: 1000 });
  granted(governor.acquire(ask('a')));
  clock.advance(4999);
  assert.equal(events.length, 1);
  clock.advance(1);
  assert.equal(events[1]?.type, 'expire');
});

test('presets are fresh objects with the documented numbers', () => {
  assert.deepEqual(presets.quiet(), {
    concurrency: { maxInFlight: 1 },
    rate: { requestsPerMinute: 10 },
    leaseTtlMs: 30_000,
  });
  assert.deepEqual(presets.balanced(), {
    concurrency: { maxInFlight: 5, interactiveReserve: 2 },
    rate: { requestsPerMinute: 60, tokensPerMinute: 100_000 },
    fairness: true,
    leaseTtlMs: 60_000,
  });
  assert.deepEqual(presets.aggressive(), {
    concurrency: { maxInFlight: 20, interactiveReserve: 5 },
    rate: { requestsPerMinute: 300, tokensPerMinute: 500_000 },
    fairness: true,
    adaptive: true,
    leaseTtlMs: 120_000,
  });
  for (const preset of [presets.quiet, presets.balanced, presets.aggressive]) {
    assert.notEqual(preset(), preset());
    assert.notEqual(preset().concurrency, preset().concurrency);
    createGovernor(preset()).close();
  }
});

test('Governor is a class that can be made and extended', (t) => {
  class Mine extends Governor {
    twice(): number {
      return this.activeLeases * 2;
    }
  }
  const governor = new Mine({ clock: createTestClock() });
  t.after(() => governor.close());
  governor.acquire(ask('a'));
  assert.ok(governor instanceof Governor && governor.twice() === 2);
  assert.ok(createGovernor() instanceof Governor);
});

test('a clock that cannot be looked at is refused, like all that is none', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const throwing = {
    get now(): never {
      throw new Error('no');
    },
  };
  for (const clock of [proxy, throwing, {}, 5, 'now', { now: Date.now }])
    assert.equal(refused({ clock }).field, 'clock');
});

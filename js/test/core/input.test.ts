/** Every argument of every call, with what callers should not pass: a typed error, and nothing has changed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  InputError,
  formatEvent,
  formatSnapshot,
  retryAcquire,
  waitForRetry,
  withLease,
  type AcquireRequest,
  type Governor,
  type ReleaseReport,
} from 'throttleai';
import { ask, bench, granted } from './support.ts';

const hostile = new Proxy(
  {},
  {
    get() {
      throw new Error('boo');
    },
  },
);
const NOT_STRINGS: unknown[] = [
  undefined,
  null,
  5,
  NaN,
  true,
  {},
  [],
  () => {},
  Symbol('x'),
  5n,
  Object('boxed'),
  hostile,
];
const NOT_AMOUNTS: unknown[] = [
  NaN,
  Infinity,
  -Infinity,
  -1,
  -1e-9,
  2 ** 53,
  1e300,
  '5',
  '',
  true,
  {},
  [],
  () => {},
  Symbol('x'),
  5n,
  Object(5),
  hostile,
];
const NOT_TOKENS = [...NOT_AMOUNTS, 1e12 + 1];
const HUGE = 'x'.repeat(513);

const field =
  (name: string) =>
  (error: unknown): boolean =>
    InputError.isInstance(error) && error.field === name;

const BAD_REQUESTS: [field: string, bad: unknown[]][] = [
  [
    'actorId',
    [
      ...NOT_STRINGS,
      '',
      HUGE,
      'é'.repeat(257),
      '€'.repeat(171),
      '😀'.repeat(129),
      '\ud800'.repeat(171),
      'x'.repeat(1e7),
    ],
  ],
  ['action', [...NOT_STRINGS, HUGE, '€'.repeat(171)]],
  ['priority', ['', 'high', 1, 0, true, {}, 'Interactive', Symbol('x')]],
  ['estimate', [5, 'x', true, Symbol('x'), () => {}]],
  ['estimate.promptTokens', NOT_TOKENS],
  ['estimate.maxOutputTokens', NOT_TOKENS],
  ['estimate.weight', [...NOT_AMOUNTS, 1e9 + 1]],
  ['idempotencyKey', ['', HUGE, 5, true, {}, Symbol('x'), 5n]],
];

function requestWith(field: string, value: unknown): AcquireRequest {
  const [outer = '', inner] = field.split('.');
  return { ...ask('a'), [outer]: inner === undefined ? value : { [inner]: value } } as AcquireRequest;
}

const state = (governor: Governor): unknown => [
  governor.activeLeases,
  governor.rateCount,
  governor.tokenRateCount,
  governor.snapshot().actors,
  governor.snapshot().waiting,
];
const config = {
  concurrency: { maxInFlight: 10 },
  rate: { requestsPerMinute: 100, tokensPerMinute: 1000 },
  fairness: true,
} as const;

for (const [field, values] of BAD_REQUESTS) {
  test(`a bad ${field} is an InputError and changes nothing`, async (t) => {
    const { governor, events } = bench(t, config);
    granted(governor.acquire(ask('before')));
    const before = state(governor);
    for (const value of values) {
      const request = requestWith(field, value);
      const check = (error: unknown): true => {
        assert.ok(InputError.isInstance(error), String(error));
        assert.deepEqual([error.code, error.field, error.value], ['input', `request.${field}`, value]);
        assert.ok(error.allowed.length > 0 && error.message.length < 200, error.message);
        return true;
      };
      assert.throws(() => governor.acquire(request), check);
      await assert.rejects(governor.acquireAsync(request), check);
      await assert.rejects(
        withLease(governor, request, () => assert.fail('called')),
        check,
      );
      await assert.rejects(
        withLease(governor, request, () => assert.fail('called'), { strategy: 'wait' }),
        check,
      );
      await assert.rejects(retryAcquire(governor, request), check);
    }
    assert.deepEqual(state(governor), before);
    assert.equal(events.length, 1);
  });
}

test('requests that are no objects, or throw when read, change nothing', (t) => {
  const { governor } = bench(t, config);
  for (const request of [undefined, null, 5, 'x', true, () => {}, Symbol('x')]) {
    assert.throws(
      () => governor.acquire(request as never),
      (error) => InputError.isInstance(error) && error.field === 'request',
    );
  }
  assert.throws(() => governor.acquire(hostile as never), /boo/);
  assert.throws(() => governor.acquire(ask('a', { estimate: hostile })), /boo/);
  assert.deepEqual(state(governor), [0, 0, 0, 0, 0]);
});

test('ids that objects know as keys are ids like any other', (t) => {
  const { governor, events } = bench(t, config);
  const names = [
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '__defineGetter__',
    'then',
    '\0',
    ' ',
    '\ud800',
    '😀',
  ];
  for (const name of names) {
    const id = granted(governor.acquire({ actorId: name, action: name, idempotencyKey: name }));
    assert.equal(granted(governor.acquire({ actorId: name, action: name, idempotencyKey: name })), id);
    governor.release(id);
  }
  assert.deepEqual(
    events.filter(({ type }) => type === 'release').map(({ actorId }) => actorId),
    names,
  );
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

test('ids up to the cap in UTF-8 bytes are taken, whatever they are made of', (t) => {
  const { governor } = bench(t);
  for (const id of ['x'.repeat(512), 'é'.repeat(256), '€'.repeat(170), '😀'.repeat(128)])
    granted(governor.acquire(ask(id, { action: id })));
  granted(governor.acquire(ask('a', { action: '' })));
  const short = bench(t, { caps: { idBytes: 4 } }).governor;
  granted(short.acquire({ actorId: '😀', action: 'abcd' }));
  assert.throws(() => short.acquire({ actorId: 'abcde', action: 'x' }), InputError);
});

test('a getter that calls the governor sees and causes whole calls only', (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 2 } });
  let inner = '';
  const request = {
    actorId: 'outer',
    get action() {
      inner = granted(governor.acquire(ask('inner', { estimate: { weight: 0.5 } })));
      return 'chat';
    },
  };
  const outer = granted(governor.acquire(request));
  assert.notEqual(inner, outer);
  assert.equal(governor.concurrencyActive, 1.5);
});

test('a report whose getter calls the governor is read as a whole', (t) => {
  const { governor } = bench(t, config);
  const outer = granted(governor.acquire(ask('a', { estimate: { promptTokens: 10 } })));
  const inner = granted(governor.acquire(ask('a', { estimate: { promptTokens: 20 } })));
  governor.release(outer, {
    get outcome() {
      governor.release(inner, { outcome: 'error', usage: { promptTokens: 1, outputTokens: 2 } });
      return 'success' as const;
    },
  });
  assert.equal(governor.tokenRateCount, 13, 'the outer report named no usage: its estimate stands');
});

const BAD_REPORTS: [field: string, bad: unknown[]][] = [
  ['', [5, 'success', true, Symbol('x'), () => {}, hostile]],
  ['outcome', ['', 'ok', 5, {}, true, Symbol('x')]],
  ['latencyMs', NOT_AMOUNTS],
  ['firstTokenMs', NOT_AMOUNTS],
  ['usage', [5, 'x', true, hostile]],
  ['usage.promptTokens', NOT_TOKENS],
  ['usage.outputTokens', NOT_TOKENS],
];

function reportWith(field: string, value: unknown): ReleaseReport {
  const [outer = '', inner] = field.split('.');
  if (outer === '') return value as ReleaseReport;
  return { [outer]: inner === undefined ? value : { [inner]: value } } as ReleaseReport;
}

for (const [field, values] of BAD_REPORTS) {
  test(`a bad report${field && `.${field}`} is dropped, the lease is released, a warning says so; strict throws after`, (t) => {
    for (const strict of [false, true]) {
      const { governor, events } = bench(t, { ...config, strict });
      for (const value of values) {
        events.length = 0;
        const id = granted(governor.acquire(ask('a', { estimate: { promptTokens: 1 } })));
        const release = (): void => governor.release(id, reportWith(field, value));
        if (strict) assert.throws(release, InputError);
        else release();
        assert.equal(governor.activeLeases, 0);
        assert.deepEqual(
          events.map(({ type }) => type),
          ['acquire', 'warn', 'release'],
        );
        assert.match(events[1]?.message ?? '', /^Bad release report/);
        assert.equal(events[1]?.leaseId, id);
      }
      assert.equal(governor.tokenRateCount, values.length, 'the reservations stay charged');
    }
  });
}

test('the good parts of a bad report count; usage is one part', (t) => {
  const { governor, events } = bench(t, config);
  const reports = [
    { outcome: 'error', latencyMs: NaN, usage: { promptTokens: 3, outputTokens: 5 } },
    { outcome: 'error', usage: { promptTokens: 'x' as never, outputTokens: 0 } },
    { outcome: 'error', usage: { promptTokens: 0, outputTokens: NaN } },
  ] as const;
  for (const report of reports) {
    const id = granted(governor.acquire(ask('a', { estimate: { promptTokens: 10, maxOutputTokens: 20 } })));
    governor.release(id, report);
  }
  assert.equal(governor.tokenRateCount, 8 + 30 + 30);
  assert.deepEqual(
    events.map((event) => (event.type === 'release' ? event.outcome : event.type)),
    ['acquire', 'warn', 'error', 'acquire', 'warn', 'error', 'acquire', 'warn', 'error'],
  );
});

test('events of one lease name one weight, as it is counted', (t) => {
  const { governor, events } = bench(t, { concurrency: { maxInFlight: 10 } });
  for (const weight of [0.1 + 0.2, 1 / 3, 2.5, 1e-6, 4e-7])
    governor.release(granted(governor.acquire(ask('a', { estimate: { weight } }))));
  const weights = events.map(({ weight }) => weight);
  assert.deepEqual(weights, [0.3, 0.3, 0.333333, 0.333333, 2.5, 2.5, 1e-6, 1e-6, 0, 0]);
});

test('release and renew take any string for an id, and nothing else', (t) => {
  const values = [
    '',
    'x',
    'lease-',
    'lease-1-',
    'lease-1-0',
    'lease-1-0.',
    'lease-1-.0',
    'lease-1-0.0.0',
    'lease-1-00.0',
    'lease-1-0.00',
    'lease-1-0.0 ',
    'lease-1-0.0A',
    'LEASE-1-0.0',
    'lease-1-zzzzzzz.0',
    'lease-1-0.zzzzzzz',
    'lease-1-1z141z4.0',
    'lease-2-0.0',
    'lease-1--1.0',
    'x'.repeat(1e6),
  ];
  const { governor, events } = bench(t);
  const strict = bench(t, { strict: true }).governor;
  assert.equal(granted(governor.acquire(ask('a'))), 'lease-1-0.0');
  granted(strict.acquire(ask('a')));
  for (const value of values) {
    governor.release(value);
    assert.equal(governor.renew(value), false);
    assert.throws(() => strict.release(value), /Unknown lease ID/);
  }
  for (const value of NOT_STRINGS) {
    for (const either of [governor, strict]) {
      assert.throws(() => either.release(value as string), field('leaseId'));
      assert.throws(() => either.renew(value as string), field('leaseId'));
    }
  }
  assert.equal(governor.activeLeases + strict.activeLeases, 2);
  assert.equal(events.length, 1);
  assert.equal(governor.renew('lease-1-0.0'), true);
});

test('bad ttlMs, wait, signal and options', async (t) => {
  const { governor } = bench(t);
  const id = granted(governor.acquire(ask('a')));
  for (const ttl of [0, -1, NaN, Infinity, '5', {}, true])
    assert.throws(() => governor.renew(id, ttl as number), field('ttlMs'));
  for (const ms of [-1, NaN, '5', {}, true]) {
    await assert.rejects(governor.acquireAsync(ask('a'), { timeoutMs: ms as number }), field('wait.timeoutMs'));
    await assert.rejects(governor.acquireAsync(ask('a'), { deadline: ms as number }), field('wait.deadline'));
    await assert.rejects(
      withLease(governor, ask('a'), () => 1, { maxWaitMs: ms as number }),
      field('options.maxWaitMs'),
    );
    await assert.rejects(
      withLease(governor, ask('a'), () => 1, { maxAttempts: ms as number }),
      field('options.maxAttempts'),
    );
    await assert.rejects(
      withLease(governor, ask('a'), () => 1, { initialBackoffMs: ms === -1 ? 0 : (ms as number) }),
      field('options.initialBackoffMs'),
    );
    await assert.rejects(retryAcquire(governor, ask('a'), { maxAttempts: ms as number }), field('options.maxAttempts'));
  }
  for (const signal of [5, 'x', {}, true]) {
    await assert.rejects(governor.acquireAsync(ask('a'), { signal: signal as never }), field('signal'));
    await assert.rejects(
      withLease(governor, ask('a'), () => 1, { signal: signal as never }),
      field('signal'),
    );
  }
  for (const wait of [5, 'x', true])
    await assert.rejects(governor.acquireAsync(ask('a'), wait as never), field('wait'));
  for (const options of [5_000, 'wait', true] as never[]) {
    await assert.rejects(
      withLease(governor, ask('a'), () => 1, options),
      field('options'),
    );
    await assert.rejects(retryAcquire(governor, ask('a'), options), field('options'));
  }
  assert.equal(governor.activeLeases, 1);
  const message = 'ttlMs must be a number of milliseconds from 1 to 9007199254740991, got Infinity';
  assert.throws(() => governor.renew(id, Infinity), { message });
});

test('withLease asks nobody without a governor and a function', async (t) => {
  const { governor } = bench(t, { rate: { requestsPerMinute: 10 } });
  for (const bad of [undefined, null, 5, {}, { acquire() {} }])
    await assert.rejects(
      withLease(bad as never, ask('a'), () => 1),
      field('governor'),
    );
  for (const bad of [undefined, null, 5, {}, 'fn'])
    await assert.rejects(withLease(governor, ask('a'), bad as never), field('fn'));
  assert.equal(governor.rateCount, 0);
});

test('a misspelt bound of a wait is refused: the call would wait for ever', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  governor.acquire(ask('a'));
  await assert.rejects(governor.acquireAsync(ask('a'), { timeout: 5 } as never), field('wait.timeout'));
  assert.equal(governor.snapshot().waiting, 0);
});

test('misspelt fields of options and estimates are refused, with those that there are', async (t) => {
  const { governor, events } = bench(t);
  const misspelt = { maxWaitMS: 5 } as never;
  await assert.rejects(
    withLease(governor, ask('a'), () => 1, misspelt),
    (error) => field('options.maxWaitMS')(error) && /strategy, wait, maxWaitMs, .* signal, got 5$/.test(String(error)),
  );
  await assert.rejects(retryAcquire(governor, ask('a'), misspelt), field('options.maxWaitMS'));
  const estimate = { promptTokens: 5, outputTokens: 7 } as never;
  assert.throws(
    () => governor.acquire(ask('a', { estimate })),
    (error) =>
      field('request.estimate.outputTokens')(error) && /promptTokens, maxOutputTokens, weight, /.test(String(error)),
  );
  await assert.rejects(governor.acquireAsync(ask('a', { estimate })), field('request.estimate.outputTokens'));
  assert.deepEqual(events, []);
  // Absent is not misspelt, nor is what a prototype has.
  const absent = Object.assign(Object.create({ inherited: 1 }), { weight: 1, outputTokens: undefined, tokens: null });
  granted(governor.acquire(ask('a', { estimate: absent })));
});

test('helpers name an argument that is missing, or that is something else', async (t) => {
  const { governor } = bench(t);
  for (const nothing of [undefined, null, 5, {}, { granted: 1 }])
    await assert.rejects(waitForRetry(nothing as never), field('decision'));
  for (const nothing of [undefined, null, 5, {}, { acquire: 1 }])
    await assert.rejects(retryAcquire(nothing as never, ask('a')), field('governor'));
  for (const nothing of [undefined, null, 5, 'deny']) {
    assert.throws(() => formatEvent(nothing as never), field('event'));
    assert.throws(() => formatSnapshot(nothing as never), field('snapshot'));
  }
  assert.throws(() => formatSnapshot(governor as never), /^InputError: snapshot must be what `governor.snapshot\(\)`/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Door } from '../../testing/admission.ts';
import { Bucket } from '../../testing/bucket.ts';
import { drawFault } from '../../testing/faults.ts';
import { drawTimes } from '../../testing/latency.ts';
import { checkOptions } from '../../testing/options.ts';
import { CallRandom, createRandom } from '../../testing/random.ts';
import { countTokens, makeTokens } from '../../testing/text.ts';
import { goDuration, refusal } from '../../testing/wire.ts';

test('a bucket refills continuously, never above its capacity, and may owe', () => {
  const bucket = new Bucket(10, 0.01, 0);
  bucket.take(0, 10);
  assert.equal(bucket.wait(0, 1), 100);
  assert.equal(bucket.level(250), 2.5);
  assert.equal(bucket.level(5000), 10);
  bucket.take(5000, 13);
  assert.equal(bucket.wait(5000, 1), 400);
  bucket.take(5000, -100);
  assert.equal(bucket.level(5000), 10);
  assert.equal(bucket.wait(5000, 11), Infinity);
  bucket.take(5000, 5);
  assert.equal(bucket.untilFull(5000), 500);
});

const limits = (raw: Parameters<typeof checkOptions>[0]['limits']): Door =>
  new Door(checkOptions({ limits: raw! }).limits, 70, 0);

test('the door refuses by concurrency, requests and tokens, and says until when', () => {
  const door = limits({
    requestsPerMinute: 2,
    tokensPerMinute: 100,
    windowMs: 1000,
    maxInFlight: 2,
    countRefused: false,
  });
  assert.deepEqual(door.enter(0, 60), { admitted: true });
  assert.deepEqual(door.enter(0, 60), { admitted: false, by: 'tokens', retryMs: 200, used: 60, limit: 100 });
  assert.deepEqual(door.enter(0, 101), { admitted: false, by: 'tokens', retryMs: Infinity, used: 60, limit: 100 });
  assert.deepEqual(door.enter(0, 10), { admitted: true });
  assert.deepEqual(door.enter(0, 1), { admitted: false, by: 'concurrency', retryMs: 70, used: 2, limit: 2 });
  door.leave(0, 60, 1);
  assert.deepEqual(door.enter(0, 1), { admitted: false, by: 'requests', retryMs: 500, used: 2, limit: 2 });
  assert.deepEqual(door.gauges(0), {
    requests: { limit: 2, remaining: 0, resetMs: 1000 },
    tokens: { limit: 100, remaining: 30, resetMs: 700 },
  });
});

test('refused calls count against the requests unless told otherwise', () => {
  const counting = limits({ requestsPerMinute: 4, tokensPerMinute: 10, windowMs: 1000 });
  assert.equal(counting.enter(0, 100).admitted, false);
  assert.equal(counting.gauges(0).requests?.remaining, 3);
  const lenient = limits({ requestsPerMinute: 4, tokensPerMinute: 10, windowMs: 1000, countRefused: false });
  assert.equal(lenient.enter(0, 100).admitted, false);
  assert.equal(lenient.gauges(0).requests?.remaining, 4);
});

test('settle: "reserved" keeps the charge, "actual" corrects it in both directions', () => {
  for (const [settle, less, more] of [
    ['reserved', 50, 50],
    ['actual', 80, 40],
  ] as const) {
    const door = limits({ tokensPerMinute: 100, settle });
    door.enter(0, 50);
    door.leave(0, 50, 20);
    assert.equal(door.gauges(0).tokens?.remaining, less);
    const other = limits({ tokensPerMinute: 100, settle });
    other.enter(0, 50);
    other.leave(0, 50, 60);
    assert.equal(other.gauges(0).tokens?.remaining, more);
  }
});

test('Go durations', () => {
  const cases: [number, string][] = [
    [0, '0s'],
    [0.2, '1ms'],
    [12, '12ms'],
    [1000, '1s'],
    [1500, '1.5s'],
    [360_000, '6m0s'],
    [179_560, '2m59.56s'],
    [3_600_000, '1h0m0s'],
  ];
  for (const [ms, text] of cases) assert.equal(goDuration(ms), text);
});

test('a refusal says when to come back, unless never', () => {
  const { headers, body } = refusal('m', 5, { admitted: false, by: 'tokens', retryMs: 1500.2, used: 9, limit: 10 });
  assert.deepEqual(headers, { 'retry-after': '2', 'retry-after-ms': '1501' });
  assert.deepEqual(body.error, {
    message:
      'Rate limit reached for m on tokens per min (TPM): Limit 10, Used 9, Requested 5. Please try again in 1.501s.',
    type: 'tokens',
    param: null,
    code: 'rate_limit_exceeded',
  });
  assert.deepEqual(
    refusal('m', 50, { admitted: false, by: 'tokens', retryMs: Infinity, used: 9, limit: 10 }).headers,
    {},
  );
});

test('a call draws the same whatever came before it', () => {
  const draws = (bodies: string[]): Map<string, number> => {
    const random = new CallRandom(7);
    const seen = new Map<string, number>();
    return new Map(
      bodies.map((body) => {
        const nth = seen.get(body) ?? 0;
        seen.set(body, nth + 1);
        return [`${body}#${nth}`, random.next(body)()];
      }),
    );
  };
  const one = draws(['a', 'b', 'a', 'c']);
  const other = draws(['c', 'a', 'a', 'b']);
  assert.deepEqual([...one].sort(), [...other].sort());
  assert.equal(new Set(one.values()).size, 4);
  assert.notEqual(new CallRandom(8).next('a')(), one.get('a#0'));
});

test('faults come at their rates, latencies at their median', () => {
  const random = createRandom(1);
  const { faults, latency } = checkOptions({
    faults: { drop: 0.1, hang: 0.2 },
    latency: { medianMs: 100, sigma: 0.5 },
  });
  const drawn = Array.from({ length: 10_000 }, () => drawFault(faults, random));
  const part = (fault: string | undefined): number => drawn.filter((found) => found === fault).length / drawn.length;
  assert.ok(
    Math.abs(part('drop') - 0.1) < 0.02 &&
      Math.abs(part('hang') - 0.2) < 0.02 &&
      Math.abs(part(undefined) - 0.7) < 0.02,
  );
  const times = Array.from({ length: 10_000 }, () => drawTimes(latency, random, false).firstByte).sort((a, b) => a - b);
  assert.ok(Math.abs(times[5000]! - 100) < 5, `median ${times[5000]}`);
  assert.ok(Math.abs(times[8413]! - 100 * Math.exp(0.5)) < 10, `one sigma up ${times[8413]}`);
});

test('text is counted as it is made', () => {
  const tokens = makeTokens(createRandom(3), 500);
  assert.equal(countTokens(tokens.join('')), 500);
  assert.equal(countTokens('Hello, wörld! 12345678'), 6);
});

test('bad options are refused by name', () => {
  const cases: [Parameters<typeof checkOptions>[0], string][] = [
    [{ limits: { requestsPerMinute: 0 } }, 'limits.requestsPerMinute'],
    [{ limits: { burst: 2 } }, 'limits.burst'],
    [{ latency: { medianMs: NaN } }, 'latency.medianMs'],
    [{ faults: { drop: 1.5 } }, 'faults.drop'],
    [{ faults: { drop: 0.7, hang: 0.7 } }, 'faults (sum)'],
    [{ seed: -1 }, 'seed'],
    [{ limits: { settle: 'acutal' as never } }, 'limits.settle'],
    [{ limits: 5 as never }, 'limits'],
    [{ limit: {} } as never, 'options.limit'],
    [{ limits: { maxInflight: 2 } } as never, 'limits.maxInflight'],
    [{ latency: { mean: 2 } } as never, 'latency.mean'],
    [{ faults: { error: 0.5 } } as never, 'faults.error'],
    [5 as never, 'options'],
  ];
  for (const [options, field] of cases) assert.throws(() => checkOptions(options), { name: 'ConfigError', field });
  assert.throws(() => checkOptions({ limits: { maxInFlight: 0 } }), /must be a number from 1, got 0$/);
  assert.throws(
    () => checkOptions({ faults: { drip: 1 } as never }),
    /fields of faults are drop, dropMidBody, .*, hang, got/,
  );
});

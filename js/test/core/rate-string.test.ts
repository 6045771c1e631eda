/** Rates and durations as text: what is written is what is read, and nothing else is read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../core/errors.ts';
import { parseDuration, parseRate } from '../../core/rate-string.ts';

const UNITS: [unit: string, ms: number][] = [
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
];
const SUFFIXES: [suffix: string, factor: number][] = [
  ['', 1],
  ['k', 1_000],
  ['M', 1_000_000],
];
const MAX = Number.MAX_SAFE_INTEGER;
/** 1, the numbers around each power of two and ten, and the largest. */
const NUMBERS: number[] = [...Array(53).keys()]
  .flatMap((power) => [2 ** power - 1, 2 ** power, 2 ** power + 1, 10 ** (power % 15)])
  .concat(MAX - 1, MAX)
  .filter((number) => number >= 1 && number <= MAX);

const refuses = (read: (text: unknown, field: string) => unknown, text: unknown): void => {
  assert.throws(
    () => read(text, 'limits.tokens'),
    (error) => {
      assert(ConfigError.isInstance(error), String(error));
      assert.equal(error.field, 'limits.tokens');
      assert.equal(error.value, text);
      assert.match(error.message, /^limits\.tokens must be a (rate|duration) such as "/);
      return true;
    },
    `${String(text)} was read`,
  );
};

test('every duration that can be written exactly is read exactly', () => {
  for (const number of NUMBERS) {
    for (const [unit, ms] of UNITS) {
      const exact = BigInt(number) * BigInt(ms);
      if (exact <= MAX) assert.equal(BigInt(parseDuration(`${number}${unit}`, 'window')), exact);
      else refuses(parseDuration, `${number}${unit}`);
    }
  }
});

test('every rate that can be written exactly is read exactly', () => {
  for (const number of NUMBERS) {
    for (const [suffix, factor] of SUFFIXES) {
      for (const [unit, ms] of UNITS) {
        const limit = BigInt(number) * BigInt(factor);
        const text = `${number}${suffix}/${unit}`;
        if (limit <= MAX) assert.deepEqual(parseRate(text, 'rate'), { limit: Number(limit), windowMs: ms });
        else refuses(parseRate, text);
        const windowMs = BigInt(number) * BigInt(ms);
        const long = `1${suffix}/${number}${unit}`;
        if (windowMs <= MAX) assert.deepEqual(parseRate(long, 'rate'), { limit: factor, windowMs: Number(windowMs) });
        else refuses(parseRate, long);
      }
    }
  }
});

test('the documented ones', () => {
  assert.deepEqual(parseRate('50/s', 'rate'), { limit: 50, windowMs: 1_000 });
  assert.deepEqual(parseRate('100000/m', 'rate'), { limit: 100_000, windowMs: 60_000 });
  assert.deepEqual(parseRate('5/10s', 'rate'), { limit: 5, windowMs: 10_000 });
  assert.deepEqual(parseRate('1M/d', 'rate'), { limit: 1_000_000, windowMs: 86_400_000 });
  assert.equal(parseDuration('250ms', 'window'), 250);
});

const NOT_STRINGS: unknown[] = [
  undefined,
  null,
  5,
  NaN,
  true,
  {},
  [],
  ['5/s'],
  () => {},
  Symbol('5/s'),
  5n,
  Object('5/s'),
];

test('what is no string', () => {
  for (const value of NOT_STRINGS) {
    refuses(parseRate, value);
    refuses(parseDuration, value);
  }
});

test('what is almost a rate', () => {
  const rates = ['50/s', '5/10s', '1M/d', '200k/1h'];
  const wrong = ['', '/', '50', '/s', 's', '50/', '50/0s', '0/s', '00/s', '050/s', '5/010s', '50//s', '50/s/s', '50s'];
  wrong.push('-50/s', '+50/s', '5/-10s', '1.5/s', '5/1.5s', '1e3/s', '0x10/s', '1_000/s', '1,000/s', '50 /s', '50/ s');
  wrong.push(
    '50/S',
    '50/M',
    '50/D',
    '50/sec',
    '50/min',
    '50/day',
    '50/minute',
    '50/w',
    '50/y',
    '50/μs',
    '50/us',
    '50/ns',
  );
  wrong.push('50K/s', '50m/s', '50G/s', '50kM/s', '50kk/s', 'k/s', 'M/s', '5/1ks', '5/1k', '50 per s', '50r/s', '∞/s');
  wrong.push(
    '\u0665\u0660/s',
    '\uff15\uff10/s',
    '5\u{1d7ce}/s',
    '50∕s',
    'Infinity/s',
    'NaN/s',
    '50/s\0',
    '50\u200b/s',
    '50/\u017f',
  );
  for (const text of wrong) refuses(parseRate, text);
  // One character too many, anywhere in a good one.
  for (const rate of rates) {
    for (let at = 0; at <= rate.length; at += 1) {
      for (const extra of [
        ' ',
        '\t',
        '\n',
        '\r\n',
        '\u00a0',
        '\ufeff',
        '-',
        '+',
        '.',
        ',',
        '_',
        '/',
        'e',
        'x',
        '\0',
        '\u0663',
      ]) {
        refuses(parseRate, `${rate.slice(0, at)}${extra}${rate.slice(at)}`);
      }
    }
  }
});

test('what is almost a duration', () => {
  const wrong = [
    '',
    's',
    '0s',
    '00s',
    '010s',
    '-1s',
    '+1s',
    '1.5s',
    '.5s',
    '1e3s',
    '1,5s',
    '1 s',
    ' 1s',
    '1s ',
    '1s\n',
  ];
  wrong.push(
    '1S',
    '1M',
    '1H',
    '1D',
    '1MS',
    '1Ms',
    '1mS',
    '1sec',
    '1min',
    '1hour',
    '1day',
    '1w',
    '1µs',
    '1us',
    '10',
    '1m30s',
  );
  wrong.push('PT1M', '1:00', '\u0663s', '\uff11s', 'Infinitys', '1k', '1ks', '1/s', 'day', 'month', '1\u017f');
  for (const text of wrong) refuses(parseDuration, text);
});

test('numbers beyond what is exact, of any length', () => {
  for (const digits of ['9007199254740992', '9007199254740993', '9'.repeat(400), `1${'0'.repeat(1_000_000)}`]) {
    refuses(parseDuration, `${digits}ms`);
    refuses(parseRate, `${digits}/s`);
    refuses(parseRate, `1/${digits}ms`);
  }
  assert.throws(() => parseRate('9007199254740992/s', 'rate'), /at most 2\^53 - 1, got "9007199254740992\/s"/);
  // Long text that is none ends as fast, and is not repeated in the message.
  assert.throws(() => parseRate(`${'1'.repeat(1_000_000)}!`, 'rate'), /got a string of 1000001 characters$/);
});

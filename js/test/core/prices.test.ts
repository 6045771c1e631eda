/** Costs of calls: exact, against the same sum in integers of any size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, InputError } from '../../core/errors.ts';
import { actualCost, COST_MAX, estimatedCost, readPrices, type PriceList, type Used } from '../../core/prices.ts';
import type { Prices } from '../../core/types/models.ts';
import { random } from './support.ts';

const FIELD = 'models["m"].prices';
const used = (more: Partial<Used>): Used => ({ promptTokens: 0, outputTokens: 0, ...more });
const estimated = (prices: Prices, more: Partial<Used>): number =>
  estimatedCost(readPrices(prices, FIELD), used(more), 'request.estimate');
const actual = (prices: Prices, more: Partial<Used>): number =>
  actualCost(readPrices(prices, FIELD), used(more), 'report.usage');

function refusedFor<E extends ConfigError | InputError>(
  kind: { isInstance(error: unknown): error is E },
  act: () => unknown,
): E {
  try {
    act();
  } catch (error) {
    assert(kind.isInstance(error), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it was taken' });
}

test('what calls cost', () => {
  const gpt4o = { input: 2.5, cachedInput: 1.25, output: 10 };
  assert.equal(actual(gpt4o, { promptTokens: 1_000, outputTokens: 200 }), 4_500);
  assert.equal(actual(gpt4o, { promptTokens: 1_000, cachedTokens: 800, outputTokens: 200 }), 3_500);
  assert.equal(actual({ input: 0.02 }, { promptTokens: 1e6 }), 20_000);
  assert.equal(actual({ image: 0.04 }, { images: 3 }), 120_000);
  assert.equal(actual({ call: 0.005, input: 3, output: 15 }, { promptTokens: 10, outputTokens: 1 }), 5_045);
  assert.equal(actual({ call: 0.01 }, {}), 10_000);
  assert.equal(actual({}, {}), 0);
});

test('estimates are rounded up, actual costs to the nearest', () => {
  const cents: [input: number, tokens: number, up: number, nearest: number][] = [
    [0.15, 3, 1, 0],
    [0.15, 4, 1, 1],
    [0.5, 1, 1, 1],
    [0.1, 15, 2, 2],
    [0.1, 14, 2, 1],
    [0.001, 1, 1, 0],
    [1, 7, 7, 7],
    [0, 1e12, 0, 0],
    // 0.7 * 3 and 1.1 * 3 are no short numbers in binary.
    [0.7, 10, 7, 7],
    [1.1, 1_000_000, 1_100_000, 1_100_000],
    [0.3, 10, 3, 3],
    [4.35, 100, 435, 435],
  ];
  for (const [input, promptTokens, up, nearest] of cents) {
    assert.equal(estimated({ input }, { promptTokens }), up, `${promptTokens} at ${input}`);
    assert.equal(actual({ input }, { promptTokens }), nearest, `${promptTokens} at ${input}`);
  }
});

test('a part of a token is a whole one', () => {
  assert.equal(estimated({ input: 4 }, { promptTokens: 10.25 }), 44);
  assert.equal(actual({ output: 4 }, { outputTokens: 0.1 }), 4);
});

const PARTS = ['input', 'output', 'cachedInput', 'image', 'call'] as const;

/** A price of up to six places and its millionths, as it is written and as it is meant. */
function price(below: (n: number) => number, max: bigint): { text: string; millionths: bigint } {
  const digits = 4 + below(9);
  let millionths = BigInt(below(10 ** Math.min(digits, 9))) * 10n ** BigInt(below(5));
  if (millionths > max) millionths = max;
  if (millionths > 0n && millionths < 1_000n) millionths += 1_000n;
  const whole = millionths / 1_000_000n;
  return { text: `${whole}.${String(millionths % 1_000_000n).padStart(6, '0')}`, millionths };
}

test('costs are exact for any prices and amounts', () => {
  const below = random(7);
  const amount = (): number => below(10) * 10 ** below(12) + below(1_000_000);
  let tooDear = 0;
  for (let run = 0; run < 20_000; run++) {
    const made = PARTS.map(() => price(below, 10n ** 12n));
    const [input, output, cachedInput, image, call] = made as Required<typeof made>;
    if (cachedInput!.millionths > input!.millionths) made[2] = input!;
    const prices = Object.fromEntries(PARTS.map((name, i) => [name, Number(made[i]!.text)]));
    const promptTokens = amount();
    const cachedTokens = below(promptTokens % 2 ** 31 || 1);
    const [outputTokens, images] = [amount(), below(5)];
    // In millionths of a micro-dollar; prices of things are by the dollar.
    const exact =
      BigInt(promptTokens - cachedTokens) * input!.millionths +
      BigInt(cachedTokens) * made[2]!.millionths +
      BigInt(outputTokens) * output!.millionths +
      (BigInt(images) * image!.millionths + call!.millionths) * 1_000_000n;
    const amounts = { promptTokens, cachedTokens, outputTokens, images };
    for (const [cost, extra] of [
      [estimated, 999_999n],
      [actual, 500_000n],
    ] as const) {
      const expected = (exact + extra) / 1_000_000n;
      if (expected <= BigInt(COST_MAX))
        assert.equal(BigInt(cost(prices, amounts)), expected, JSON.stringify({ prices, amounts }));
      else {
        tooDear += 1;
        assert.match(
          refusedFor(InputError, () => cost(prices, amounts)).message,
          /at most 1000000000000 micro-dollars/,
        );
      }
    }
  }
  assert(tooDear > 100 && tooDear < 30_000, `${tooDear} above the maximum`);
});

test('a call within its estimate never costs more than was reserved', () => {
  const below = random(11);
  for (let run = 0; run < 5_000; run++) {
    const input = (1 + below(1_000_000)) / 1_000;
    const prices: PriceList = readPrices(
      {
        input,
        output: (1 + below(99_999)) / 1_000,
        cachedInput: input / (1 + below(9)) < 0.001 ? 0 : input / (1 + below(1)),
      },
      FIELD,
    );
    const [promptTokens, outputTokens] = [below(10_000), below(10_000)];
    const reserved = estimatedCost(prices, { promptTokens, outputTokens }, 'e');
    const less = { promptTokens: below(promptTokens + 1), outputTokens: below(outputTokens + 1) };
    const cost = actualCost(prices, { ...less, cachedTokens: below(less.promptTokens + 1) }, 'u');
    assert(cost <= reserved, `${cost} of ${reserved}`);
  }
});

test('cached input without a price of its own is input', () => {
  assert.equal(actual({ input: 2 }, { promptTokens: 10, cachedTokens: 4 }), 20);
  assert.equal(actual({ input: 2, cachedInput: 0 }, { promptTokens: 10, cachedTokens: 4 }), 12);
  const error = refusedFor(InputError, () => actual({ input: 2 }, { promptTokens: 3, cachedTokens: 4 }));
  assert.deepEqual(
    [error.field, error.value, error.allowed],
    ['report.usage.cachedTokens', 4, 'at most the 3 prompt tokens'],
  );
});

test('what has no price is not free', () => {
  const missing: [prices: Prices, Partial<Used>, field: string, price: string][] = [
    [{ output: 1 }, { promptTokens: 5 }, 'promptTokens', 'input'],
    [{ input: 1 }, { outputTokens: 5 }, '(?:maxOutput|output)Tokens', 'output'],
    [{ input: 1, output: 1 }, { images: 5 }, 'images', 'image'],
    [{ call: 1 }, { promptTokens: 5, cachedTokens: 5 }, 'cachedTokens', 'cachedInput'],
  ];
  for (const [prices, amounts, field, name] of missing) {
    for (const cost of [estimated, actual]) {
      const error = refusedFor(InputError, () => cost(prices, amounts));
      assert.match(error.field, new RegExp(`\\.${field}$`));
      assert.deepEqual([error.value, error.allowed], [5, `0, as ${FIELD}.${name} is not given`]);
    }
  }
  assert.equal(actual({ input: 0 }, { promptTokens: 5 }), 0);
});

test('what is no price', () => {
  const never: unknown[] = [NaN, Infinity, -1, -0.01, 1e6 + 1, 4e-7, '5', true, {}, [], 5n];
  for (const name of PARTS) {
    for (const value of never) {
      const error = refusedFor(ConfigError, () => readPrices({ [name]: value }, FIELD));
      assert.equal(error.field, `${FIELD}.${name}`);
      assert.equal(error.value, value);
      assert.match(error.allowed, /^US dollars/);
    }
    assert.ok(readPrices({ [name]: null }, FIELD));
    assert.ok(readPrices({ [name]: 1e6 }, FIELD));
  }
  for (const value of [5, 'x', null, undefined, [], () => 5])
    assert.equal(refusedFor(ConfigError, () => readPrices(value, FIELD)).field, FIELD);
});

test('a price by the token is not taken for one by the million', () => {
  for (const name of ['input', 'output', 'cachedInput'])
    for (const value of [1.5e-7, 0.00003, 0.00099])
      assert.match(refusedFor(ConfigError, () => readPrices({ [name]: value }, FIELD)).allowed, /for a million tokens/);
  assert.equal(estimated({ input: 0.001 }, { promptTokens: 1e6 }), 1_000);
  assert.equal(estimated({ image: 0.000_001 }, { images: 2 }), 2);
});

test('cached input is not dearer than input', () => {
  const error = refusedFor(ConfigError, () => readPrices({ input: 3, cachedInput: 3.75 }, FIELD));
  assert.equal(error.allowed, 'US dollars for a million tokens: 0, or a number from 0.001 to 3');
});

test('prices are read once', () => {
  let reads = 0;
  readPrices(
    {
      get input() {
        reads += 1;
        return 1;
      },
    },
    FIELD,
  );
  assert.equal(reads, 1);
});

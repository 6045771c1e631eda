/** Names of models: which family they are of, and whose settings count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../core/errors.ts';
import { Families, type FamiliesOptions } from '../../core/families.ts';
import { lineageOf } from '../../core/family-rule.ts';
import type { ModelConfig, ModelsConfig } from '../../core/types/models.ts';

/** As a governor will read them: `window` may be written in two ways that mean the same. */
interface TestLimit {
  limit: number;
  window: number | '1m';
}
const options: FamiliesOptions<{ limit: number; windowMs: number }> = {
  readLimits: (value, field) =>
    (value as TestLimit[]).map(({ limit, window }, i) => {
      if (limit < 1) throw new ConfigError({ field: `${field}[${i}].limit`, value: limit, allowed: 'at least 1' });
      return { limit, windowMs: window === '1m' ? 60_000 : window };
    }),
};
const families = (
  models?: ModelsConfig<TestLimit> | null,
  more: Partial<typeof options> = {},
): Families<{ limit: number; windowMs: number }> => new Families(models, { ...options, ...more });
const perMinute = (limit: number): TestLimit => ({ limit, window: '1m' });
const limitsOf = (all: Families<{ limit: number; windowMs: number }>, model: string): number[] =>
  all.find(model).family.limits.map(({ limit }) => limit);

function refused(make: () => unknown): ConfigError {
  try {
    make();
  } catch (error) {
    assert(ConfigError.isInstance(error), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it was taken' });
}

const RULE: [model: string, family: string][] = [
  ['gpt-4o', 'gpt-4o'],
  ['gpt-4o-2024-08-06', 'gpt-4o'],
  ['gpt-4o-20241203', 'gpt-4o'],
  ['gpt-3.5-turbo-1106', 'gpt-3.5-turbo'],
  ['gpt-3.5-turbo-16k-0613', 'gpt-3.5-turbo-16k'],
  ['gpt-4-1106-preview', 'gpt-4'],
  ['gpt-4o-realtime-preview-2024-10-01', 'gpt-4o-realtime'],
  ['openai/gpt-4o-mini', 'gpt-4o-mini'],
  ['ft:gpt-4o-mini-2024-07-18:acme::abc123', 'gpt-4o-mini'],
  ['ft:gpt-4o-mini-2024-07-18:acme:2024-08-06:abc:ckpt-step-90', 'gpt-4o-mini'],
  ['openai/ft:gpt-4.1:acme::id', 'gpt-4.1'],
  ['tts-1-hd-1106', 'tts-1-hd'],
  // Azure: deployments are called anything, models 35 for 3.5, with limits of their own.
  ['gpt-35-turbo-0613', 'gpt-35-turbo'],
  ['my-deployment', 'my-deployment'],
  // No date: too short, too long, no such month or day, in the middle.
  ['text-embedding-ada-002', 'text-embedding-ada-002'],
  ['command-r-08-2024', 'command-r-08-2024'],
  ['mistral-large-2407', 'mistral-large-2407'],
  ['gpt-4o-2024-13-01', 'gpt-4o-2024-13-01'],
  ['gpt-4o-20240230', 'gpt-4o'],
  ['gpt-4o-20240240', 'gpt-4o-20240240'],
  ['gpt-4o-12024-08-06', 'gpt-4o-12024-08-06'],
  ['gpt-4o-2024-08-06-mine', 'gpt-4o-2024-08-06-mine'],
  ['gpt-4o-latest', 'gpt-4o-latest'],
  ['gpt-4o-Preview', 'gpt-4o-Preview'],
  // Nothing would be left.
  ['-preview', '-preview'],
  ['-2024-08-06', '-2024-08-06'],
  ['openai/', 'openai/'],
  ['ft:', 'ft:'],
  ['ft::acme', 'ft::acme'],
  // What `:` and `/` mean elsewhere.
  ['anthropic.claude-3-5-sonnet-20241022-v2:0', 'anthropic.claude-3-5-sonnet-20241022-v2:0'],
  ['us.anthropic.claude-opus-4-20250514-v1:0', 'us.anthropic.claude-opus-4-20250514-v1:0'],
  ['arn:aws:bedrock:us-east-1:1:inference-profile/x-0101', 'arn:aws:bedrock:us-east-1:1:inference-profile/x-0101'],
  ['llama3.1:8b', 'llama3.1:8b'],
  ['google/gemini-2.5-pro-preview', 'google/gemini-2.5-pro-preview'],
  ['meta-llama/llama-4:free', 'meta-llama/llama-4:free'],
  ['publishers/anthropic/models/claude-sonnet-4@20250514', 'publishers/anthropic/models/claude-sonnet-4@20250514'],
  ['openai/gpt-oss-120b:free', 'gpt-oss-120b:free'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
];

test('the family rule', () => {
  const none = families();
  for (const [model, family] of RULE) {
    assert.equal(none.find(model).family.name, family);
    assert.equal(none.find(family).family.name, family, `the family ${family} is of another one`);
  }
});

test('each name of a lineage has the rest of it', () => {
  for (const [model] of RULE) {
    const names = lineageOf(model);
    names.forEach((name, i) => assert.deepEqual(lineageOf(name), names.slice(i)));
  }
});

test('an unknown model has a family and no limits of its own', () => {
  const { family, settle, prices } = families({ 'gpt-4o': { limits: [perMinute(5)] } }).find('gpt-5-2025-08-07');
  assert.deepEqual(family, { name: 'gpt-5', limits: [], unlimited: false, field: undefined });
  assert.equal(settle, undefined);
  assert.equal(prices, undefined);
});

test('models, snapshots, fine-tunes and aliases share the limits of their family, as one object', () => {
  const all = families({
    'gpt-4o-2024-08-06': { limits: [perMinute(5)] },
    'prod-chat': { family: 'gpt-4o' },
    'tier/1': { limits: [perMinute(7)] },
    o3: { family: 'tier/1' },
    'o4-mini': { family: 'tier/1' },
  });
  const { family } = all.find('gpt-4o');
  assert.deepEqual(family.limits, [{ limit: 5, windowMs: 60_000 }]);
  for (const model of ['prod-chat', 'gpt-4o-2024-11-20', 'openai/gpt-4o', 'ft:gpt-4o:acme::id'])
    assert.equal(all.find(model).family, family, model);
  assert.equal(all.find('o3').family, all.find('o4-mini-2025-04-16').family);
  assert.deepEqual(all.names, ['gpt-4o-2024-08-06', 'tier/1']);
});

test('a model is kept apart by a family of its own, and so is what derives from it', () => {
  const all = families({
    o1: { limits: [perMinute(5)] },
    'o1-preview': { family: 'o1-preview', limits: [perMinute(2)] },
  });
  assert.deepEqual(limitsOf(all, 'o1-2024-12-17'), [5]);
  assert.deepEqual(limitsOf(all, 'o1-preview-2024-09-12'), [2]);
  assert.equal(all.find('ft:o1-preview-2024-09-12:acme::id').family.name, 'o1-preview');
});

test('one family, one set of limits', () => {
  const models: ModelsConfig<TestLimit> = {
    'gpt-4o': { limits: [perMinute(5), perMinute(9)] },
    'gpt-4o-2024-08-06': { limits: [perMinute(5)] },
  };
  const error = refused(() => families(models));
  assert.equal(error.field, 'models["gpt-4o-2024-08-06"].limits');
  assert.equal(error.value, models['gpt-4o-2024-08-06']!.limits);
  assert.equal(error.allowed, 'the limits of models["gpt-4o"]');
  assert.equal(
    error.message,
    'models["gpt-4o"] and models["gpt-4o-2024-08-06"] are one family, "gpt-4o", with different limits. ' +
      'Give both the same limits, or one of them another "family".',
  );
  const conflicts: [ModelConfig<TestLimit>['limits'], ModelConfig<TestLimit>['limits']][] = [
    ['unlimited', []],
    ['unlimited', [perMinute(5)]],
    [[], [perMinute(5)]],
    [[perMinute(5)], [{ limit: 5, window: 1 }]],
    [[perMinute(5)], [perMinute(5), perMinute(5)]],
  ];
  for (const [a, b] of conflicts) {
    for (const pair of [
      [a, b],
      [b, a],
    ])
      refused(() => families({ a: { family: 'f', limits: pair[0]! }, b: { family: 'f', limits: pair[1]! } }));
  }
});

test('limits that mean the same are the same, however they are written and ordered', () => {
  const all = families({
    a: { family: 'f', limits: [perMinute(5), { limit: 9, window: 1 }] },
    b: {
      family: 'f',
      limits: [
        { limit: 9, window: 1 },
        { limit: 5, window: 60_000 },
      ],
    },
  });
  assert.equal(all.find('a').family, all.find('b').family);
});

test('a family without limits of its own is not one that no limit counts', () => {
  const all = families({ free: { limits: 'unlimited' }, none: { limits: [] } });
  assert.deepEqual(all.find('free-0101').family, {
    name: 'free',
    limits: [],
    unlimited: true,
    field: 'models["free"].limits',
  });
  assert.deepEqual(all.find('none').family, {
    name: 'none',
    limits: [],
    unlimited: false,
    field: 'models["none"].limits',
  });
});

test('the nearest name says prices and settlement, the family itself last', () => {
  const all = families({
    tier: { settle: 'reserved', prices: { input: 1 } },
    'gpt-4o': { family: 'tier', prices: { input: 2 } },
    'gpt-4o-2024-08-06': { prices: { input: 3 } },
    apart: { family: 'gpt-4o-apart' },
    'apart-preview': { family: 'apart-preview' },
  });
  const input = (model: string): number | undefined => all.find(model).prices?.input?.whole;
  assert.deepEqual([input('gpt-4o-2024-08-06'), input('gpt-4o'), input('gpt-4o-2024-11-20')], [3, 2, 2]);
  assert.equal(input('tier'), 1);
  assert.equal(all.find('ft:gpt-4o-2024-08-06:acme::id').settle, 'reserved');
  assert.equal(input('apart-preview'), undefined);
});

test('what is said of another family does not count', () => {
  const all = families({ base: { prices: { input: 1 }, settle: 'input' }, 'base-preview': { family: 'preview' } });
  assert.deepEqual([all.find('base-preview').prices, all.find('base-preview').settle], [undefined, undefined]);
});

test('a family that is listed as a model of another one', () => {
  const error = refused(() => families({ prod: { family: 'gpt-4o' }, 'gpt-4o': { family: 'tier' } }));
  assert.deepEqual(
    [error.field, error.value, error.allowed],
    ['models["prod"].family', 'gpt-4o', 'the family of that model, "tier"'],
  );
  refused(() => families({ a: { family: 'b' }, b: { family: 'a' } }));
  refused(() => families({ prod: { family: 'o1-preview' }, 'o1-preview': { limits: 'unlimited' } }));
});

test('names of object properties are plain names', () => {
  const all = families(
    JSON.parse('{"__proto__": {"limits": [{"limit": 3, "window": 1}]}, "constructor": {"family": "toString"}}'),
  );
  assert.deepEqual(limitsOf(all, '__proto__'), [3]);
  assert.equal(all.find('constructor').family.name, 'toString');
  assert.deepEqual(limitsOf(all, 'hasOwnProperty'), []);
});

test('a name is its NFC, in the table as in requests', () => {
  const composed = 'caf\u00e9';
  const decomposed = 'cafe\u0301';
  for (const key of [composed, decomposed]) {
    const all = families({ [key]: { limits: [perMinute(4)] }, alias: { family: key } });
    const { family } = all.find(composed);
    assert.deepEqual([family.name, family.limits], [composed, [{ limit: 4, windowMs: 60_000 }]]);
    assert.equal(all.find(decomposed).family, family);
    assert.equal(all.find('alias').family, family);
  }
  const twice = refused(() => families({ [composed]: {}, [decomposed]: {} }));
  assert.deepEqual([twice.value, twice.allowed], [decomposed, 'there once, in NFC']);
});

test('names that are empty or no strings', () => {
  assert.equal(refused(() => families({ '': {} })).value, '');
  for (const family of ['', 5, {}, ['a']]) {
    const error = refused(() => families({ a: { family } } as never));
    assert.deepEqual([error.field, error.allowed], ['models["a"].family', 'a string that is not empty']);
  }
});

test('what is no configuration', () => {
  const throwing = {
    get limits(): never {
      throw new Error('no');
    },
  };
  const bad: [models: unknown, field: string, value: unknown][] = [
    ['gpt', 'models', 'gpt'],
    [true, 'models', true],
    [[{}], 'models', [{}]],
    [{ a: 5 }, 'models["a"]', 5],
    [{ a: [] }, 'models["a"]', []],
    [{ a: throwing }, 'models["a"]', throwing],
    [{ a: { family: 5 } }, 'models["a"].family', 5],
    [{ a: { limit: 5 } }, 'models["a"].limit', 5],
    [{ a: { prices: { inputs: 5 } } }, 'models["a"].prices.inputs', 5],
    [{ a: { limits: 'none' } }, 'models["a"].limits', 'none'],
    [{ a: { limits: [perMinute(0)] } }, 'models["a"].limits[0].limit', 0],
    [{ a: { settle: 'never' } }, 'models["a"].settle', 'never'],
    [{ a: { settle: 'header' } }, 'models["a"].settle', 'header'],
    [{ 'a"b': { prices: 5 } }, 'models["a\\"b"].prices', 5],
  ];
  for (const [models, field, value] of bad) {
    const error = refused(() => families(models as ModelsConfig<TestLimit>));
    assert.equal(error.field, field);
    if (value !== throwing) assert.deepEqual(error.value, value);
  }
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  assert.equal(refused(() => families(revoked.proxy)).field, 'models');
  assert.equal(
    refused(() => families({ a: { limit: 5 } } as never)).allowed,
    'left out: the fields of models["a"] are family, limits, settle, prices, dialect',
  );
  assert.equal(families({ a: { limit: undefined } } as never).find('a').family.name, 'a');
  assert.equal(families({ a: null } as unknown as ModelsConfig<TestLimit>).find('a').family.name, 'a');
});

test('a function answers as a table would', () => {
  const table: Record<string, ModelConfig<TestLimit>> = {
    'gpt-4o': { limits: [perMinute(5)], settle: 'reserved' },
    'gpt-4o-2024-08-06': { prices: { input: 3 } },
    'o1-preview': { family: 'o1-preview', limits: 'unlimited' },
    prod: { family: 'gpt-4o' },
  };
  const asked = families((model) => (Object.hasOwn(table, model) ? table[model] : undefined));
  const listed = families(table);
  const models = ['prod', 'gpt-4o-2024-08-06', 'o1-preview-2024-09-12', 'o1', 'ft:gpt-4o:acme::id', 'gpt-4o', 'x/y:z'];
  const seen = (all: typeof asked, model: string): unknown => {
    const { family, settle, prices } = all.find(model);
    return [{ ...family, field: undefined }, settle, prices?.input];
  };
  for (const model of [...models, ...models]) assert.deepEqual(seen(asked, model), seen(listed, model), model);
  assert.equal(asked.find('prod').family, asked.find('gpt-4o').family);
});

test('a function that names families which it does not know', () => {
  // Of "openai" it says that it is of the family "other": that is not about the family that it named.
  const all = families((model) =>
    model.startsWith('gpt')
      ? { family: 'openai', limits: [perMinute(5)] }
      : { family: 'other', limits: [perMinute(2)], prices: { input: 1 } },
  );
  assert.deepEqual(limitsOf(all, 'gpt-4o'), [5]);
  assert.equal(all.find('gpt-4o').prices, undefined);
  assert.deepEqual(limitsOf(all, 'claude'), [2]);
});

test('a family has the limits that any of its models is given, whenever that is', () => {
  const all = families((model) => (model === 'b' ? { family: 'f', limits: [perMinute(5)] } : { family: 'f' }));
  assert.deepEqual(limitsOf(all, 'a'), []);
  assert.deepEqual(limitsOf(all, 'b'), [5]);
  assert.deepEqual(limitsOf(all, 'a'), [5]);
  assert.equal(all.find('a').family, all.find('b').family);
});

test('a function that gives one family different limits', () => {
  const all = families((model) => ({ family: 'f', limits: [perMinute(model.length)] }));
  assert.deepEqual(limitsOf(all, 'aa'), [2]);
  assert.deepEqual(limitsOf(all, 'bb'), [2]);
  const error = refused(() => all.find('ccc'));
  assert.match(error.message, /^models\("aa"\) and models\("ccc"\) are one family, "f", with different limits\./);
  assert.deepEqual(limitsOf(all, 'dd'), [2]);
});

test('what a function throws is thrown on, and it is asked again', () => {
  let broken = true;
  const all = families(() => {
    if (broken) throw new RangeError('no connection');
    return { limits: [perMinute(5)] };
  });
  assert.throws(() => all.find('a'), /^RangeError: no connection$/);
  broken = false;
  assert.deepEqual(limitsOf(all, 'a'), [5]);
  assert.equal(refused(() => families(() => 5 as never).find('a')).field, 'models("a")');
});

test('names are remembered, but not without end', () => {
  const count = new Map<string, number>();
  const all = families((model) => {
    count.set(model, (count.get(model) ?? 0) + 1);
    return undefined;
  });
  const askedFor = (model: string): number => {
    const before = count.get(model) ?? 0;
    all.find(model);
    return (count.get(model) ?? 0) - before;
  };
  assert.equal(askedFor('first'), 1);
  assert.equal(askedFor('first'), 0);
  for (let i = 0; i < 1_500; i++) askedFor(`model ${i}`);
  assert.equal(askedFor('first'), 0, 'a name of late is still known');
  for (let i = 0; i < 3_000; i++) {
    askedFor(`other ${i}`);
    if (i % 500 === 0) assert.equal(askedFor('first'), 0, 'a name in use is kept');
  }
  assert.equal(askedFor('model 0'), 1, 'a name out of use is not');
});

test('families with limits are no more than the maximum', () => {
  const all = families((model) => ({ limits: model === 'free' ? 'unlimited' : [perMinute(1)] }), { familiesMax: 3 });
  // One that limits nothing takes no place.
  for (const model of ['a', 'free', 'c', 'a', 'c-preview', 'd']) all.find(model);
  const error = refused(() => all.find('e'));
  assert.deepEqual([error.value, error.allowed], [4, 'at most 3']);
  assert.deepEqual(limitsOf(all, 'a'), [1]);
});

test('a family that is not admitted stays unknown', () => {
  let room = false;
  const admitted: string[] = [];
  const all = families(() => ({ limits: [perMinute(1)] }), {
    admit({ name }) {
      if (!room) throw new RangeError('no room');
      admitted.push(name);
    },
  });
  assert.throws(() => all.find('a'), /no room/);
  assert.deepEqual(all.names, []);
  room = true;
  assert.deepEqual(limitsOf(all, 'a'), [1]);
  all.find('a');
  assert.deepEqual(admitted, ['a']);
});

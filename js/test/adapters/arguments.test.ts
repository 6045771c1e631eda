/** Options that cannot be used are refused when something is wrapped, by name, and nothing is consumed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGovernor, InputError, type Governor } from 'throttleai';
import { throttleMiddleware } from 'throttleai/adapters/express';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { throttle } from 'throttleai/adapters/hono';
import { wrapChatCompletions } from 'throttleai/adapters/openai';
import { wrapTool } from 'throttleai/adapters/tools';

/** What JavaScript programs may hand over. */
type Options = Record<string, unknown>;
const create = async (_params: object): Promise<object> => ({});

/** Each adapter with options of any kind. */
const adapters: Record<string, (options: unknown) => unknown> = {
  fetch: (options) => wrapFetch(fetch, options as never),
  openai: (options) => wrapChatCompletions(create, options as never),
  tools: (options) => wrapTool(() => 1, (isRecord(options) ? { toolId: 't', ...options } : options) as never),
  express: (options) => throttleMiddleware(options as never),
  hono: (options) => throttle(options as never),
};

const isRecord = (value: unknown): value is Options => typeof value === 'object' && value !== null;

function refuses(make: () => unknown, field: string, message: RegExp): void {
  assert.throws(make, (error) => {
    assert.ok(InputError.isInstance(error), String(error));
    assert.equal(error.field, field);
    assert.match(error.message, message);
    assert.ok(error.message.startsWith(`${field} must be ${error.allowed}, got `));
    return true;
  });
}

function untouched(governor: Governor): void {
  assert.deepEqual([governor.rateCount, governor.activeLeases, governor.snapshot().lastDeny], [0, 0, null]);
}

const CALLERS = ['fetch', 'openai', 'tools'];
const SERVERS = ['express', 'hono'];
const STREAMERS = ['fetch', 'openai', 'hono'];

/** Option, bad values, the field that is named, the adapters that have it, part of the message. */
const BAD: [name: string, values: unknown[], field: string, adapters: string[], message: RegExp][] = [
  ['wait', [5, 'yes', true], 'wait', Object.keys(adapters), /an object, such as { timeoutMs: 5000 }, got/],
  [
    'wait',
    [{ timeoutMs: -1 }, { timeoutMs: NaN }, { timeoutMs: '5' }],
    'wait.timeoutMs',
    Object.keys(adapters),
    /from 0/,
  ],
  ['wait', [{ deadline: NaN }], 'wait.deadline', Object.keys(adapters), /from 0/],
  ['wait', [{ signal: {} }], 'signal', Object.keys(adapters), /an AbortSignal/],
  ['actorId', ['', 'x'.repeat(513), 5, null], 'request.actorId', CALLERS, /a string/],
  ['priority', ['urgent', 1], 'request.priority', CALLERS, /"interactive" or "background", got/],
  ['tenant', ['', 'x'.repeat(513), 5], 'request.tenant', CALLERS, /a string/],
  ['model', ['', 5], 'request.model', ['fetch'], /a string/],
  ['getModel', ['gpt-4o'], 'options.getModel', SERVERS, /a function/],
  ['getTenant', [{}], 'options.getTenant', SERVERS, /a function/],
  ['idleMs', [-1, NaN, Infinity, '1'], 'options.idleMs', STREAMERS, /milliseconds from 0/],
  ['getActorId', ['ana', {}, null], 'options.getActorId', SERVERS, /a function/],
  ['getAction', ['chat'], 'options.getAction', SERVERS, /a function, got "chat"/],
  ['getPriority', ['background'], 'options.getPriority', SERVERS, /a function/],
  ['getEstimate', [{ weight: 2 }], 'options.getEstimate', SERVERS, /a function, got an object/],
  ['onDeny', [true], 'options.onDeny', SERVERS, /a function, got true/],
  ['classifyAction', ['chat'], 'options.classifyAction', ['fetch'], /a function/],
  ['extractUsage', [{}], 'options.extractUsage', ['fetch'], /a function/],
  ['idempotencyKey', ['k'], 'options.idempotencyKey', ['fetch', 'tools'], /a function/],
  ['estimate', [5], 'request.estimate', ['fetch'], /an object, got 5/],
  ['estimate', [{ weight: NaN }, { weight: -1 }], 'request.estimate.weight', ['fetch'], /from 0 to 1000000000, got/],
  ['estimate', [{ outputTokens: 9 }], 'request.estimate.outputTokens', ['fetch'], /left out: .*maxOutputTokens/],
  ['estimate', [{ promptTokens: '9' }], 'request.estimate.promptTokens', ['fetch'], /from 0 to 1000000000000, got "9"/],
  ['action', [7, 'x'.repeat(513)], 'request.action', ['openai'], /a string/],
  ['toolId', [undefined, '', 7, 'x'.repeat(508)], 'options.toolId', ['tools'], /a string/],
  ['costWeight', [NaN, -1, 1e10, '2'], 'options.costWeight', ['tools'], /from 0 to 1000000000, got/],
];

for (const [name, values, field, owners, message] of BAD) {
  for (const owner of owners) {
    test(`${owner}: ${name} of ${values.length} bad kinds, names ${field}`, () => {
      const governor = createGovernor({ rate: { requestsPerMinute: 10 } });
      for (const value of values) refuses(() => adapters[owner]!({ governor, [name]: value }), field, message);
      untouched(governor);
    });
  }
}

for (const [name, adapt] of Object.entries(adapters)) {
  test(`${name}: without a governor, or with something else for one`, () => {
    const half = { acquire() {} };
    for (const options of [undefined, null, 5, {}, { governor: null }, { governor: 'g' }, { governor: half }])
      refuses(() => adapt(options), 'options.governor', /an object with acquire and release, got/);
  });

  test(`${name}: absent and undefined options are defaults`, () => {
    const governor = createGovernor();
    const names = BAD.map(([option]) => option).filter((option) => option !== 'toolId');
    adapt({ governor });
    adapt({ governor, ...Object.fromEntries(names.map((option) => [option, undefined])) });
    adapt({ governor, wait: null });
    adapt({ governor, wait: { timeoutMs: Infinity, deadline: null, signal: new AbortController().signal } });
  });
}

/** Misspelt, or of another adapter, and one that is there. */
const OTHERS: [name: string, own: string, adapters: string[]][] = [
  ['gouvernor', 'governor', Object.keys(adapters)],
  ['maxWaitMs', 'wait', Object.keys(adapters)],
  ['actor', 'actorId', CALLERS],
  ['getActorID', 'getActorId', SERVERS],
  ['actorId', 'onDeny', SERVERS],
  ['idleMS', 'idleMs', STREAMERS],
  ['idleMs', 'costWeight', ['tools']],
  ['idleMs', 'getEstimate', ['express']],
  ['getUsage', 'extractUsage', ['fetch']],
  ['estimates', 'estimate', ['fetch']],
  ['toolID', 'toolId', ['tools']],
];

for (const [name, own, owners] of OTHERS) {
  for (const owner of owners) {
    test(`${owner}: no option ${name}; there is ${own}`, () => {
      const allowed = new RegExp(`left out: the fields of options are governor, wait, .*, got`);
      refuses(() => adapters[owner]!({ governor: createGovernor(), [name]: 1 }), `options.${name}`, allowed);
      assert.throws(() => adapters[owner]!({ governor: createGovernor(), [name]: 1 }), new RegExp(`\\b${own}\\b`));
    });
  }
}

test('what is wrapped must be a function', () => {
  const governor = createGovernor();
  for (const value of [undefined, null, 5, {}, 'fetch']) {
    refuses(() => wrapFetch(value as never, { governor }), 'fetchFn', /a function, got/);
    refuses(() => wrapTool(value as never, { governor, toolId: 't' }), 'fn', /a function, got/);
    refuses(() => wrapChatCompletions(value as never, { governor }), 'create', /a function, or an object with/);
  }
  refuses(() => wrapChatCompletions({ create: 5 } as never, { governor }), 'create', /a function `create`/);
  untouched(governor);
});

test('the longest names that fit are taken', async () => {
  const governor = createGovernor();
  const actorId = 'x'.repeat(512);
  assert.ok((await wrapTool(() => 1, { governor, toolId: 'x'.repeat(507), actorId, costWeight: 1e9 })()).ok);
});

test('what the functions of the options throw is a rejection, and consumes nothing', async () => {
  const governor = createGovernor({ rate: { requestsPerMinute: 10 } });
  const idempotencyKey = (): never => {
    throw new Error('no key');
  };
  // Each in its own statement: a throw at once would end the test before the rejection is looked at.
  const tool = wrapTool(() => 1, { governor, toolId: 't', idempotencyKey })();
  await assert.rejects(tool, /no key/);
  const fetched = wrapFetch(fetch, { governor, idempotencyKey })('https://example.com/');
  await assert.rejects(fetched, /no key/);
  const chat = wrapChatCompletions(create, { governor })({}, { weight: NaN });
  await assert.rejects(chat, { field: 'request.estimate.weight' });
  untouched(governor);
});

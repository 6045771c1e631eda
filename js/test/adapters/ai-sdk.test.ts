/** governedMiddleware: models of the AI SDK's three specifications, made by hand here; with the SDK itself in pkg-tests/. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock, DeniedError, InputError } from 'throttleai';
import { governedMiddleware } from 'throttleai/adapters/ai-sdk';
import { collectUntil, notedGovernor, settle } from './support.ts';

const model = { modelId: 'gpt-4o' };
const v2 = { inputTokens: 19, outputTokens: 11, totalTokens: 30, cachedInputTokens: 4 };
const v3 = {
  inputTokens: { total: 19, noCache: 15, cacheRead: 4, cacheWrite: undefined },
  outputTokens: { total: 11, text: 11, reasoning: undefined },
};
const usage = { promptTokens: 19, outputTokens: 11, cachedTokens: 4 };

/** A stream of parts that are pulled one by one. */
function parts(...all: object[]): ReadableStream<object> {
  const left = [...all];
  return new ReadableStream(
    {
      pull(controller) {
        const part = left.shift();
        if (part instanceof Error) controller.error(part);
        else if (part) controller.enqueue(part);
        else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}
const delta = { type: 'text-delta', id: '1', delta: 'Hello' };
const finish = { type: 'finish', usage: v3, finishReason: 'stop' };

async function readAll(stream: object): Promise<object[]> {
  const read: object[] = [];
  for await (const part of stream as ReadableStream<object>) read.push(part);
  return read;
}

for (const [name, said] of [
  ['v2', v2],
  ['v3 and v4', v3],
] as const) {
  test(`usage as specification ${name} has it, of a result and of a stream`, async (t) => {
    const { governor, asked, released } = notedGovernor(t);
    const middleware = governedMiddleware(governor);
    const result = { content: [], usage: said, other: 1 };
    const params = { maxOutputTokens: 50 };
    assert.equal(await middleware.wrapGenerate({ doGenerate: async () => result, params, model }), result);
    const end = { ...finish, usage: said };
    const doStream = async (): Promise<{ stream: ReadableStream<object>; request: number }> => ({
      stream: parts(delta, end),
      request: 7,
    });
    const streamed = await middleware.wrapStream({ doStream, params, model });
    assert.equal(streamed.request, 7);
    assert.equal(governor.activeLeases, 1, 'to the end of the stream');
    assert.deepEqual(await readAll(streamed.stream), [delta, end]);
    assert.deepEqual(
      asked.map(({ action }) => action),
      ['generate', 'stream'],
    );
    for (const { report } of released) assert.deepEqual([report?.outcome, report?.usage], ['success', usage]);
    assert.equal(released.length, 2);
  });
}

test('counts that a model does not know are left out', async (t) => {
  const { governor, released } = notedGovernor(t);
  const { wrapGenerate } = governedMiddleware(governor);
  const unknown = { total: undefined };
  for (const said of [
    undefined,
    { inputTokens: NaN, outputTokens: undefined },
    { inputTokens: unknown, outputTokens: unknown },
  ])
    await wrapGenerate({ doGenerate: async () => ({ usage: said }), params: {}, model });
  for (const { report } of released) assert.equal(report?.usage, undefined);
  assert.equal(released.length, 3);
});

test('the model and the most output tokens count, and what an estimate adds', async (t) => {
  const { governor } = notedGovernor(t, {
    rate: { tokensPerMinute: 1000 },
    models: { 'gpt-4o': { limits: [{ metric: 'requests', limit: 1, window: '1m' }] } },
  });
  const options = { params: { maxOutputTokens: 100, prompt: 'x' }, model };
  const reserved: number[] = [];
  const doGenerate = async (): Promise<object> => {
    reserved.push(governor.tokenRateCount);
    return {};
  };
  const estimate = ({ params }: { params: { maxOutputTokens?: number | undefined } }): object => ({
    promptTokens: 30,
    maxOutputTokens: params.maxOutputTokens,
  });
  await governedMiddleware(governor, { wait: false }).wrapGenerate({ ...options, doGenerate });
  const others = governedMiddleware(governor, { wait: false, estimate });
  await others.wrapGenerate({ ...options, model: { modelId: 'other' }, doGenerate });
  assert.deepEqual(reserved, [100, 230]);
  await assert.rejects(others.wrapGenerate({ ...options, doGenerate }), (error) => {
    assert.ok(DeniedError.isInstance(error));
    return error.decision.reason === 'rate';
  });
});

test('streams end their lease however they end, with the usage that was told', async (t) => {
  const { governor, released } = notedGovernor(t);
  const { wrapStream } = governedMiddleware(governor);
  const send = async (...all: object[]): Promise<ReadableStream<object>> => {
    const doStream = async (): Promise<{ stream: ReadableStream<object> }> => ({ stream: parts(...all) });
    return (await wrapStream({ doStream, params: {}, model })).stream;
  };
  await assert.rejects(readAll(await send(delta, new Error('cut'))), /cut/);
  await readAll(await send({ type: 'error', error: new Error('refused') }, finish));
  const reader = (await send(delta, finish, delta)).getReader();
  await reader.read();
  await reader.read();
  await reader.cancel();
  const drop = async (): Promise<boolean> => (await send(delta, finish)).locked;
  assert.equal(await drop(), false);
  await collectUntil(() => released.length > 3);
  assert.deepEqual(
    released.map(({ report }) => [report?.outcome, report?.usage]),
    [
      ['error', undefined],
      ['error', usage],
      ['cancelled', usage],
      ['cancelled', undefined],
    ],
  );
});

test('a model that throws ends its lease; the signal of a call ends its wait, and its call', async (t) => {
  const clock = createTestClock();
  const { governor, released } = notedGovernor(t, { clock, concurrency: { maxInFlight: 1 }, leaseTtlMs: 1e6 });
  const { wrapGenerate, wrapStream } = governedMiddleware(governor);
  const failing = async (): Promise<never> => {
    throw new Error('refused');
  };
  await assert.rejects(wrapGenerate({ doGenerate: failing, params: {}, model }), /refused/);
  await assert.rejects(wrapStream({ doStream: failing, params: {}, model }), /refused/);
  assert.deepEqual(
    released.map(({ report }) => report?.outcome),
    ['error', 'error'],
  );
  const first = governor.acquire({ actorId: 'x', action: 'y' });
  assert.ok(first.granted);
  const abort = new AbortController();
  const params = { abortSignal: abort.signal };
  const left = wrapGenerate({ doGenerate: failing, params, model });
  const late = wrapGenerate({ doGenerate: failing, params: {}, model });
  await settle();
  abort.abort('enough');
  await assert.rejects(left, (reason) => reason === 'enough');
  clock.advance(60_000);
  await assert.rejects(late, DeniedError);
});

test('options that cannot be used are refused at once, naming them', (t) => {
  const { governor } = notedGovernor(t);
  for (const [options, message] of [
    [{ actorId: 7 }, /actorId/],
    [{ wait: 5 }, /wait/],
    [{ idleMs: -1 }, /options\.idleMs/],
    [{ modelId: 'x' }, /options\.modelId/],
  ] as const)
    assert.throws(
      () => governedMiddleware(governor, options as never),
      (error) => InputError.isInstance(error) && message.test(error.message),
    );
});

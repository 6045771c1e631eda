/** Wrapped functions whose result is a stream, of any kind: the lease lasts to its end, and is renewed while it is read. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { TestClock, TokenUsage } from 'throttleai';
import { wrapFunction } from '../../core/wrap.ts';
import { bench, settled } from './support.ts';
import { all, Chunks, count, noted, outcomes } from './wrap-support.ts';

test('what can be iterated stays the same object, and the lease lasts to the end of its iteration', async (t) => {
  const { governor, told } = noted(t);
  let stream = new Chunks(() => count(3));
  const wrapped = wrapFunction(governor, async () => stream, { key: 'k', usage: (n) => ({ outputTokens: n }) });
  const given = await wrapped();
  assert.equal(given, stream);
  assert.deepEqual(Object.keys(given), ['controller']);
  assert.equal(governor.activeLeases, 1);
  assert.deepEqual(await all(given), [1, 2, 3]);
  assert.equal(governor.activeLeases, 0);
  assert.deepEqual(told[0]?.usage, { outputTokens: 3 });

  stream = new Chunks(() => count(3));
  for await (const item of await wrapped()) {
    assert.equal(governor.activeLeases, item);
    break;
  }
  assert.equal(governor.activeLeases, 0);

  const thrownAt = (await wrapped())[Symbol.asyncIterator]();
  await assert.rejects(thrownAt.throw!(new RangeError('stop')), RangeError);

  // An iterator that has nothing but `next`.
  stream = new Chunks(() => ({ next: async () => ({ done: false, value: 1 }) }));
  for await (const _ of await wrapped()) break;

  stream = new Chunks(() => ({ next: () => Promise.reject(new RangeError('cut')) }));
  await assert.rejects(all(await wrapped()), RangeError);

  Object.freeze((stream = new Chunks(() => count(2))));
  assert.deepEqual(await all(await wrapped()), [1, 2]);
  assert.deepEqual(outcomes(told), ['success', 'cancelled', 'error', 'cancelled', 'error', 'success']);
  assert.equal(governor.activeLeases, 0);
});

test('a ReadableStream is handed on chunk by chunk, at the pace of its reader', async (t) => {
  const { governor, told } = noted(t);
  const pulled: number[] = [];
  const cancelled: unknown[] = [];
  const source = (end: 'close' | 'error'): ReadableStream<number> =>
    new ReadableStream<number>(
      {
        pull(controller) {
          const n = pulled.push(pulled.length + 1);
          if (n < 3) controller.enqueue(n);
          else if (end === 'close') controller.close();
          else controller.error(new RangeError('cut'));
        },
        cancel: (reason) => void cancelled.push(reason),
      },
      { highWaterMark: 0 },
    );
  const wrapped = wrapFunction(governor, (end: 'close' | 'error') => source(end), {
    key: 'k',
    usage: (n) => ({ outputTokens: n }),
  });
  const reader = (await wrapped('close')).getReader();
  await settled();
  assert.deepEqual(pulled, [], 'nothing is read ahead');
  assert.deepEqual(await reader.read(), { done: false, value: 1 });
  assert.deepEqual(await reader.read(), { done: false, value: 2 });
  assert.equal(governor.activeLeases, 1);
  assert.deepEqual(await reader.read(), { done: true, value: undefined });
  assert.equal(governor.activeLeases, 0);

  pulled.length = 0;
  await assert.rejects(all(await wrapped('error')), RangeError);
  pulled.length = 0;
  const left = await wrapped('close');
  await left.cancel('enough');
  assert.deepEqual(cancelled, ['enough']);
  assert.equal(governor.activeLeases, 0);
  assert.deepEqual(outcomes(told), ['success', 'error', 'cancelled']);
  assert.deepEqual(told[0]?.usage, { outputTokens: 2 });

  const locked = source('close');
  locked.getReader();
  assert.equal(await wrapFunction(governor, () => locked, { key: 'k' })(), locked);
  assert.equal(governor.activeLeases, 0);
});

test('a stream of Node is followed however it is read', async (t) => {
  const { governor, told } = noted(t);
  let stream = Readable.from(['a', 'b']);
  const wrapped = wrapFunction(governor, () => stream, { key: 'k' });
  const closed = (): Promise<void> => new Promise((resolve) => stream.once('close', resolve));
  assert.equal(await wrapped(), stream);
  assert.equal(governor.activeLeases, 1);
  const texts: string[] = [];
  const end = closed();
  stream.on('data', (text: string) => texts.push(text));
  await end;
  assert.deepEqual([texts, governor.activeLeases], [['a', 'b'], 0]);

  stream = Readable.from(['a', 'b']);
  assert.deepEqual(await all(await wrapped()), ['a', 'b']);

  stream = Readable.from(['a', 'b']);
  await wrapped();
  const destroyed = closed();
  stream.destroy();
  await destroyed;

  stream = Readable.from(['a', 'b']).on('error', () => {});
  await wrapped();
  const failed = closed();
  stream.destroy(new RangeError('cut'));
  await failed;
  assert.deepEqual(outcomes(told), ['success', 'success', 'cancelled', 'error']);
  assert.equal(governor.activeLeases, 0);
});

test('the lease of a long stream is renewed while it is read', async (t) => {
  const { governor, clock, events } = bench(t, { leaseTtlMs: 1_000, reaperIntervalMs: 100 });
  const seconds = async (items: AsyncIterable<number>, by: TestClock): Promise<void> => {
    for await (const _ of items) by.advance(600);
  };
  await seconds(wrapFunction(governor, count, { key: 'k' })(5), clock);
  await seconds(await wrapFunction(governor, async () => new Chunks(() => count(5)), { key: 'k' })(), clock);
  const stream = await wrapFunction(governor, async () => ReadableStream.from(count(5)), { key: 'k' })();
  await seconds(stream, clock);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['acquire', 'release', 'acquire', 'release', 'acquire', 'release'],
  );
});

test('a lease is renewed once in half of its time', async (t) => {
  const { governor, clock } = bench(t, { leaseTtlMs: 1_000 });
  const renewed: number[] = [];
  const { renew } = governor;
  governor.renew = (id) => {
    renewed.push(clock.time);
    return renew.call(governor, id);
  };
  const start = clock.time;
  for await (const _ of wrapFunction(governor, count, { key: 'k' })(20)) clock.advance(100);
  assert.deepEqual(
    renewed.map((at) => at - start),
    [500, 1_000, 1_500],
  );
});

test('of the usage of chunks the last answer counts', async (t) => {
  const { governor, told } = noted(t);
  const usage = (n: number): TokenUsage | undefined => (n < 3 ? { outputTokens: n } : undefined);
  await all(wrapFunction(governor, count, { key: 'k', usage })(5));
  assert.deepEqual(told[0]?.usage, { outputTokens: 2 });
});

test('the first of a stream, of any kind, has its time in the report; what is whole has none', async (t) => {
  const { governor, clock, told } = noted(t);
  async function* slow(chunks: number): AsyncGenerator<number> {
    for (let i = 0; i < chunks; i++) {
      clock.advance(40);
      yield i;
    }
    clock.advance(40);
  }
  const results: Record<string, (chunks: number) => AsyncIterable<number>> = {
    generator: slow,
    iterable: (chunks) => new Chunks(() => slow(chunks)),
    web: (chunks) => ReadableStream.from<number>(slow(chunks)),
  };
  for (const [kind, make] of Object.entries(results)) {
    const wrapped = wrapFunction(governor, make, { key: 'k' });
    for (const chunks of [0, 2]) {
      told.length = 0;
      await all(await wrapped(chunks));
      await settled();
      const first = chunks === 0 ? undefined : 40;
      const { firstTokenMs, latencyMs } = told[0]!;
      assert.deepEqual([firstTokenMs, latencyMs], [first, 40 * (chunks + 1)], `${kind} of ${chunks}`);
    }
  }
  told.length = 0;
  await wrapFunction(governor, async () => clock.advance(40), { key: 'k' })();
  assert.deepEqual(told, [{ outcome: 'success', latencyMs: 40 }]);
  told.length = 0;
  // Chunks of an SDK, or the bytes they are read from: what opens a stream comes early, also from a provider that is overloaded.
  const chunks: object[] = [
    { type: 'message_start', message: { content: [] } },
    { type: 'content_block_delta', delta: { text: 'Hi' } },
  ];
  const bytes = chunks.map((chunk) => new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`));
  for (const parts of [chunks, bytes, bytes.map((part) => Buffer.from(part))]) {
    const stream = wrapFunction(
      governor,
      async function* () {
        for (const part of parts) {
          clock.advance(40);
          yield part;
        }
      },
      { key: 'k' },
    );
    await all(stream());
    await settled();
    assert.equal(told.pop()!.firstTokenMs, 80);
  }
});

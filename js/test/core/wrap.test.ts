/** Wrapped functions: what they give is what the function gives, and the lease lasts exactly as long. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import type { AcquireRequest, GovernorConfig, GovernorLike, ReleaseReport, TestClock, TokenUsage } from 'throttleai';
import { DeniedError, InputError } from '../../core/errors.ts';
import type { FunctionOptions } from '../../core/types/wrap.ts';
import { wrapFunction } from '../../core/wrap.ts';
import { ask, bench, countedSignal, granted, settled, type Bench } from './support.ts';

/** A governor that notes what it was asked and told. */
function noted(
  t: TestContext,
  config: GovernorConfig = {},
): Bench & { asked: AcquireRequest[]; told: ReleaseReport[] } {
  const made = bench(t, config);
  const { governor } = made;
  const asked: AcquireRequest[] = [];
  const told: ReleaseReport[] = [];
  const { acquire, release } = governor;
  // Replaced, so it is polled: what is not denied is granted at the first attempt.
  governor.acquire = (request) => {
    asked.push(request);
    return acquire.call(governor, request);
  };
  governor.release = (id, report) => {
    told.push(report!);
    release.call(governor, id, report);
  };
  return { ...made, asked, told };
}

const outcomes = (told: readonly ReleaseReport[]): unknown[] => told.map(({ outcome }) => outcome);
async function* count(to: number): AsyncGenerator<number, string, void> {
  for (let i = 1; i <= to; i++) yield i;
  return 'done';
}
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test('a function keeps its arguments, its this, its result and its name', async (t) => {
  const { governor, clock, asked, told } = noted(t);
  const answer = { text: 'hi' };
  const model = {
    prefix: '>',
    async complete(this: { prefix: string }, prompt: string, most = 5): Promise<typeof answer> {
      assert.deepEqual([this.prefix, prompt, most, governor.activeLeases], ['>', 'hello', 7, 1]);
      clock.advance(40);
      return answer;
    },
  };
  const complete = wrapFunction(governor, model.complete, {
    key: 'chat',
    actorId: (prompt) => `user of ${prompt}`,
    priority: 'background',
    estimate: (prompt, most) => ({ promptTokens: prompt.length, maxOutputTokens: most ?? 0 }),
    usage: ({ text }) => ({ outputTokens: text.length }),
  });
  assert.equal(await complete.call(model, 'hello', 7), answer);
  assert.deepEqual([complete.name, complete.length], ['complete', 1]);
  const estimate = { promptTokens: 5, maxOutputTokens: 7 };
  assert.deepEqual(asked, [{ actorId: 'user of hello', action: 'chat', priority: 'background', estimate }]);
  assert.deepEqual(told, [{ outcome: 'success', latencyMs: 40, usage: { outputTokens: 2 } }]);
  assert.equal(governor.activeLeases, 0);
});

test('without options a call is of the actor "default", and a function may answer at once', async (t) => {
  const { governor, asked } = noted(t);
  assert.equal(await wrapFunction(governor, (a: number, b: number) => a + b, { key: 'sum' })(2, 3), 5);
  assert.deepEqual(asked, [{ actorId: 'default', action: 'sum' }]);
});

test('what a function throws is thrown on, after the lease has ended', async (t) => {
  const { governor, told } = noted(t);
  const error = new Error('no');
  const wrapped = wrapFunction(
    governor,
    (kind: string): Promise<never> => {
      if (kind === 'at once') throw error;
      return Promise.reject(kind === 'aborted' ? new DOMException('stop', 'AbortError') : error);
    },
    { key: 'k' },
  );
  await assert.rejects(wrapped('at once'), error);
  await assert.rejects(wrapped('later'), error);
  await assert.rejects(wrapped('aborted'), { name: 'AbortError' });
  assert.deepEqual(outcomes(told), ['error', 'error', 'cancelled']);
  assert.equal(governor.activeLeases, 0);
});

test('calls wait for their lease, in order', async (t) => {
  const { governor, clock } = bench(t, { rate: { requestsPerMinute: 1 } });
  const done: number[] = [];
  const wrapped = wrapFunction(governor, (n: number) => void done.push(n), { key: 'k' });
  const calls = [wrapped(1), wrapped(2), wrapped(3)];
  await settled();
  assert.deepEqual(done, [1]);
  clock.advance(60_000);
  await settled();
  assert.deepEqual(done, [1, 2]);
  clock.advance(60_000);
  await Promise.all(calls);
  assert.deepEqual(done, [1, 2, 3]);
});

test('a denial is an error with the decision, and the function is not called', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  granted(governor.acquire(ask('a')));
  const never = (): never => assert.fail('called');
  for (const wait of [false, { timeoutMs: 0 }] as const) {
    await assert.rejects(wrapFunction(governor, never, { key: 'k', wait })(), (error) => {
      assert(DeniedError.isInstance(error) && error instanceof DeniedError);
      assert.equal(error.code, 'denied');
      assert.equal(error.decision.reason, 'concurrency');
      assert.equal(error.message, error.decision.recommendation);
      return true;
    });
  }
  const heavy = wrapFunction(governor, never, { key: 'k', estimate: { weight: 2 } });
  await assert.rejects(heavy(), (error) => DeniedError.isInstance(error) && error.decision.retryAt === null);
});

test('a signal cancels the wait and leaves nothing behind', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  const id = granted(governor.acquire(ask('a')));
  const { signal, abort, listeners } = countedSignal();
  const wrapped = wrapFunction(governor, (_signal: AbortSignal) => 'ok', { key: 'k', signal: (given) => given });
  const call = wrapped(signal);
  await settled();
  assert.equal(listeners(), 1);
  abort('enough');
  await assert.rejects(call, (reason) => reason === 'enough');
  assert.equal(listeners(), 0);
  await assert.rejects(wrapped(signal), (reason) => reason === 'enough');
  governor.release(id);
  assert.equal(governor.activeLeases, 0);
  const waiting = wrapFunction(governor, () => 'ok', { key: 'k', wait: { signal } });
  await assert.rejects(waiting(), (reason) => reason === 'enough');
});

test('a signal that is aborted already asks for nothing', async (t) => {
  const { governor, asked } = noted(t);
  const wrapped = wrapFunction(governor, () => 'ok', { key: 'k', wait: false, signal: AbortSignal.abort('before') });
  await assert.rejects(wrapped(), (reason) => reason === 'before');
  assert.equal(asked.length, 0);
});

test('options are those of the time of wrapping', async (t) => {
  const { governor, asked } = noted(t);
  const options = { key: 'before' };
  const wrapped = wrapFunction(governor, () => 'ok', options);
  options.key = '';
  await wrapped();
  assert.deepEqual(asked, [{ actorId: 'default', action: 'before' }]);
});

test('a signal that is aborted between grant and call', async (t) => {
  const { governor, told } = noted(t);
  const controller = new AbortController();
  const { acquire } = governor;
  governor.acquire = (request) => {
    controller.abort('late');
    return acquire(request);
  };
  const wrapped = wrapFunction(governor, () => assert.fail('called'), { key: 'k', signal: controller.signal });
  await assert.rejects(wrapped(), (reason) => reason === 'late');
  assert.deepEqual(outcomes(told), ['cancelled']);
  assert.equal(governor.activeLeases, 0);
});

test('calls under one idempotency key share a lease until the last has ended', async (t) => {
  const { governor } = bench(t);
  const release: (() => void)[] = [];
  const wrapped = wrapFunction(governor, (_id: string) => new Promise<void>((resolve) => release.push(resolve)), {
    key: 'k',
    idempotencyKey: (id) => id,
  });
  const calls = [wrapped('a'), wrapped('a'), wrapped('b')];
  await settled();
  assert.deepEqual([release.length, governor.activeLeases], [3, 2]);
  release[0]!();
  await calls[0];
  assert.equal(governor.activeLeases, 2);
  release[1]!();
  release[2]!();
  await Promise.all(calls);
  assert.equal(governor.activeLeases, 0);
});

test('usage that throws, or says nothing, takes nothing from the call', async (t) => {
  const { governor, told } = noted(t);
  const usages: ((result: string) => TokenUsage | undefined)[] = [
    () => undefined,
    () => {
      throw new Error('no');
    },
  ];
  for (const usage of usages) assert.equal(await wrapFunction(governor, () => 'ok', { key: 'k', usage })(), 'ok');
  assert.deepEqual(
    told.map((report) => 'usage' in report),
    [false, false],
  );
});

test('a call under a governor that was closed meanwhile stands', async (t) => {
  const { governor } = bench(t);
  const wrapped = wrapFunction(governor, () => (governor.close(), 'ok'), { key: 'k' });
  assert.equal(await wrapped(), 'ok');
});

test('a generator asks when it is read, and has its lease until its end', async (t) => {
  const { governor, clock, told } = noted(t);
  const wrapped = wrapFunction(governor, count, { key: 'k', usage: (n) => ({ outputTokens: n }) });
  const items = wrapped(3);
  await settled();
  assert.equal(governor.activeLeases, 0);
  assert.deepEqual(await items.next(), { done: false, value: 1 });
  assert.equal(governor.activeLeases, 1);
  clock.advance(30);
  assert.deepEqual(await items.next(), { done: false, value: 2 });
  assert.deepEqual(await items.next(), { done: false, value: 3 });
  assert.equal(governor.activeLeases, 1);
  assert.deepEqual(await items.next(), { done: true, value: 'done' });
  assert.equal(governor.activeLeases, 0);
  assert.deepEqual(told, [{ outcome: 'success', latencyMs: 30, usage: { outputTokens: 3 } }]);
  assert.equal(wrapped.name, 'count');
});

test('a generator that is left, fails or is thrown at', async (t) => {
  const { governor, told } = noted(t);
  const left: string[] = [];
  async function* talk(this: { id: string } | void, fails: boolean): AsyncGenerator<string, void, string | void> {
    try {
      const heard = String(yield this?.id ?? 'nobody');
      if (fails) throw new RangeError(heard);
      yield heard;
    } finally {
      left.push('left');
    }
  }
  const wrapped = wrapFunction(governor, talk, { key: 'k' });
  for await (const item of wrapped.call({ id: 'me' }, false)) {
    assert.equal(item, 'me');
    break;
  }
  const failing = wrapped(true);
  await failing.next();
  await assert.rejects(failing.next('bad'), /^RangeError: bad$/);
  const thrownAt = wrapped(false);
  await thrownAt.next();
  await assert.rejects(thrownAt.throw(new SyntaxError('stop')), SyntaxError);
  const returned = wrapped(false);
  await returned.next();
  assert.deepEqual(await returned.return(), { done: true, value: undefined });
  assert.deepEqual(outcomes(told), ['cancelled', 'error', 'error', 'cancelled']);
  assert.equal(left.length, 4);
  assert.equal(governor.activeLeases, 0);

  const unread = wrapped(false);
  await unread.return();
  assert.equal(told.length, 4, 'what was never read asked for nothing');
});

test('a lease lasts while a generator that is left cleans up', async (t) => {
  const { governor, told } = noted(t);
  let cleaned = (): void => {};
  const wrapped = wrapFunction(
    governor,
    async function* () {
      try {
        yield 1;
      } finally {
        await new Promise<void>((resolve) => (cleaned = resolve));
      }
    },
    { key: 'k' },
  );
  const items = wrapped();
  await items.next();
  const left = items.return(undefined);
  await settled();
  assert.equal(governor.activeLeases, 1);
  cleaned();
  await left;
  assert.deepEqual([governor.activeLeases, outcomes(told)], [0, ['cancelled']]);
});

test('a generator whose call is denied', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  granted(governor.acquire(ask('a')));
  const items = wrapFunction(governor, count, { key: 'k', wait: false })(3);
  await assert.rejects(items.next(), DeniedError);
  assert.deepEqual(await items.next(), { done: true, value: undefined });
});

test('bound generators are generators; others are by the option', async (t) => {
  const { governor } = bench(t);
  assert.deepEqual(await all(wrapFunction(governor, count.bind(undefined, 2), { key: 'k' })()), [1, 2]);
  const arrow = (to: number): AsyncGenerator<number, string, void> => count(to);
  assert.deepEqual(await all(wrapFunction(governor, arrow, { key: 'k', generator: true })(2)), [1, 2]);
  const given = await wrapFunction(governor, async () => count(2), { key: 'k' })();
  assert.deepEqual([Object.keys(given), await all(given)], [[], [1, 2]]);
  const broken = wrapFunction(
    governor,
    (): AsyncGenerator<number> => {
      throw new RangeError('no');
    },
    { key: 'k', generator: true },
  );
  await assert.rejects(broken().next(), RangeError);
  assert.equal(governor.activeLeases, 0);
});

/** Something that can be iterated and more, as a stream of an SDK. */
class Chunks implements AsyncIterable<number> {
  readonly controller = new AbortController();
  readonly #make: () => AsyncIterator<number>;
  constructor(make: () => AsyncIterator<number>) {
    this.#make = make;
  }
  [Symbol.asyncIterator](): AsyncIterator<number> {
    return this.#make();
  }
}

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

test('objects of the user that grant leases are polled, and need not renew', async () => {
  const told: ReleaseReport[] = [];
  const asked: AcquireRequest[] = [];
  const own: GovernorLike = {
    acquire: (request) => {
      asked.push(request);
      return { granted: true, leaseId: 'x', expiresAt: 1 };
    },
    release: (_id, report) => void told.push(report!),
  };
  assert.deepEqual(await all(wrapFunction(own, count, { key: 'x'.repeat(1_000) })(2)), [1, 2]);
  assert.deepEqual([asked.length, outcomes(told)], [1, ['success']]);
});

test('what cannot be wrapped', (t) => {
  const { governor } = bench(t);
  const bad: [field: string, options: unknown][] = [
    ['options.key', undefined],
    ['options.key', {}],
    ['options.key', { key: '' }],
    ['options.key', { key: 'x'.repeat(513) }],
    ['request.actorId', { key: 'k', actorId: 5 }],
    ['request.actorId', { key: 'k', actorId: '' }],
    ['request.priority', { key: 'k', priority: 'high' }],
    ['request.estimate.weight', { key: 'k', estimate: { weight: -1 } }],
    ['wait', { key: 'k', wait: true }],
    ['wait.timeoutMs', { key: 'k', wait: { timeoutMs: -1 } }],
    ['signal', { key: 'k', signal: {} }],
    ['options.usage', { key: 'k', usage: 5 }],
    ['options.actorID', { key: 'k', actorID: 'a' }],
    ['options.idempotencyKey', { key: 'k', idempotencyKey: 'fixed' }],
  ];
  const refuses = (field: string, make: () => unknown): void =>
    assert.throws(make, (error) => InputError.isInstance(error) && error.field === field, field);
  for (const [field, options] of bad)
    refuses(field, () => wrapFunction(governor, () => 1, options as FunctionOptions<[]>));
  refuses('fn', () => wrapFunction(governor, 5 as never, { key: 'k' }));
  refuses('governor', () => wrapFunction({} as GovernorLike, () => 1, { key: 'k' }));
});

test('what an option makes of a call is checked at the call', async (t) => {
  const { governor } = bench(t);
  const never = (_id: unknown): never => assert.fail('called');
  const wrapped = wrapFunction(governor, never, { key: 'k', actorId: (id) => id as string });
  await assert.rejects(
    wrapped(undefined),
    (error) => InputError.isInstance(error) && error.field === 'request.actorId',
  );
  const signalled = wrapFunction(governor, never, { key: 'k', signal: (value) => value as AbortSignal });
  await assert.rejects(signalled(5), (error) => InputError.isInstance(error) && error.field === 'signal');
  assert.equal(governor.activeLeases, 0);
});

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

test('types are those of the function', (t) => {
  const { governor } = bench(t);
  const key = 'k';
  const sync = wrapFunction(governor, (a: string, b?: number) => a.length + (b ?? 0), { key });
  true satisfies Equal<typeof sync, (this: unknown, a: string, b?: number) => Promise<number>>;
  const rest = wrapFunction(governor, async (...parts: string[]) => parts, {
    key,
    estimate: (...parts) => ({ weight: parts.length }),
  });
  true satisfies Equal<typeof rest, (this: unknown, ...parts: string[]) => Promise<string[]>>;
  const generator = wrapFunction(governor, count, { key, usage: (n) => ({ outputTokens: n.valueOf() }) });
  true satisfies Equal<typeof generator, (this: unknown, to: number) => AsyncGenerator<number, string, void>>;
  const stream = wrapFunction(governor, async () => new ReadableStream<Uint8Array>(), {
    key,
    usage: (chunk) => ({ outputTokens: chunk.byteLength }),
  });
  true satisfies Equal<typeof stream, (this: unknown) => Promise<ReadableStream<Uint8Array>>>;
  const chunks = wrapFunction(governor, () => new Chunks(() => count(1)), {
    key,
    usage: (n) => ({ outputTokens: n.valueOf() }),
  });
  true satisfies Equal<typeof chunks, (this: unknown) => Promise<Chunks>>;
  const generic = wrapFunction(governor, async <T>(value: T): Promise<T[]> => [value], { key });
  true satisfies Equal<Awaited<ReturnType<typeof generic<string>>>, string[]>;
  const never = wrapFunction(governor, (): never => assert.fail(), { key });
  true satisfies Equal<ReturnType<typeof never>, Promise<never>>;
  const unknown = wrapFunction(governor, (text: string) => JSON.parse(text) as unknown, { key });
  true satisfies Equal<ReturnType<typeof unknown>, Promise<unknown>>;
  const method = wrapFunction(
    governor,
    function (this: Chunks, n: number) {
      return n + this.controller.signal.aborted.valueOf().toString().length;
    },
    { key },
  );
  // @ts-expect-error called without its object
  void (() => method(5));
  // @ts-expect-error a call needs a key
  assert.throws(() => wrapFunction(governor, count, {}));
  // @ts-expect-error arguments are those of the function
  void (() => sync(5));
});

/** What cannot be wrapped, options that cannot be used, and the types of what is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GovernorLike } from 'throttleai';
import { InputError } from '../../core/errors.ts';
import type { FunctionOptions } from '../../core/types/wrap.ts';
import { wrapFunction } from '../../core/wrap.ts';
import { bench } from './support.ts';
import { Chunks, count } from './wrap-support.ts';

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

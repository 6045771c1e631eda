/** Wrapped generator functions: they ask when they are read, and have their lease until they have cleaned up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeniedError } from '../../core/errors.ts';
import { wrapFunction } from '../../core/wrap.ts';
import { ask, bench, granted, settled } from './support.ts';
import { all, count, noted, outcomes } from './wrap-support.ts';

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
  assert.deepEqual(told, [{ outcome: 'success', latencyMs: 30, firstTokenMs: 0, usage: { outputTokens: 3 } }]);
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, createGovernor } from 'throttleai';
import { ask, bench, denied, granted, settled } from './support.ts';

/** Who is served, one call after the other, when so many of each wait for one slot. */
async function turns(governor: ReturnType<typeof createGovernor>, actors: string[], calls: number): Promise<string[]> {
  const served: string[] = [];
  let held = granted(governor.acquire(ask('first', { estimate: { promptTokens: 1 } })));
  const wait = async (actor: string): Promise<void> => {
    const decision = await governor.acquireAsync(ask(actor, { estimate: { promptTokens: 10 } }));
    served.push(actor);
    held = granted(decision);
  };
  // All of one actor's come before any of the next.
  const waiting = actors.flatMap((actor) => Array.from({ length: calls }, () => wait(actor)));
  for (let left = waiting.length; left > 0; left--) {
    governor.release(held);
    await settled();
  }
  await Promise.all(waiting);
  return served;
}

const counts = (served: string[]): Record<string, number> =>
  Object.fromEntries([...new Set(served)].sort().map((actor) => [actor, served.filter((it) => it === actor).length]));

test('with fairness actors take turns, whoever came first', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 }, fairness: true });
  const served = await turns(governor, ['hog', 'light'], 20);
  assert.deepEqual(counts(served.slice(0, 10)), { hog: 5, light: 5 });
});

test('without, in the order of arrival', async (t) => {
  const { governor } = bench(t, { concurrency: { maxInFlight: 1 } });
  const served = await turns(governor, ['hog', 'light'], 20);
  assert.deepEqual(counts(served.slice(0, 10)), { hog: 10 });
});

test('shares divide the turns, by a record or a function', async (t) => {
  for (const shares of [{ gold: 4 }, (actorId: string) => (actorId === 'gold' ? 4 : 1)]) {
    const { governor } = bench(t, { concurrency: { maxInFlight: 1 }, shares });
    const served = await turns(governor, ['gold', 'tin'], 20);
    assert.deepEqual(counts(served.slice(0, 20)), { gold: 16, tin: 4 });
  }
});

test('a function is asked once for an actor that is remembered, and again after reconfigure', (t) => {
  const asked: string[] = [];
  const shares = (actorId: string): number => asked.push(actorId);
  const { governor } = bench(t, { shares });
  for (const actor of ['a', 'b', 'a', 'a', 'b']) granted(governor.acquire(ask(actor)));
  assert.deepEqual(asked, ['a', 'b']);
  governor.reconfigure({ shares });
  for (const actor of ['a', 'a', 'c']) granted(governor.acquire(ask(actor)));
  assert.deepEqual(asked, ['a', 'b', 'a', 'c']);
});

test('a function that asks the governor for others is answered', (t) => {
  const { governor } = bench(t, {
    concurrency: { maxInFlight: 2 },
    shares: (actorId: string): number => {
      if (actorId === 'a') granted(governor.acquire(ask('b')));
      return 1;
    },
  });
  granted(governor.acquire(ask('a')));
  assert.equal(denied(governor.acquire(ask('c'))).cause, 'slots');
});

test('shares that are none are errors that name the actor', (t) => {
  const names = (field: string, value: unknown) => (error: unknown) =>
    ConfigError.isInstance(error) &&
    error.field === field &&
    Object.is(error.value, value) &&
    /from 0.001 to 1000/.test(error.message);
  for (const value of [0, -1, NaN, Infinity, 1001, '2', null])
    assert.throws(() => createGovernor({ shares: { a: value as number } }), names('shares.a', value));
  const { governor } = bench(t, { shares: () => 0 });
  assert.throws(() => governor.acquire(ask('a')), names('shares()', 0));
  assert.equal(governor.activeLeases, 0);
  assert.throws(
    () => createGovernor({ shares: 3 as never }),
    (error) => ConfigError.isInstance(error) && error.field === 'shares',
  );
});

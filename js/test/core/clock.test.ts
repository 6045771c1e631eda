/** What a governor makes of a clock that tells no time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGovernor, createTestClock, InputError, withLease, type AcquireRequest, type Governor } from 'throttleai';
import { ask, bench, granted } from './support.ts';

test('a time below 0 is refused, like any that is no number', () => {
  for (const now of [-1, -5000, NaN, Infinity, '5', undefined]) {
    const governor = createGovernor({ clock: () => now as number });
    assert.throws(
      () => governor.acquire(ask('a')),
      (error) => InputError.isInstance(error) && error.field === 'clock',
      String(now),
    );
  }
  assert.equal(createGovernor({ clock: () => 0 }).acquire(ask('a')).granted, true);
});

test('a release after a restore, with a clock that has never worked, changes nothing', (t) => {
  const config = { rate: { requestsPerMinute: 1 } };
  const saved = bench(t, config);
  const id = granted(saved.governor.acquire(ask('a')));
  let now = (): number => {
    throw new Error('no time');
  };
  const governor = createGovernor({ ...config, clock: () => now() }, { restore: saved.governor.save() });
  t.after(() => governor.close());
  assert.throws(() => governor.release(id), /no time/);
  now = () => saved.clock.time + 1;
  assert.deepEqual(
    [governor.activeLeases, governor.acquire(ask('b')).granted, governor.snapshot().clock?.changes],
    [1, false, 0],
  );
  governor.release(id);
  assert.equal(governor.activeLeases, 0);
});

test('an object that inherits from a governor and has an acquire and a release of its own is a governor of the user’s', async () => {
  const governor = createGovernor({ clock: createTestClock() });
  const asked: string[] = [];
  const wrapper = Object.assign(Object.create(governor) as Governor, {
    acquire: (request: AcquireRequest) => {
      asked.push(request.actorId);
      return governor.acquire(request);
    },
    release: governor.release.bind(governor),
  });
  const result = await withLease(wrapper, ask('a', { idempotencyKey: 'k' }), () => 'ran', { strategy: 'wait' });
  assert.deepEqual([result, asked, governor.activeLeases], [{ granted: true, result: 'ran' }, ['a'], 0]);
});

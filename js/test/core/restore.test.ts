/** Images that nobody saved here, and configurations that change between saving and restoring. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ConfigError, createGovernor, createTestClock, type Governor, type GovernorConfig } from 'throttleai';
import { ask, bench, granted } from './support.ts';

const HEADER_BYTES = 12;

/** An image with other bytes and a right checksum: made up by somebody who knows the format. */
function forged(image: Uint8Array, change: (core: Uint8Array, tables: Tables) => void): Uint8Array {
  const coreBytes = new DataView(image.buffer, image.byteOffset).getUint32(8, true);
  const core = image.slice(HEADER_BYTES, HEADER_BYTES + coreBytes);
  const tables = JSON.parse(Buffer.from(image.slice(HEADER_BYTES + coreBytes)).toString()) as Tables;
  change(core, tables);
  const made = Buffer.concat([image.slice(0, HEADER_BYTES), core, Buffer.from(JSON.stringify(tables))]);
  let hash = 0x811c9dc5;
  for (const byte of made.subarray(8)) hash = Math.imul(hash ^ byte, 0x01000193);
  made.writeUInt32LE(hash >>> 0, 4);
  return made;
}

interface Tables {
  leases: unknown[];
  actors: unknown[];
  [name: string]: unknown;
}

function restored(t: TestContext, config: GovernorConfig, restore: Uint8Array): Governor {
  const governor = createGovernor(config, { restore });
  t.after(() => governor.close());
  return governor;
}

test('what is wrong with an image is said', (t) => {
  const image = bench(t).governor.save();
  const version = forged(image, (core) => void (core[4] = 9));
  const damaged = forged(image, (core) => void core.fill(255, 6));
  for (const [bytes, text] of [
    [version, /^restore must be what save\(\) returned: .*version 9.*version 1$/],
    [damaged, /^restore must be what save\(\) returned: the image is damaged$/],
  ] as const) {
    assert.throws(
      () => createGovernor({}, { restore: bytes }),
      (error) => ConfigError.isInstance(error) && error.value === bytes && text.test(error.message),
    );
  }
});

test('rows that are not those of the leases that are held are refused, and cost nothing', (t) => {
  const { governor } = bench(t, { fairness: true, concurrency: { maxInFlight: 5 } });
  granted(governor.acquire(ask('a', { idempotencyKey: 'k' })));
  const image = governor.save();
  const config = { fairness: true, concurrency: { maxInFlight: 5 } };
  assert.equal(
    restored(
      t,
      config,
      forged(image, () => {}),
    ).activeLeases,
    1,
  );
  const row = [0, 0, 'a', 'chat', null];
  const lies: Record<string, (tables: Tables) => void> = {
    'no row': (tables) => (tables.leases = []),
    'a row too many': (tables) => tables.leases.push([1, 0, 'b', 'chat', null]),
    'a slot far away': (tables) => (tables.leases = [[4e9, 0, 'a', 'chat', null]]),
    'a slot that is no u32': (tables) => (tables.leases = [[2 ** 32, 0, 'a', 'chat', null]]),
    'another generation': (tables) => (tables.leases = [[0, 7, 'a', 'chat', null]]),
    'no actor': (tables) => (tables.leases = [[0, 0, '', 'chat', null]]),
    'a key that is no string': (tables) => (tables.leases = [[...row.slice(0, 4), 5]]),
    'a row that is none': (tables) => (tables.leases = [null]),
    'no rows': (tables) => (tables.leases = 5 as never),
    'an actor that is none': (tables) => (tables.actors = [['a', 0]]),
    'no last denial': (tables) => delete tables['lastDeny'],
  };
  for (const [name, lie] of Object.entries(lies)) {
    const bytes = forged(image, (_core, tables) => lie(tables));
    const check = (error: unknown): boolean => ConfigError.isInstance(error) && error.field === 'restore';
    assert.throws(() => createGovernor(config, { restore: bytes }), check, name);
  }
});

test('actors of a governor that had fairness are not those of one that has it again', (t) => {
  const shared = { concurrency: { maxInFlight: 4 }, clock: createTestClock() };
  const fair = { ...shared, fairness: { softCapRatio: 0.5 } };
  const first = createGovernor(fair);
  t.after(() => first.close());
  first.release(granted(first.acquire(ask('a'))));
  const last = restored(t, fair, restored(t, shared, first.save()).save());
  granted(last.acquire(ask('b')));
  granted(last.acquire(ask('b')));
  // `a` holds nothing: it must not be taken for `b`, which holds its share.
  granted(last.acquire(ask('a')));
  assert.equal(last.snapshot().actors, 2);
});

test('options are an object with what there is', () => {
  for (const [options, field] of [
    [5, 'options'],
    [{ restor: new Uint8Array(3) }, 'options.restor'],
  ] as const) {
    assert.throws(
      () => createGovernor({}, options as never),
      (error) => ConfigError.isInstance(error) && error.field === field,
    );
  }
});

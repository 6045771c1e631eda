/** What is left of waiters, on both sides: pages of the wasm, and the heap. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ask, granted, settled } from './support.ts';

const WAITERS = 100_000;
const SIGNALS = 1000;
const LEFT_BYTES_MOST = 8;

interface Memory {
  readonly buffer: ArrayBuffer;
}
type Instance = new (...args: unknown[]) => { readonly exports: { readonly memory: Memory } };
const { WebAssembly } = globalThis as unknown as { WebAssembly: { Instance: Instance } };

// Before the package makes its instance.
const memories: Memory[] = [];
WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...args: unknown[]) {
    super(...args);
    memories.push(this.exports.memory);
  }
};
const { createGovernor } = await import('throttleai');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function held(): Promise<{ pages: number; heap: number }> {
  for (let n = 0; n < 3; n++) {
    await settled();
    collect();
  }
  const bytes = memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  return { pages: bytes / 65_536, heap: process.memoryUsage().heapUsed };
}

test('a hundred thousand waiters come and go, and leave nothing behind', async (t) => {
  const governor = createGovernor({ concurrency: { maxInFlight: 1 }, fairness: true, queue: { max: WAITERS } });
  t.after(() => governor.close());
  let leaseId = granted(governor.acquire(ask('holder')));
  const round = async (): Promise<void> => {
    const controllers = Array.from({ length: SIGNALS }, () => new AbortController());
    const waits = Array.from({ length: WAITERS }, (_, n) => {
      // The first one is granted, all others are aborted.
      const { signal } = controllers[n % SIGNALS]!;
      return governor
        .acquireAsync(ask(`actor-${n % SIGNALS}`), n === 0 ? null : { signal })
        .then(granted, () => 'aborted');
    });
    assert.equal(governor.snapshot().waiting, WAITERS);
    for (const controller of controllers) controller.abort();
    governor.release(leaseId);
    const [first, ...ends] = await Promise.all(waits);
    assert.ok(ends.every((end) => end === 'aborted'));
    leaseId = first!;
    assert.deepEqual([governor.activeLeases, governor.snapshot().waiting], [1, 0]);
  };
  await round();
  const before = await held();
  await round();
  const after = await held();
  assert.equal(after.pages, before.pages);
  const left = (after.heap - before.heap) / WAITERS;
  assert.ok(left <= LEFT_BYTES_MOST, `${left} bytes are left of each`);
});

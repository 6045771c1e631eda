/** Faults inside the core, provoked through the build for tests: who is lost, who goes on, and what everybody is told. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createGlue } from '../../../build/lab/glue.js';
import { bindGovernor, type GovernorApi } from '../../core/api.ts';
import type { CoreHandle } from '../../core/binding.ts';
import { ClosedError, PoisonedError } from '../../core/errors.ts';
import type { Governor } from '../../core/governor.ts';
import { createLoader, type Loader } from '../../core/loader.ts';
import { createTestClock } from '../../core/test-clock.ts';
import type { GovernorConfig } from '../../core/types.ts';
import { ask, granted } from './support.ts';

interface LabHandle extends CoreHandle {
  provoke_panic(): never;
  provoke_overflow(depth: number): number;
}

type Fault = 'panic' | 'overflow';

interface Lab {
  createGovernor: GovernorApi['createGovernor'];
  loader: Loader;
  instances: () => number;
  /** Makes one method of the governor made last fail as if there were a bug in it. */
  sabotage(method: keyof CoreHandle, fault: Fault): void;
}

// The shell's tests have no DOM types, which is where TypeScript knows WebAssembly from.
const { WebAssembly } = globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } };
const module = new WebAssembly.Module(readFileSync(new URL('../../../build/lab/throttleai.wasm', import.meta.url)));

function lab(): Lab {
  let last: LabHandle | undefined;
  let instances = 0;
  const makeGlue: typeof createGlue = (platform) => {
    instances++;
    const glue = createGlue(platform);
    const Core = new Proxy(glue.Core, {
      construct(target, [config]: [unknown]) {
        last = new target(config) as LabHandle;
        return last;
      },
    });
    return { ...glue, Core };
  };
  const loader = createLoader(() => module, makeGlue);
  return {
    createGovernor: bindGovernor(loader).createGovernor,
    loader,
    instances: () => instances,
    sabotage(method, fault) {
      const handle = last;
      assert.ok(handle !== undefined);
      Object.assign(handle, {
        [method]: () => (fault === 'panic' ? handle.provoke_panic() : handle.provoke_overflow(1e6)),
      });
    },
  };
}

const config = (): GovernorConfig => ({ clock: createTestClock(), concurrency: { maxInFlight: 1 } });

function poisoned(call: () => unknown, text: RegExp): void {
  assert.throws(call, (error) => PoisonedError.isInstance(error) && text.test(error.message));
}

const calls: Record<string, (governor: Governor, id: string) => unknown> = {
  acquire: (governor) => governor.acquire(ask('b')),
  release: (governor, id) => governor.release(id),
  renew: (governor, id) => governor.renew(id),
  gauge: (governor) => governor.activeLeases,
  snapshot: (governor) => governor.snapshot(),
  save: (governor) => governor.save(),
};

for (const [method, call] of Object.entries(calls)) {
  test(`a panic in ${method} poisons that governor, with the reason, and no other`, () => {
    const { createGovernor, loader, instances, sabotage } = lab();
    const other = createGovernor();
    const governor = createGovernor(config());
    const id = granted(governor.acquire(ask('a')));
    const top = loader.current().stackPointer.value;
    sabotage(method as keyof CoreHandle, 'panic');
    poisoned(() => call(governor, id), /provoked/);
    assert.equal(loader.current().stackPointer.value, top);
    for (const again of Object.values(calls)) poisoned(() => again(governor, id), /provoked/);
    granted(other.acquire(ask('a')));
    granted(createGovernor().acquire(ask('a')));
    assert.equal(instances(), 1);
    governor.dispose();
    governor.close();
  });

  test(`another trap in ${method} gives up the instance: its governors say so, later ones work`, () => {
    const { createGovernor, loader, instances, sabotage } = lab();
    const other = createGovernor();
    const governor = createGovernor(config());
    const id = granted(governor.acquire(ask('a')));
    const before = loader.current();
    sabotage(method as keyof CoreHandle, 'overflow');
    poisoned(() => call(governor, id), /new ones work/);
    assert.equal(before.alive, false);
    for (const again of Object.values(calls)) {
      poisoned(() => again(governor, id), /new ones work/);
      poisoned(() => again(other, id), /another governor/);
    }
    granted(createGovernor().acquire(ask('a')));
    assert.equal(instances(), 2);
    other.close();
  });
}

for (const fault of ['panic', 'overflow'] as const) {
  test(`who waits is told of a ${fault}, wherever it happens`, async () => {
    const fatal: [
      keyof CoreHandle,
      (governor: Governor, id: string, abort: () => void, advance: () => void) => unknown,
    ][] = [
      [
        'acquire',
        (governor) =>
          governor.acquireAsync(ask('c')).catch((error: unknown) => assert.ok(PoisonedError.isInstance(error))),
      ],
      ['cancel', (_governor, _id, abort) => abort()],
      ['handle_timeout', (_governor, _id, _abort, advance) => advance()],
      ['poll_output', (governor, id) => poisoned(() => governor.release(id), /./)],
      ['acquire', (governor) => poisoned(() => governor.acquire(ask('c')), /./)],
    ];
    for (const [method, provoke] of fatal) {
      const { createGovernor, sabotage } = lab();
      const clock = createTestClock();
      const governor = createGovernor({ ...config(), clock });
      const id = granted(governor.acquire(ask('a')));
      const controller = new AbortController();
      const waiter = governor.acquireAsync(ask('b'));
      const aborting = governor.acquireAsync(ask('b'), { signal: controller.signal }).catch(() => {});
      sabotage(method, fault);
      await provoke(
        governor,
        id,
        () => controller.abort(),
        () => clock.advance(60_000),
      );
      await assert.rejects(waiter, PoisonedError);
      await aborting;
    }
  });
}

test('waiters of a governor whose instance was given up are told by its timer', async () => {
  const { createGovernor, sabotage } = lab();
  const clock = createTestClock();
  const bystander = createGovernor({ ...config(), clock });
  granted(bystander.acquire(ask('a')));
  const waiter = bystander.acquireAsync(ask('b'));
  const governor = createGovernor();
  sabotage('acquire', 'overflow');
  poisoned(() => governor.acquire(ask('a')), /./);
  clock.advance(60_000);
  await assert.rejects(waiter, PoisonedError);
});

test('a fault while a governor is closed is its end all the same', () => {
  const { createGovernor, sabotage } = lab();
  const governor = createGovernor();
  sabotage('free', 'panic');
  governor.close();
  assert.throws(() => governor.acquire(ask('a')), ClosedError);
});

test('20,000 panics leave the others working', () => {
  const { createGovernor, loader, instances, sabotage } = lab();
  const survivor = createGovernor({ ...config(), concurrency: { maxInFlight: 2 }, fairness: true });
  granted(survivor.acquire(ask('held')));
  const { memory, stackPointer } = loader.current();
  const top = stackPointer.value;
  for (let i = 0; i < 20_000; i++) {
    const victim = createGovernor();
    sabotage(i % 2 === 0 ? 'acquire' : 'snapshot', 'panic');
    poisoned(() => (i % 2 === 0 ? victim.acquire(ask('a')) : victim.snapshot()), /provoked/);
    poisoned(() => victim.acquire(ask('a')), /provoked/);
    survivor.release(granted(survivor.acquire(ask('a'))));
  }
  assert.deepEqual([instances(), stackPointer.value, survivor.activeLeases], [1, top, 1]);
  assert.ok(memory.buffer.byteLength < 128 * 2 ** 20, `${memory.buffer.byteLength} bytes`);
});

/** When the wasm is compiled and instantiated, and that a discarded instance is left alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { createLoader, type Loader } from '../../core/loader.ts';

type Exports = Record<string, (...args: number[]) => unknown>;
/** What the tests use of it; the project has no DOM types. */
const platform = globalThis as unknown as {
  FinalizationRegistry: unknown;
  WebAssembly: {
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object, imports: object) => { exports: Exports };
  };
};

const module = new platform.WebAssembly.Module(readFileSync(new URL('../../../dist/throttleai.wasm', import.meta.url)));

function countedLoader(): { loader: Loader; compiled: () => number } {
  let compiled = 0;
  const loader = createLoader(() => {
    compiled += 1;
    return module;
  });
  return { loader, compiled: () => compiled };
}

/** Finalizers that run when the test says so, and a count of the objects that they free in wasm. */
function controlledFinalizers(t: TestContext): {
  finalize: (instance: number, pointer: number) => void;
  freed: () => number;
} {
  const finalizers: ((pointer: number) => void)[][] = [];
  let freed = 0;
  class Registry {
    constructor(finalizer: (pointer: number) => void) {
      finalizers.at(-1)?.push(finalizer);
    }
    register(): void {}
    unregister(): void {}
  }
  const { Instance } = platform.WebAssembly;
  const counting = function (target: object, imports: object): unknown {
    const { exports } = new Instance(target, imports);
    const free = exports['__wbg_core_free'];
    const counted = (pointer: number, flag: number): void => {
      freed += 1;
      free?.(pointer, flag);
    };
    return { exports: { ...exports, __wbg_core_free: counted } };
  };
  const original = platform.FinalizationRegistry;
  platform.FinalizationRegistry = new Proxy(Registry, {
    construct(target, args, self) {
      finalizers.push([]);
      return Reflect.construct(target, args, self) as object;
    },
  });
  t.after(() => (platform.FinalizationRegistry = original));
  t.mock.method(platform.WebAssembly, 'Instance', counting as never);
  return {
    finalize: (instance, pointer) => finalizers[instance]?.forEach((finalizer) => finalizer(pointer)),
    freed: () => freed,
  };
}

test('nothing is compiled before the first governor, and then once', () => {
  const { loader, compiled } = countedLoader();
  assert.equal(compiled(), 0);
  const first = loader.current();
  assert.equal(loader.current(), first);
  assert.equal(compiled(), 1);
});

test('after a discard later governors get another instance of the same module', () => {
  const { loader, compiled } = countedLoader();
  const first = loader.current();
  loader.discard(first);
  const second = loader.current();
  assert.equal(first.alive, false);
  assert.equal(second.alive, true);
  assert.notEqual(second.memory, first.memory);
  assert.notEqual(second.glue.Core, first.glue.Core);
  assert.equal(compiled(), 1);
});

test('discarding twice leaves the later instance alone', () => {
  const { loader } = countedLoader();
  const first = loader.current();
  loader.discard(first);
  const second = loader.current();
  loader.discard(first);
  assert.equal(loader.current(), second);
  assert.equal(second.alive, true);
});

test('a finalizer frees in its own instance, and never in a discarded one', (t) => {
  const { finalize, freed } = controlledFinalizers(t);
  const { loader } = countedLoader();
  const first = loader.current();
  const pointer = (new first.glue.Core({}) as unknown as { __wbg_ptr: number }).__wbg_ptr;
  loader.discard(first);
  loader.current();
  finalize(0, pointer);
  assert.equal(freed(), 0);
});

test('a finalizer that traps throws nothing and leaves the stack pointer where it was', (t) => {
  const { finalize, freed } = controlledFinalizers(t);
  const { loader } = countedLoader();
  const { stackPointer } = loader.current();
  const top = stackPointer.value;
  finalize(0, 0xffff_fff0); // no object is there
  assert.equal(freed(), 1);
  assert.equal(stackPointer.value, top);
});

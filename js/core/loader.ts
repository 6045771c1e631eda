/**
 * Decides when the wasm is compiled and instantiated, and which instance a new governor gets: lazily, once, the same
 * for all governors, until a trap makes it suspect. Nothing here runs at import.
 *
 * Invariants: an instance that was discarded is never handed out again, and nothing calls into it any more: its glue is
 * a set of bindings of its own, so that a late finalizer cannot free memory of the instance that came after it.
 *
 * The only importer of the generated glue. Who finds out that an instance must go is `port.ts`.
 */
import { createGlue } from '../../build/generated/glue.js';
import type { Glue } from './binding.ts';
import { GovernorError } from './errors.ts';
import { TextDecoder, TextEncoder } from './text-codec.ts';
import { noWasmText, wasmRefusedText } from './wasm-texts.ts';

/** A compiled module. Opaque: the shell needs no DOM types. */
export type WasmModule = object;

/** One instance of the core and what it takes to recover from a trap in it. */
export interface Instance {
  readonly glue: Glue;
  /** Linear memory. Its `buffer` is replaced when it grows. */
  readonly memory: { readonly buffer: ArrayBuffer };
  /** The shadow stack pointer. A trap leaves it where it was: put back what it held before the call. */
  readonly stackPointer: { value: number };
  /** False once discarded: no call may go into it any more. */
  alive: boolean;
}

export interface Loader {
  /** The instance for a new governor; compiles and instantiates at the first call, and again after a `discard`. */
  current(): Instance;
  /** Gives the instance up. Governors on it are lost; later ones get another instance. Idempotent. */
  discard(instance: Instance): void;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly __stack_pointer: { value: number };
  __wbindgen_start(): void;
}

/** What is used of the platform's `WebAssembly`, declared here because the shell has no DOM types. */
interface Platform {
  readonly WebAssembly?: {
    readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: unknown };
  };
  readonly FinalizationRegistry?: RegistryConstructor;
}
type RegistryConstructor = new (cleanup: (held: number) => void) => object;

const platform = globalThis as unknown as Platform;

/**
 * @param getModule compiles or fetches the module; called once, at the first `current()`
 * @param makeGlue the glue of another build of the core, for tests
 */
export function createLoader(getModule: () => WasmModule, makeGlue: typeof createGlue = createGlue): Loader {
  let module: WasmModule | undefined;
  let instance: Instance | undefined;
  return {
    current(): Instance {
      const { WebAssembly } = platform;
      if (WebAssembly === undefined) throw new GovernorError('unsupported', noWasmText());
      module ??= compiled(getModule);
      instance ??= instantiate(WebAssembly, module, makeGlue);
      return instance;
    },
    discard(old: Instance): void {
      old.alive = false;
      if (instance === old) instance = undefined;
    },
  };
}

/** Browsers name the policy that forbids it, not always what it has to allow. */
function compiled(getModule: () => WasmModule): WasmModule {
  try {
    return getModule();
  } catch (cause) {
    throw new GovernorError('unsupported', wasmRefusedText(String(cause)), { cause });
  }
}

function instantiate(
  WebAssembly: NonNullable<Platform['WebAssembly']>,
  module: WasmModule,
  makeGlue: typeof createGlue,
): Instance {
  // The glue needs the registry before the instance exists; finalizers run later, never during this function.
  const owner: { instance?: Instance } = {};
  const FinalizationRegistry = guardedRegistry(owner);
  const glue = makeGlue({ TextDecoder, TextEncoder, FinalizationRegistry });
  const exports = new WebAssembly.Instance(module, { './throttleai_bg.js': glue }).exports as Exports;
  glue.__wbg_set_wasm(exports);
  exports.__wbindgen_start();
  owner.instance = { glue, memory: exports.memory, stackPointer: exports.__stack_pointer, alive: true };
  return owner.instance;
}

/**
 * A `FinalizationRegistry` whose callbacks never enter a discarded instance and never throw: a trap in a finalizer has
 * no caller, so it would end the process and leave the stack pointer where it was.
 */
function guardedRegistry(owner: { readonly instance?: Instance }): RegistryConstructor | undefined {
  const Registry = platform.FinalizationRegistry;
  if (Registry === undefined) return undefined;
  return class extends Registry {
    constructor(cleanup: (held: number) => void) {
      super((held) => {
        const { instance } = owner;
        if (instance?.alive !== true) return;
        const top = instance.stackPointer.value;
        try {
          cleanup(held);
        } catch {
          // The memory of that governor stays lost; the others on the instance are not touched by it.
          instance.stackPointer.value = top;
        }
      });
    }
  };
}

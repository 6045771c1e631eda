/**
 * The wasm of the dialects: when it is compiled and instantiated, and how texts cross. Lazily, once; after a trap the next call
 * gets a new instance, because no call leaves anything behind that a later one would need.
 */
import { GovernorError } from '../core/errors.ts';
import { TextDecoder, TextEncoder } from '../core/text-codec.ts';
import { noWasmText, wasmRefusedText } from '../core/wasm-texts.ts';

/** Asks one question of `src/provider/wire.rs`. @returns the answer, as JSON */
export type Ask = (operation: number, about: string, body?: string) => string;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  providers_input(bytes: number): number;
  providers_call(operation: number, aboutBytes: number, hasBody: number): number;
  providers_output(): number;
}

/** What is used of the platform's `WebAssembly`, declared here because this entry needs no DOM types. */
interface Platform {
  readonly WebAssembly?: { readonly Instance: new (module: object) => { readonly exports: unknown } };
}

const platform = globalThis as unknown as Platform;

/** @param getModule compiles or fetches the module; called once, at the first question */
export function createAsk(getModule: () => object): Ask {
  let module: object | undefined;
  let exports: Exports | undefined;
  return (operation, about, body) => {
    const { WebAssembly } = platform;
    if (WebAssembly === undefined) throw new GovernorError('unsupported', noWasmText());
    module ??= compiled(getModule);
    exports ??= new WebAssembly.Instance(module).exports as Exports;
    try {
      return crossed(exports, operation, about, body);
    } catch (cause) {
      exports = undefined;
      throw new GovernorError('poisoned', readerFaultText(String(cause)), { cause });
    }
  };
}

/** A trap while an answer was read. */
function readerFaultText(fault: string): string {
  return `The WebAssembly that reads answers failed; later calls are not affected. This is a bug in throttleai, please report it. Cause: ${fault}`;
}

function compiled(getModule: () => object): object {
  try {
    return getModule();
  } catch (cause) {
    throw new GovernorError('unsupported', wasmRefusedText(String(cause)), { cause });
  }
}

/** Addresses are positive, whatever the sign of the 32 bits that come back. */
const address = (pointer: number): number => pointer >>> 0;

function crossed(wasm: Exports, operation: number, about: string, body: string | undefined): string {
  const encoder = new TextEncoder();
  const [first, second] = [encoder.encode(about), encoder.encode(body ?? '')];
  const at = address(wasm.providers_input(first.length + second.length));
  const room = new Uint8Array(wasm.memory.buffer, at, first.length + second.length);
  room.set(first);
  room.set(second, first.length);
  const length = address(wasm.providers_call(operation, first.length, body === undefined ? 0 : 1));
  return new TextDecoder().decode(new Uint8Array(wasm.memory.buffer, address(wasm.providers_output()), length));
}

/**
 * The main entry wherever a file can be loaded synchronously: Node, Bun, Deno, browsers, bundlers. The wasm travels
 * inside as text and is compiled at the first governor.
 *
 * @module
 * @example
 * import { createGovernor, presets, withLease } from 'throttleai';
 *
 * const governor = createGovernor(presets.balanced());
 * const result = await withLease(governor, { actorId: 'user-1', action: 'chat' }, async () => 'answer');
 * if (result.granted) console.log(result.result);
 */
import { wasm } from '../../build/generated/wasm-text.js';
import { bindGovernor, type GovernorApi, type GovernorClass } from '../core/api.ts';
import type { Governor as GovernorInstance } from '../core/governor.ts';
import { createLoader, type WasmModule } from '../core/loader.ts';
import { readWasmText, type WebAssemblyLike } from './wasm-text.ts';

export * from '../index.ts';

/** What is used of the platform, declared here because the main entry needs no DOM or Node types. */
interface Platform {
  readonly WebAssembly: WebAssemblyLike;
  readonly navigator?: { readonly userAgent?: string };
}

const platform = globalThis as unknown as Platform;

function compile(): WasmModule {
  return new platform.WebAssembly.Module(readWasmText(platform.WebAssembly, wasm));
}

/** A Cloudflare bundle made without the `workerd` condition lands here, and bytes compile only at start-up there. */
function compileEarly(): WasmModule | undefined {
  if (platform.navigator?.userAgent !== 'Cloudflare-Workers') return undefined;
  try {
    return compile();
  } catch {
    return undefined; // Older compatibility dates refuse; the first governor throws the platform's own error.
  }
}

const early = compileEarly();
const api: GovernorApi = bindGovernor(createLoader(() => early ?? compile()));

/** The class behind `createGovernor`. */
export const Governor: GovernorClass = api.Governor;
export type Governor = GovernorInstance;

/**
 * Makes a governor. Without a config it has no limits.
 *
 * @function
 * @throws ConfigError naming the field, the value and the allowed range; then nothing was made
 *
 * @example
 * const governor = createGovernor({ concurrency: { maxInFlight: 5 }, rate: { requestsPerMinute: 60 } });
 */
export const createGovernor: GovernorApi['createGovernor'] = api.createGovernor;

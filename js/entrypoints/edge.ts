/**
 * The main entry for Workers and edge runtimes, which compile wasm ahead of time and hand over a module. The same names
 * as everywhere else.
 *
 * @module
 * @example
 * import { createGovernor, presets } from 'throttleai';
 *
 * const governor = createGovernor(presets.balanced()); // at module scope: no timer, no randomness yet
 * export default { fetch: () => new Response(JSON.stringify(governor.snapshot())) };
 */
import { bindGovernor, type GovernorApi, type GovernorClass } from '../core/api.ts';
import type { Governor as GovernorInstance } from '../core/governor.ts';
import { createLoader } from '../core/loader.ts';
import module from './throttleai.wasm?module';

export * from '../index.ts';

const api: GovernorApi = bindGovernor(createLoader(() => module));

/** The class behind `createGovernor`. */
export const Governor: GovernorClass = api.Governor;
export type Governor = GovernorInstance;

/** Makes a governor. Without a config it has no limits. */
export const createGovernor: GovernorApi['createGovernor'] = api.createGovernor;

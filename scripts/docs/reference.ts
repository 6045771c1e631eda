/**
 * The main entry: the governor, its helpers, formatters and clocks, and the types of all of them.
 *
 * @module throttleai
 * @example
 * import { createGovernor, presets, withLease } from 'throttleai';
 *
 * const governor = createGovernor(presets.balanced());
 * const result = await withLease(governor, { actorId: 'user-1', action: 'chat' }, async () => 'answer');
 * if (result.granted) console.log(result.result);
 */
export * from '../../js/entrypoints/inline.ts';
// What an entry point exports is the class tied to its way of loading the wasm, which has no methods of its own to show.
export { Governor } from '../../js/core/governor.ts';

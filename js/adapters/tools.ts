/**
 * Any function under a governor: tools of an agent, embeddings, whatever costs capacity.
 *
 * @module throttleai/adapters/tools
 * @example
 * import { createGovernor, presets } from 'throttleai';
 * import { wrapTool } from 'throttleai/adapters/tools';
 *
 * const search = async (query: string): Promise<string[]> => [query];
 * const throttled = wrapTool(search, { governor: createGovernor(presets.balanced()), toolId: 'search', costWeight: 2 });
 * const r = await throttled('leases');
 * if (r.ok) console.log(r.result);
 * else console.log(r.decision.recommendation);
 */
import { readAmount, readFunction, readId, WEIGHT_MAX } from '../core/input.ts';
import { requestOf } from '../core/waiting.ts';
import { governed } from './internal/call.ts';
import type { DeniedBy } from '../core/types.ts';
import { checkOptions, idBytesOf, readCaller } from './internal/options.ts';
import type { AdapterGovernor, AdapterOptions, AdapterResult, CallerOptions } from './internal/types.ts';

export type {
  AdapterDenied,
  AdapterGovernor,
  AdapterGranted,
  AdapterOptions,
  AdapterResult,
} from './internal/types.ts';
export { classifyOutcome } from './internal/outcome.ts';

/** Options of `wrapTool`. */
export interface WrapToolOptions<
  A extends readonly unknown[] = readonly unknown[],
  G extends AdapterGovernor = AdapterGovernor,
>
  extends AdapterOptions<G>, CallerOptions {
  /** Names the tool: the action is `tool.ID`. Range: 1 to `caps.idBytes` - 5 (507) UTF-8 bytes. */
  toolId: string;
  /** Concurrency weight of a call. Default 1. Range: 0 to 1e9. */
  costWeight?: number | undefined;
  /** Names a call, so that concurrent calls of the same name share one lease. Default: every call takes its own. */
  idempotencyKey?: ((...args: A) => string | null | undefined) | undefined;
}

/**
 * Puts a function under a governor. A denied call is not made and resolves to `{ ok: false, decision }`.
 *
 * @param fn of any kind: what it returns is awaited
 * @throws InputError for an option that cannot be used. A call rejects with what `fn` throws, after the lease has ended
 * @example
 * const embed = wrapTool(myEmbedFn, { governor, toolId: 'embed', costWeight: 2 });
 * const r = await embed('hello');
 */
export function wrapTool<A extends readonly unknown[], R, G extends AdapterGovernor = AdapterGovernor>(
  fn: (...args: A) => R,
  options: WrapToolOptions<A, G>,
): (...args: A) => Promise<AdapterResult<Awaited<R>, DeniedBy<G>>> {
  readFunction(fn, 'fn');
  checkOptions(options, ['idempotencyKey'], ['actorId', 'priority', 'tenant', 'toolId', 'costWeight']);
  const caller = readCaller('background', options, {});
  const { governor, toolId, costWeight, idempotencyKey } = options;
  const action = `tool.${readId(toolId, 'options.toolId', 1, idBytesOf(governor) - 'tool.'.length)}`;
  const weight = readAmount(costWeight, 'options.costWeight', WEIGHT_MAX, 1);
  return async (...args) => {
    const request = requestOf(caller, action, { weight }, idempotencyKey?.(...args));
    return governed(options, request, undefined, async (call): Promise<Awaited<R>> => {
      const result = await fn(...args);
      call.end('success');
      return result;
    });
  };
}

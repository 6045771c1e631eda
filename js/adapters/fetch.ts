/**
 * `fetch` under a governor: every call takes a lease and keeps it until the provider's bytes have arrived. `governedFetch` is
 * for the SDKs of providers, `wrapFetch` for calls of your own.
 *
 * @module throttleai/adapters/fetch
 * @example
 * import { createGovernor, presets } from 'throttleai';
 * import { wrapFetch } from 'throttleai/adapters/fetch';
 *
 * const throttledFetch = wrapFetch(fetch, { governor: createGovernor(presets.balanced()) });
 * const r = await throttledFetch('https://api.example.com/v1/chat');
 * if (r.ok) console.log(r.response.status);
 * else console.log(r.decision.recommendation);
 */
import { readFunction } from '../core/input.ts';
import type { AcquireDenied, DeniedBy, SignalLike, TokenEstimate } from '../core/types.ts';
import { requestOf } from '../core/waiting.ts';
import { defaultAction, governed } from './internal/call.ts';
import { pathnameOf } from './fetch/asked.ts';
import { fetchUnder, type FetchFn } from './fetch/under.ts';
import { checkOptions, readCaller, readSilence } from './internal/options.ts';
import type {
  AdapterDenied,
  AdapterGovernor,
  AdapterGranted,
  AdapterOptions,
  CallerOptions,
  ExtractedUsage,
} from './internal/types.ts';
import type { FetchInit, FetchInput, RequestLike, WebResponse } from './internal/web.ts';

export type {
  AdapterDenied,
  AdapterGovernor,
  AdapterGranted,
  AdapterOptions,
  AdapterResult,
  ProviderUsage,
} from './internal/types.ts';
export { governedFetch } from './fetch/governed.ts';
export type { GovernedFetchOptions, PerFetch } from './fetch/governed.ts';
export type { FetchCall } from './fetch/asked.ts';
export type { FetchFn, FetchGovernor } from './fetch/under.ts';
export { classifyOutcome } from './internal/outcome.ts';

/** Options of `wrapFetch`. */
export interface WrapFetchOptions<G extends AdapterGovernor = AdapterGovernor>
  extends AdapterOptions<G>, CallerOptions {
  /** Names what a call asks for. Default: the pathname of its URL, or `"fetch"` if that is no absolute URL; cut to `caps.idBytes`. */
  classifyAction?: ((url: string, init?: FetchInit) => string) | undefined;
  /** Which model the calls are for, for limits per model, families and prices: a name, or a function of the call. Default: none. */
  model?: string | ((input: FetchInput, init?: FetchInit) => string | null | undefined) | undefined;
  /** What a call is expected to need: one estimate for all calls, or a function of the call. Default: none. */
  estimate?: TokenEstimate | ((input: FetchInput, init?: FetchInit) => TokenEstimate | null | undefined) | undefined;
  /**
   * Reads the real usage from an answer whose bytes have all arrived; the response it gets is a copy with (at most the
   * last 1 MiB of) the body. If it throws, the estimate stays charged. The end of the body waits for it, and so does the lease.
   * Default: usage is read as the known providers write it.
   */
  extractUsage?: ((response: WebResponse) => ExtractedUsage | Promise<ExtractedUsage>) | undefined;
  /** Names a call, so that concurrent calls of the same name share one lease. Default: every call takes its own. */
  idempotencyKey?: ((input: FetchInput, init?: FetchInit) => string | null | undefined) | undefined;
  /** An event stream that nobody reads for this many ms gives up its lease; it can still be read. Default 30000. Range: from 0. */
  idleMs?: number | undefined;
  /** A call whose provider is silent for this many ms gives up its lease; it goes on. Default 300000. Range: from 0. */
  stallMs?: number | undefined;
}

/** What a throttled `fetch` resolves to. */
export type ThrottledFetchResult<D extends AcquireDenied = AcquireDenied> =
  | (AdapterGranted<WebResponse> & {
      /** The same as `result`. */
      response: WebResponse;
    })
  | AdapterDenied<D>;

/**
 * Puts a `fetch` function under a governor. A denied call is not made and resolves to `{ ok: false, decision }`. The
 * lease lasts until the body has arrived, failed or been cancelled; a response without a body ends it at once.
 *
 * @param fetchFn the platform's `fetch`, or a function like it
 * @throws InputError for an option that cannot be used. A call rejects with what `fetchFn` throws, after the lease has ended
 * @example
 * const throttledFetch = wrapFetch(fetch, {
 *   governor,
 *   wait: { timeoutMs: 10_000 },
 *   extractUsage: async (response) => {
 *     const { usage } = (await response.json()) as { usage: { prompt_tokens: number; completion_tokens: number } };
 *     return { promptTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens };
 *   },
 * });
 */
export function wrapFetch<G extends AdapterGovernor = AdapterGovernor>(
  fetchFn: FetchFn,
  options: WrapFetchOptions<G>,
): (input: FetchInput, init?: FetchInit) => Promise<ThrottledFetchResult<DeniedBy<G>>> {
  readFunction(fetchFn, 'fetchFn');
  checkOptions(
    options,
    ['classifyAction', 'extractUsage', 'idempotencyKey'],
    ['actorId', 'priority', 'tenant', 'model', 'estimate', 'idleMs', 'stallMs'],
  );
  const { governor, classifyAction, model, estimate, idempotencyKey, extractUsage } = options;
  const { actorId, priority, tenant } = readCaller('interactive', options, {
    model: typeof model === 'function' ? undefined : model,
    estimate: typeof estimate === 'function' ? undefined : estimate,
  });
  const silence = readSilence(options);
  return async (input, init) => {
    const asked = input as RequestLike;
    const url = String(asked.url ?? input);
    const signal = ((init as RequestLike | undefined)?.signal ?? asked.signal) as SignalLike | null | undefined;
    const request = requestOf(
      { actorId, priority, tenant, model: typeof model === 'function' ? model(input, init) : model },
      classifyAction ? classifyAction(url, init) : defaultAction(governor, pathnameOf(url)),
      typeof estimate === 'function' ? estimate(input, init) : estimate,
      idempotencyKey?.(input, init),
    );
    const answer = await governed(options, request, signal, (call) =>
      fetchUnder(call, () => fetchFn(input, init), { silence, extractUsage }),
    );
    return answer.ok ? { ...answer, response: answer.result } : answer;
  };
}

/**
 * Chat completions of the `openai` SDK, or of anything with the same shape, under a governor.
 *
 * @module throttleai/adapters/openai
 * @example
 * import OpenAI from 'openai';
 * import { createGovernor, presets } from 'throttleai';
 * import { wrapChatCompletions } from 'throttleai/adapters/openai';
 *
 * const openai = new OpenAI();
 * const chat = wrapChatCompletions(openai.chat.completions, { governor: createGovernor(presets.balanced()) });
 * const r = await chat({ model: 'gpt-4', messages: [{ role: 'user', content: 'Hello' }] });
 * if (r.ok) console.log(r.result.choices[0]?.message.content);
 * else console.log(r.decision.recommendation);
 */
import { bad } from '../core/input.ts';
import type { AcquireDenied, DeniedBy, SignalLike, TokenEstimate } from '../core/types.ts';
import { requestOf } from '../core/waiting.ts';
import { governed } from './internal/call.ts';
import { holdIterable, isAsyncIterable } from './internal/iterable.ts';
import { checkOptions, readCaller, readSilence } from './internal/options.ts';
import type { AdapterGovernor, AdapterOptions, AdapterResult, CallerOptions } from './internal/types.ts';
import { watchUnread } from './internal/unread.ts';
import { usageOf } from './internal/usage.ts';

export type {
  AdapterDenied,
  AdapterGovernor,
  AdapterGranted,
  AdapterOptions,
  AdapterResult,
  ProviderUsage,
} from './internal/types.ts';
export { classifyOutcome } from './internal/outcome.ts';
export { estimateTokensFromChars, estimateTokensFromMessages } from './internal/estimate.ts';

/** Token counts as OpenAI reports them. */
export interface OpenAIUsage {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
  /** `cached_tokens`: those of `prompt_tokens` that came from the provider's cache. */
  prompt_tokens_details?: { cached_tokens?: number | null } | null;
}

/** What is read of an answer, or of a chunk of one. */
export interface OpenAILikeResponse {
  usage?: OpenAIUsage | null;
}

/** What a wrapped call resolves to. */
export type ThrottledOpenAIResult<T = OpenAILikeResponse, D extends AcquireDenied = AcquireDenied> = AdapterResult<
  T,
  D
>;

/** Options of `wrapChatCompletions`. */
export interface OpenAIAdapterOptions<G extends AdapterGovernor = AdapterGovernor>
  extends AdapterOptions<G>, CallerOptions {
  /** What the calls ask for. Default `"chat.completions"`. Range: up to `caps.idBytes` (512) UTF-8 bytes. */
  action?: string | undefined;
  /** A stream that nobody reads for this many ms gives up its lease; it can still be read. Default 30000. Range: from 0. */
  idleMs?: number | undefined;
  /** A stream whose next chunk somebody awaits for this many ms gives up its lease; it can still be read. Default 300000. Range: from 0. */
  stallMs?: number | undefined;
}

/** A `create` method: bound, or an arrow. */
export type ChatCreate = (params: never, requestOptions?: never) => unknown;

type Params<C extends ChatCreate> = Parameters<C>[0];
// Inferred, not indexed: indexing the parameters of a constrained type parameter gives those of the constraint.
type RequestOptions<C> = C extends (params: never, requestOptions?: infer O) => unknown ? O : never;
type Answer<C extends ChatCreate> = Awaited<ReturnType<C>>;
type Streamed<A> = Extract<A, AsyncIterable<unknown>>;
type Whole<A> = [Exclude<A, AsyncIterable<unknown>>] extends [never] ? A : Exclude<A, AsyncIterable<unknown>>;

/** A throttled `create`. With `stream: true` the result is the stream, and the lease lasts to its end. */
export interface ThrottledChat<C extends ChatCreate, D extends AcquireDenied = AcquireDenied> {
  /**
   * @param estimate what the call is expected to need; default: weight 1, no tokens
   * @param requestOptions handed to the SDK. An `idempotencyKey` there also names the lease: concurrent calls of one actor
   *   under one key share it
   */
  (
    params: Params<C> & { stream?: false | null },
    estimate?: TokenEstimate | null,
    requestOptions?: RequestOptions<C>,
  ): Promise<ThrottledOpenAIResult<Whole<Answer<C>>, D>>;
  (
    params: Params<C> & { stream: true },
    estimate?: TokenEstimate | null,
    requestOptions?: RequestOptions<C>,
  ): Promise<ThrottledOpenAIResult<Streamed<Answer<C>>, D>>;
  (
    params: Params<C>,
    estimate?: TokenEstimate | null,
    requestOptions?: RequestOptions<C>,
  ): Promise<ThrottledOpenAIResult<Answer<C>, D>>;
}

/** What the adapter reads of the SDK's request options. */
interface OptionsRead {
  signal?: SignalLike | null;
  idempotencyKey?: string | null;
}

/** `this` of a method that was taken off its object: what an SDK method reads first of it tells. */
function unbound(create: unknown): object {
  const allowed = 'bound to its client: pass the object, `wrapChatCompletions(openai.chat.completions, options)`';
  return new Proxy(
    {},
    {
      get() {
        throw bad('create', create, allowed);
      },
    },
  );
}

/**
 * Puts chat completions under a governor. A denied call is not made and resolves to `{ ok: false, decision }`. The `model` of
 * the parameters is that of the request: limits per model count it. Usage is read from the answer, of a stream from its last
 * chunk (ask for it with `stream_options: { include_usage: true }`).
 *
 * The SDK's own retries happen within one lease and are not counted: make the client with `maxRetries: 0`, or expect up to
 * three requests for each that is counted.
 *
 * @param create the object that has `create` (`openai.chat.completions`), a bound function, or an arrow
 * @throws what `create` throws (as a rejection), after the lease has ended; InputError if `create` is an unbound method
 * @example
 * const chat = wrapChatCompletions(openai.chat.completions, { governor, actorId: 'user-1', wait: { timeoutMs: 10_000 } });
 * const messages = [{ role: 'user' as const, content: 'Hello' }];
 * const estimate = { promptTokens: estimateTokensFromMessages(messages), maxOutputTokens: 500 };
 * const r = await chat({ model: 'gpt-4', messages, max_tokens: 500, stream: true }, estimate);
 * if (r.ok) for await (const chunk of r.result) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
 */
export function wrapChatCompletions<C extends ChatCreate, G extends AdapterGovernor = AdapterGovernor>(
  create: C | { create: C },
  options: OpenAIAdapterOptions<G>,
): ThrottledChat<C, DeniedBy<G>> {
  checkOptions(options, [], ['actorId', 'priority', 'tenant', 'action', 'idleMs', 'stallMs']);
  const { action = 'chat.completions' } = options;
  const { actorId, priority, tenant } = readCaller('interactive', options, { action });
  const silence = readSilence(options);
  const bare = typeof create === 'function';
  const method = (bare ? create : create?.create) as unknown as (...args: unknown[]) => unknown;
  if (typeof method !== 'function') throw bad('create', create, 'a function, or an object with a function `create`');
  const self = bare ? unbound(create) : create;
  const chat = async (
    params: unknown,
    estimate?: TokenEstimate | null,
    requestOptions?: OptionsRead,
  ): Promise<AdapterResult<unknown>> => {
    const { model } = (params ?? {}) as { model?: unknown };
    const known = typeof model === 'string' && model !== '' ? model : null;
    const caller = { actorId, priority, tenant, model: known };
    const request = requestOf(caller, action, estimate, requestOptions?.idempotencyKey);
    return governed(options, request, requestOptions?.signal, async (call) => {
      const unread = watchUnread(call, silence);
      const answer = await method.call(self, params, requestOptions);
      if (isAsyncIterable(answer)) return holdIterable(answer, call, unread);
      call.end('success', usageOf(answer));
      return answer;
    });
  };
  return chat as ThrottledChat<C, DeniedBy<G>>;
}

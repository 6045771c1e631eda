/**
 * Language models of the Vercel AI SDK under a governor, as middleware for `ai` 5, 6 and 7 (specifications v2, v3 and v4).
 *
 * @module throttleai/adapters/ai-sdk
 * @example
 * import { createGovernor, presets } from 'throttleai';
 * import { governedMiddleware } from 'throttleai/adapters/ai-sdk';
 *
 * const middleware = governedMiddleware(createGovernor(presets.balanced()));
 * // const model = wrapLanguageModel({ model: openai('gpt-4o'), middleware });
 * console.log(typeof middleware.wrapGenerate, typeof middleware.wrapStream);
 */
import { DeniedError } from '../core/errors.ts';
import type { Call } from '../core/call.ts';
import type { DeniedBy, Priority, SignalLike, TokenEstimate, Wait } from '../core/types.ts';
import { requestOf } from '../core/waiting.ts';
import { holdStream } from './internal/body.ts';
import { governed } from './internal/call.ts';
import { checkFixed, readSilence, readWaiting, WAITING } from './internal/options.ts';
import type { AdapterGovernor, ProviderUsage } from './internal/types.ts';
import { watchUnread, type Silence } from './internal/unread.ts';
import type { BodyLike } from './internal/web.ts';

export type { AdapterGovernor, ProviderUsage } from './internal/types.ts';
export { classifyOutcome } from './internal/outcome.ts';

/** What is read of a call's parameters. */
export interface ModelParams {
  readonly prompt?: unknown;
  readonly maxOutputTokens?: number | undefined;
  readonly abortSignal?: SignalLike | undefined;
}

/** A call of a model, as the options see it. */
export interface ModelCall {
  /** As `modelId` of the model. */
  readonly model: string;
  readonly params: ModelParams;
}

/** A value for all calls, or a function that makes it of one; nothing stands for the default. */
export type PerModelCall<T> = T | ((call: ModelCall) => T | null | undefined);

/** Options of `governedMiddleware`. */
export interface GovernedMiddlewareOptions {
  /** Who asks: the unit of fairness. Default `"default"`. Range: 1 to `caps.idBytes` (512) UTF-8 bytes. */
  actorId?: PerModelCall<string> | undefined;
  /** Default `"interactive"`. */
  priority?: PerModelCall<Priority> | undefined;
  /** Whose call it is, for limits per tenant. Default: nobody's. Range: 1 to `caps.idBytes` (512) UTF-8 bytes. */
  tenant?: PerModelCall<string> | undefined;
  /** What the calls ask for. Default `"generate"` and `"stream"`. Range: up to `caps.idBytes` (512) UTF-8 bytes. */
  action?: PerModelCall<string> | undefined;
  /** What a call is expected to need. Default: `maxOutputTokens` of its parameters, and nothing for its prompt. */
  estimate?: PerModelCall<TokenEstimate> | undefined;
  /**
   * How long a call waits for its lease, in the queue of a governor of this package, else by polling; its own signal ends the
   * wait too. `false`: not at all. Default `{ timeoutMs: 60_000 }`; `{}` waits as long as it takes.
   */
  wait?: Wait | false | null | undefined;
  /** A stream that nobody reads for this many ms gives up its lease; it can still be read. Default 30000. Range: from 0. */
  idleMs?: number | undefined;
  /** A call whose provider is silent for this many ms gives up its lease; it goes on. Default 300000. Range: from 0. */
  stallMs?: number | undefined;
}

/** A result of `doGenerate`, as far as it is read. */
interface Generated {
  readonly usage?: unknown;
}

/** A result of `doStream`, as far as it is read. */
interface Streamed {
  readonly stream: object;
}

interface Asked {
  readonly params: ModelParams;
  readonly model: { readonly modelId: string };
}

/** Middleware for `wrapLanguageModel`. */
export interface GovernedMiddleware {
  /** What `ai` 6 asks for by its types; `ai` 5 and 7 take it as well. */
  readonly specificationVersion: 'v3';
  /** @throws DeniedError (as a rejection); what the model throws, after the lease has ended */
  wrapGenerate<R extends Generated>(options: Asked & { readonly doGenerate: () => PromiseLike<R> }): Promise<R>;
  /** @throws DeniedError (as a rejection); what the model throws, after the lease has ended */
  wrapStream<R extends Streamed>(options: Asked & { readonly doStream: () => PromiseLike<R> }): Promise<R>;
}

const PER_CALL = ['actorId', 'priority', 'tenant', 'action', 'estimate'] as const;

/**
 * Puts language models under a governor: `wrapLanguageModel({ model, middleware: governedMiddleware(governor) })`. Each call of the
 * model, and so each step of an agent, waits for a lease of its own and keeps it until its result or the end of its stream; then
 * the lease is settled to the usage of the result. A denied call rejects with `DeniedError`, which the AI SDK does not retry.
 *
 * @throws InputError for an option that cannot be used
 * @example
 * const middleware = governedMiddleware(governor, { actorId: 'user-1', wait: { timeoutMs: 10_000 } });
 * // generateText({ model: wrapLanguageModel({ model: openai('gpt-4o'), middleware }), prompt: 'Hello', maxRetries: 0 });
 * console.log(middleware.specificationVersion); // v3
 */
export function governedMiddleware<G extends AdapterGovernor>(
  governor: G,
  options: GovernedMiddlewareOptions = {},
): GovernedMiddleware {
  checkFixed(governor, options, [...PER_CALL, ...WAITING]);
  const wait = readWaiting(options);
  const silence = readSilence(options);

  const run = async <R>({ params, model }: Asked, kind: string, make: (call: Call) => Promise<R>): Promise<R> => {
    const about: ModelCall = { model: model.modelId, params };
    const of = <T>(option: PerModelCall<T> | undefined): T | null | undefined =>
      typeof option === 'function' ? (option as (call: ModelCall) => T | null | undefined)(about) : option;
    const { maxOutputTokens, abortSignal } = params;
    const { actorId, priority, tenant, action, estimate } = options;
    const request = requestOf(
      {
        actorId: of(actorId) ?? 'default',
        priority: of(priority) ?? 'interactive',
        tenant: of(tenant),
        model: model.modelId || null,
      },
      of(action) ?? kind,
      of(estimate) ?? (maxOutputTokens === undefined ? undefined : { maxOutputTokens }),
    );
    const answer = await governed({ governor, wait }, request, abortSignal, make);
    if (answer.ok) return answer.result;
    throw new DeniedError<DeniedBy<G>>(answer.decision);
  };

  return {
    specificationVersion: 'v3',
    wrapGenerate: (options) =>
      run(options, 'generate', async (call) => {
        watchUnread(call, silence);
        const result = await options.doGenerate();
        call.end('success', usageOf(result.usage));
        return result;
      }),
    wrapStream: (options) =>
      run(options, 'stream', async (call) => {
        const unread = watchUnread(call, silence);
        const result = await options.doStream();
        return { ...result, stream: holdParts(result.stream as BodyLike<StreamPart>, call, silence, unread) };
      }),
  };
}

/** The last part tells usage; an error is a part too. */
interface StreamPart {
  readonly type: string;
  readonly delta?: unknown;
  readonly usage?: unknown;
  readonly error?: unknown;
}

/** Text, thoughts, files, calls of tools. */
const SAYS = /^(?:text|reasoning|tool-input)-delta$|^tool-call$|^file$/;

function holdParts(
  parts: BodyLike<StreamPart>,
  call: Call,
  { idleMs }: Required<Silence>,
  unread: ReturnType<typeof watchUnread>,
): BodyLike<StreamPart> {
  let usage: ProviderUsage | undefined;
  let failure: StreamPart | undefined;
  call.known = () => usage;
  return holdStream(parts, 0, {
    ...{ call, idleMs, unread },
    says: ({ type, delta }) => SAYS.test(type) && delta !== '',
    onChunk(part) {
      if (part.type === 'finish') usage = usageOf(part.usage);
      else if (part.type === 'error') failure = part;
    },
    onDone: () => (failure ? call.fail(failure.error) : call.end('success')),
  });
}

/** Of specification v2 the counts are numbers, from v3 on objects with a `total`. */
interface ModelUsage {
  readonly inputTokens?: Count;
  readonly outputTokens?: Count;
  readonly cachedInputTokens?: Count;
}
type Count = number | { readonly total?: number; readonly cacheRead?: number } | null;

function usageOf(usage: unknown): ProviderUsage | undefined {
  const { inputTokens, outputTokens, cachedInputTokens } = (usage ?? {}) as ModelUsage;
  const found: ProviderUsage = {};
  const note = (name: keyof ProviderUsage, count: number | undefined): void => {
    // Models that do not know a count leave it out, or say NaN.
    if (count !== undefined && count >= 0) found[name] = count;
  };
  note('promptTokens', totalOf(inputTokens));
  note('outputTokens', totalOf(outputTokens));
  note('cachedTokens', typeof inputTokens === 'object' ? inputTokens?.cacheRead : totalOf(cachedInputTokens));
  return Object.keys(found).length > 0 ? found : undefined;
}

const totalOf = (count: Count | undefined): number | undefined => (typeof count === 'object' ? count?.total : count);

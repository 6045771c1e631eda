/** `governedFetch`: one function to hand to an SDK, and every call that it makes is under a governor. */
import { DeniedError, InputError } from '../../core/errors.ts';
import { bad, readFunction } from '../../core/input.ts';
import type { AcquireRequest, DeniedBy, Priority, SignalLike, TokenEstimate, Wait } from '../../core/types.ts';
import { requestOf } from '../../core/waiting.ts';
import { defaultAction, governed } from '../internal/call.ts';
import { checkFixed, readSilence, readWaiting, WAITING } from '../internal/options.ts';
import type { ExtractedUsage } from '../internal/types.ts';
import { web, type FetchInit, type FetchInput, type RequestLike, type WebResponse } from '../internal/web.ts';
import { bodyAskingUsage, maxOutputOf, modelOf, pathnameOf, readCall, type FetchCall } from './asked.ts';
import { refusalOf, rejectionOf } from './refusal.ts';
import { fetchUnder, observer, type FetchFn, type FetchGovernor } from './under.ts';

/** A value for all calls, or a function that makes it of one; nothing stands for the default. */
export type PerFetch<T> = T | ((call: FetchCall) => T | null | undefined);

/** Options of `governedFetch`. */
export interface GovernedFetchOptions<G extends FetchGovernor = FetchGovernor> {
  /** Makes the calls: any function like `fetch`, of `undici` say. Default: the platform's, looked up at each call. */
  fetch?: ((input: never, init?: never) => Promise<object>) | undefined;
  /** Who asks: the unit of fairness. Default `"default"`. Range: 1 to `caps.idBytes` (512) UTF-8 bytes. */
  actorId?: PerFetch<string> | undefined;
  /** Default `"interactive"`. */
  priority?: PerFetch<Priority> | undefined;
  /** Whose call it is, for limits per tenant. Default: nobody's. Range: 1 to `caps.idBytes` (512) UTF-8 bytes. */
  tenant?: PerFetch<string> | undefined;
  /** Names what a call asks for. Default: the path of its URL, cut to `caps.idBytes`. */
  action?: PerFetch<string> | undefined;
  /** Which model. Default: `model` of a JSON body, else the path's (`/models/NAME:…`, `/deployments/NAME/…`, `/model/NAME/…`). */
  model?: PerFetch<string> | undefined;
  /**
   * What a call is expected to need. Default: the most output tokens that a JSON body asks for, and nothing for its prompt.
   * `({ body }) => estimateTokens(body)` of `throttleai/estimate` counts that as well.
   */
  estimate?: PerFetch<TokenEstimate> | undefined;
  /** Names a call, so that concurrent calls of one actor and name share a lease. Default: every call takes its own. */
  idempotencyKey?: ((call: FetchCall) => string | null | undefined) | undefined;
  /**
   * How long a call waits for its lease, in the queue of a governor of this package, else by polling; its own signal ends the
   * wait too. `false`: not at all. Default `{ timeoutMs: 60_000 }`; `{}` waits as long as it takes.
   */
  wait?: Wait | false | null | undefined;
  /**
   * What becomes of a denied call. `"response"` (default): a response with status 429, `Retry-After` and a body that SDKs
   * understand; where waiting can never help `x-should-retry: false` instead of the pause, and status 400 for a call that cannot
   * be counted. `"throw"`, or a function: that is an `InputError`, and a denial a `DeniedError` or what the function answers.
   * What is thrown SDKs wrap in an error of their own as its cause, take for a failed connection and repeat.
   */
  onDenied?:
    'response' | 'throw' | ((decision: DeniedBy<G>, call: FetchCall) => WebResponse | Promise<WebResponse>) | undefined;
  /**
   * Asks streamed chat completions of OpenAI's form for their usage (`stream_options.include_usage`), unless the body says
   * something about it. Their readers then get one more chunk, without choices. Default false: then such a stream of a provider
   * that does not tell by itself is charged its estimate.
   */
  includeUsage?: boolean | undefined;
  /**
   * Reads the real usage from an answer whose bytes have all arrived; the response it gets is a copy with (at most the last
   * 1 MiB of) the body, whose end waits for it. Default: usage is read as the known providers write it, of a stream that breaks as far as it was told.
   */
  extractUsage?: ((response: WebResponse) => ExtractedUsage | Promise<ExtractedUsage>) | undefined;
  /** An event stream that nobody reads for this many ms gives up its lease; it can still be read. Default 30000. Range: from 0. */
  idleMs?: number | undefined;
  /** A call whose provider is silent for this many ms gives up its lease; it goes on. Default 300000. Range: from 0. */
  stallMs?: number | undefined;
}

const FUNCTIONS = ['fetch', 'idempotencyKey', 'extractUsage'] as const;
const PER_CALL = ['actorId', 'priority', 'tenant', 'action', 'model', 'estimate'] as const;

/** @throws InputError */
function check<G extends FetchGovernor>(governor: G, options: GovernedFetchOptions<G>): void {
  checkFixed(governor, options, [...FUNCTIONS, ...PER_CALL, ...WAITING, 'onDenied', 'includeUsage']);
  for (const name of FUNCTIONS) if (options[name] != null) readFunction(options[name], `options.${name}`);
  const { onDenied = 'response', includeUsage = false } = options;
  if (onDenied !== 'response' && onDenied !== 'throw' && typeof onDenied !== 'function')
    throw bad('options.onDenied', onDenied, '"response", "throw" or a function');
  if (typeof includeUsage !== 'boolean') throw bad('options.includeUsage', includeUsage, 'true or false');
}

/**
 * A `fetch` under a governor, for the SDKs of providers: `new OpenAI({ fetch: governedFetch(governor) })`. Each request that is
 * sent, retries of the SDK too, waits for a lease of its own and keeps it until the provider's bytes have arrived, failed or been
 * cancelled; then the lease is settled to the usage that the answer tells. Nothing in request and answer is altered or delayed.
 *
 * While bytes are on their way the lease is renewed. A governor that follows providers (`observe`) is told every answer.
 *
 * @returns a function like the platform's `fetch`. A call rejects with what that throws, with DeniedError and InputError if
 * `onDenied` says so, and with the reason of its signal when that is aborted while it waits; nothing is consumed then
 * @throws InputError for an option that cannot be used
 * @example
 * const openai = new OpenAI({ fetch: governedFetch(governor, { includeUsage: true }), maxRetries: 0 });
 * const answer = await openai.chat.completions.create({
 *   model: 'gpt-4o',
 *   messages: [{ role: 'user', content: 'Hello' }],
 *   max_completion_tokens: 500,
 * });
 * console.log(answer.choices[0]?.message.content);
 */
export function governedFetch<G extends FetchGovernor>(governor: G, options: GovernedFetchOptions<G> = {}): FetchFn {
  check(governor, options);
  const { onDenied = 'response', includeUsage = false, extractUsage } = options;
  const silence = readSilence(options);
  const wait = readWaiting(options);
  return async (input, init) => {
    const call = await readCall(input, init);
    let granted = false;
    try {
      const { request, signal } = requestFor(governor, options, call);
      const send = sender((options.fetch as FetchFn | undefined) ?? web.fetch, call, includeUsage);
      const answer = await governed({ governor, wait }, request, signal, (under) => {
        granted = true;
        return fetchUnder(under, send, { silence, extractUsage, observe: observer(governor, under, request.model) });
      });
      if (answer.ok) return answer.result;
      const { decision } = answer;
      if (onDenied === 'throw') throw new DeniedError(decision);
      return onDenied === 'response' ? refusalOf(governor, decision) : onDenied(decision, call);
    } catch (error) {
      if (!granted && onDenied === 'response' && InputError.isInstance(error)) return rejectionOf(error.message);
      throw error;
    }
  };
}

function requestFor<G extends FetchGovernor>(
  governor: G,
  options: GovernedFetchOptions<G>,
  call: FetchCall,
): { request: AcquireRequest; signal: SignalLike | null | undefined } {
  const of = <T>(option: PerFetch<T> | undefined): T | null | undefined =>
    typeof option === 'function' ? (option as (call: FetchCall) => T | null | undefined)(call) : option;
  const { actorId, priority, tenant, action, model, estimate, idempotencyKey } = options;
  const maxOutputTokens = maxOutputOf(call.body);
  const request = requestOf(
    {
      actorId: of(actorId) ?? 'default',
      priority: of(priority) ?? 'interactive',
      tenant: of(tenant),
      model: of(model) ?? modelOf(call),
    },
    of(action) ?? defaultAction(governor, pathnameOf(call.url)),
    of(estimate) ?? (maxOutputTokens === undefined ? undefined : { maxOutputTokens }),
    idempotencyKey?.(call),
  );
  const { input, init } = call;
  return { request, signal: (init as RequestLike | undefined)?.signal ?? (input as RequestLike).signal };
}

interface WithHeaders {
  readonly headers?: object;
}

/** Sends the call as it is, but for a body that is to ask for usage. */
function sender(fetchFn: FetchFn, call: FetchCall, includeUsage: boolean): () => Promise<WebResponse> {
  const { input, init } = call;
  const body = includeUsage ? bodyAskingUsage(call) : undefined;
  if (body === undefined) return () => fetchFn(input, init);
  if ((init as { body?: unknown } | undefined)?.body == null) {
    const Same = (input as object).constructor as new (input: FetchInput, init: object) => FetchInput;
    return () => fetchFn(new Same(input, { body }), init);
  }
  // Those of `init` take the place of a request's. A length that somebody wrote is that of the other body.
  const headers = new web.Headers((init as WithHeaders).headers ?? (input as WithHeaders).headers);
  headers.delete('content-length');
  return () => fetchFn(input, { ...init, headers, body } as FetchInit);
}

/**
 * What providers say of their limits, and of what a call used: read by dialects, which are data. Needs no governor.
 *
 * @module throttleai/providers
 * @example
 * import { readAnswer } from 'throttleai/providers';
 *
 * const { kind, retryAt, retryFrom } = readAnswer(
 *   { status: 429, headers: { 'retry-after-ms': '1250' }, url: 'https://api.openai.com/v1/responses' },
 *   { now: 1_790_000_000_000, body: { error: { code: 'rate_limit_exceeded' } } },
 * );
 * console.log(kind, retryAt, retryFrom); // transient 1790000001250 retry-after-ms
 */
import { base64 } from '../../build/generated/providers-text.js';
import { bindProviders, type ProvidersApi } from '../providers/api.ts';

export * from '../providers/index.ts';

/** What is used of the platform, declared here because this entry needs no DOM or Node types. */
interface Platform {
  readonly WebAssembly: { readonly Module: new (bytes: Uint8Array) => object };
  readonly navigator?: { readonly userAgent?: string };
  atob(text: string): string;
}

const platform = globalThis as unknown as Platform;

const compile = (): object =>
  new platform.WebAssembly.Module(Uint8Array.from(platform.atob(base64), (character) => character.charCodeAt(0)));

/** As in the main entry: on Workers bytes compile only at start-up. */
function compileEarly(): object | undefined {
  if (platform.navigator?.userAgent !== 'Cloudflare-Workers') return undefined;
  try {
    return compile();
  } catch {
    return undefined;
  }
}

const early = compileEarly();
const api: ProvidersApi = bindProviders(() => early ?? compile());

/**
 * Says what an answer means: which limits there are and what is left, whether and when to come back, what the call used.
 *
 * @function
 * @throws InputError for an argument that cannot be used; an answer never makes it throw
 *
 * @example
 * const reading = readAnswer({ status: 200, headers: { 'x-ratelimit-remaining-tokens': '149984' } }, { dialect: 'openai' });
 * console.log(reading.limits[0]?.remaining); // 149984
 */
export const readAnswer: ProvidersApi['readAnswer'] = api.readAnswer;

/**
 * What a call used, from the body of its answer or an event of its stream, as text or parsed; undefined if it does not say. In
 * events of a stream a later number replaces an earlier one.
 *
 * @function
 * @throws InputError for an argument that cannot be used
 *
 * @example
 * const usage = readUsage({ usage: { input_tokens: 10, cache_read_input_tokens: 90, output_tokens: 5 } }, { dialect: 'anthropic' });
 * console.log(usage?.inputTokens); // 100
 */
export const readUsage: ProvidersApi['readUsage'] = api.readUsage;

/**
 * The dialect that is spoken at a URL or host; undefined if none is known for it.
 *
 * @function
 * @throws InputError for what is no text
 *
 * @example
 * console.log(detectDialect('https://api.groq.com/openai/v1')); // groq
 */
export const detectDialect: ProvidersApi['detectDialect'] = api.detectDialect;

/**
 * The table of a dialect that comes with the package, to look at or to start one's own from.
 *
 * @function
 * @throws InputError for a name that is none of `dialects`
 *
 * @example
 * console.log(dialectTable('mistral').meters?.[0]?.header); // x-ratelimit-*-req-minute
 */
export const dialectTable: ProvidersApi['dialectTable'] = api.dialectTable;

/**
 * A dialect of one's own, from a table in the same form.
 *
 * @function
 * @throws ConfigError naming the field, the value and what is allowed
 *
 * @example
 * const acme = defineDialect({
 *   name: 'acme',
 *   meters: [{ header: 'x-acme-*', metric: 'requests', window: 60_000, reset: 'seconds' }],
 *   retry: [{ header: 'retry-after', format: 'seconds|http-date' }],
 * });
 * const reading = readAnswer({ status: 429, headers: { 'x-acme-remaining': '0', 'x-acme-reset': '7.5' } }, { dialect: acme, now: 1_000 });
 * console.log(reading.retryAt); // 8500
 */
export const defineDialect: ProvidersApi['defineDialect'] = api.defineDialect;

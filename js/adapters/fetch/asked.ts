/** What a `fetch` call asks of a provider, as far as the URL and a JSON body tell. The call itself is not touched. */
import { TextDecoder } from '../../core/text-codec.ts';
import { web, type FetchInit, type FetchInput, type RequestLike } from '../internal/web.ts';

/** A call of `governedFetch`, as its options see it. */
export interface FetchCall {
  readonly url: string;
  /** In capitals. */
  readonly method: string;
  /** The parsed body; undefined where there is none, or it is no JSON object. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly input: FetchInput;
  readonly init: FetchInit | undefined;
}

/** What is read of a `Request` beside what all adapters read. */
interface Sent extends RequestLike {
  readonly method?: string;
  readonly headers?: { get(name: string): string | null };
  readonly body?: unknown;
  clone?(): { text(): Promise<string> };
}

/** Reads the body of a `Request` from a clone; those that cannot be read twice (streams, forms) are left alone. */
export async function readCall(input: FetchInput, init: FetchInit | undefined): Promise<FetchCall> {
  const request = input as Sent;
  const sent = init as { method?: string; body?: unknown } | undefined;
  const method = (sent?.method ?? request.method ?? 'GET').toUpperCase();
  const text = sent?.body != null ? textOf(sent.body) : await textOfRequest(request);
  return { url: String(request.url ?? input), method, body: objectIn(text), input, init };
}

function textOf(body: unknown): string | undefined {
  if (typeof body === 'string') return body;
  if (ArrayBuffer.isView(body)) return new TextDecoder().decode(body as Uint8Array);
  return body instanceof ArrayBuffer ? new TextDecoder().decode(new Uint8Array(body)) : undefined;
}

async function textOfRequest(request: Sent): Promise<string | undefined> {
  const isJson = request.body != null && /\bjson\b/i.test(request.headers?.get('content-type') ?? '');
  return isJson ? await request.clone?.().text() : undefined;
}

function objectIn(text: string | undefined): FetchCall['body'] {
  if (text === undefined || !/^\s*\{/.test(text)) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** The default action of a call. */
export function pathnameOf(url: string): string {
  try {
    return new web.URL(url).pathname;
  } catch {
    return 'fetch';
  }
}

/** The model: of the body, else of a path that names it, as those of Gemini, Azure OpenAI and Bedrock do. */
export function modelOf({ url, body }: FetchCall): string | undefined {
  const model = body?.['model'];
  if (typeof model === 'string' && model !== '') return model;
  const named = /\/(?:models|deployments|model)\/([^/?#:]+)[/:]/.exec(url)?.[1];
  return named === undefined ? undefined : decoded(named);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Where requests say how long an answer may be, and how many there are to be. */
const MAXIMA = ['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'maxOutputTokens', 'maxTokens'];
const ANSWERS = ['n', 'best_of', 'candidateCount'];
const SETTINGS = ['generationConfig', 'generation_config', 'inferenceConfig'];

/** Most output tokens that a body asks for; undefined where it does not say. */
export function maxOutputOf(body: FetchCall['body']): number | undefined {
  const places = [body, ...SETTINGS.map((name) => body?.[name])];
  const numbers = (names: readonly string[]): number[] =>
    places.flatMap((place) => names.map((name) => Number((place as typeof body)?.[name]))).filter((it) => it > 0);
  // Of several, the largest: too much is the safe side.
  const most = Math.max(...numbers(MAXIMA));
  return most > 0 ? most * Math.max(1, ...numbers(ANSWERS)) : undefined;
}

const asksUsage = { include_usage: true };

/** The body of a streamed chat completion that asks for its usage as well; undefined where it does not say otherwise already. */
export function bodyAskingUsage({ url, body }: FetchCall): string | undefined {
  if (body?.['stream'] !== true || !/\/chat\/completions(?:[?#]|$)/.test(url)) return undefined;
  const options = body['stream_options'] as object | null | undefined;
  if (options && 'include_usage' in options) return undefined;
  return JSON.stringify({ ...body, stream_options: { ...options, ...asksUsage } });
}

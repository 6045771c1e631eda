/**
 * The web's own types where the consumer's compiler knows them, else the parts that the adapters use: their
 * declarations then need neither `lib: ["dom"]` nor Node's types.
 */
import type { SignalLike } from '../../core/types.ts';

/** A chunk source as `Response.body` is one. */
export interface BodyLike<Chunk = Uint8Array> {
  readonly locked: boolean;
  getReader(): {
    read(): Promise<{ done: boolean; value?: Chunk | undefined }>;
    cancel(reason?: unknown): Promise<void>;
    readonly closed?: Promise<unknown>;
  };
}

/** What the adapters need of a `Response`. */
export interface ResponseLike {
  readonly status: number;
  readonly statusText: string;
  readonly ok: boolean;
  readonly url: string;
  readonly redirected: boolean;
  readonly type: string;
  readonly headers: { get(name: string): string | null; set(name: string, value: string): void };
  readonly body: BodyLike | null;
  readonly bodyUsed: boolean;
  clone(): ResponseLike;
  json(): Promise<unknown>;
  text(): Promise<string>;
}

/** What the adapters need of a `Request`. */
export interface RequestLike {
  readonly url: string;
  readonly signal?: SignalLike | null;
}

/** What is read of a request that a handler is given. */
export interface HandlerLikeRequest extends RequestLike {
  readonly method?: string;
  readonly headers: {
    /** Reads what proxies say. */
    get(name: string): string | null;
  };
}

/** What the adapters need of the second argument of `fetch`. */
export interface FetchInitLike {
  method?: string;
  headers?: object;
  body?: unknown;
  signal?: SignalLike | null;
}

interface FetchTypes<I, N, R> {
  input: I;
  init: N;
  response: R;
}
/** What a handler of a web runtime is given. */
export type WebRequest = typeof globalThis extends { Request: new (...args: never) => infer R }
  ? R
  : HandlerLikeRequest;

type Known = typeof globalThis extends { fetch: (input: infer I, init?: infer N) => Promise<infer R> }
  ? FetchTypes<I, NonNullable<N>, R>
  : FetchTypes<string | { readonly href: string } | RequestLike, FetchInitLike, ResponseLike>;

/** First argument of `fetch`. */
export type FetchInput = Known['input'];
/** Second argument of `fetch`. */
export type FetchInit = Known['init'];
/** What `fetch` resolves to. */
export type WebResponse = Known['response'];

interface SourceController<Chunk> {
  readonly desiredSize: number | null;
  enqueue(chunk: Chunk): void;
  close(): void;
  error(error: unknown): void;
}
interface Source<Chunk> {
  pull(controller: SourceController<Chunk>): Promise<void>;
  cancel(reason: unknown): Promise<void>;
}
interface Strategy<Chunk> {
  highWaterMark: number;
  size(chunk: Chunk): number;
}

/** What a response is made of; another response is one. */
interface ResponseInitLike {
  readonly status: number;
  readonly statusText?: string;
  readonly headers: object;
}

/** The constructors and functions that the adapters use, looked up when they are needed. */
export const web = globalThis as unknown as {
  AbortController: new () => { readonly signal: SignalLike; abort(): void };
  ReadableStream: new <Chunk>(source: Source<Chunk>, strategy: Strategy<Chunk>) => BodyLike<Chunk>;
  Blob: new (parts: Uint8Array[]) => object;
  URL: new (url: string) => { readonly pathname: string; readonly hostname: string };
  Headers: new (headers?: object) => object & { delete(name: string): void };
  Response: new (body: object | string | null, init: ResponseInitLike) => ResponseLike;
  fetch(input: FetchInput, init?: FetchInit): Promise<WebResponse>;
  TextEncoder: new () => { encode(text: string): Uint8Array };
  btoa(bytes: string): string;
};

/** Whether `new Response` takes this status and text: servers also send statuses from 600 up, and texts beyond Latin-1. */
export function canBuild({ status, statusText }: ResponseLike): boolean {
  return status >= 200 && status < 600 && /^[\t -~\x80-\xff]*$/.test(statusText);
}

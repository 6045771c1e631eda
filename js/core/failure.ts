/**
 * What came of an attempt, for `withRetry`: whether the same call may fare better later, and not before when.
 *
 * Sources of what is retried: the SDKs of OpenAI and Anthropic (408, 409, 429, 5xx, failed connections, `x-should-retry`), RFC
 * 8470 (425). What the dialects say of a provider goes first, where they were handed over.
 */
import type { Time } from './clock.ts';
import { bodyOf, codesIn } from './error-body.ts';
import { DeniedError } from './errors.ts';
import { causesOf, outcomeOfError, wordsOf } from './outcome.ts';
import { answered, headerOf, partsOf } from './pause.ts';
import type { AcquireDenied, AnswerReader, ProviderAnswer } from './types.ts';

/** What a function gave back, or threw. */
export type Ended = { readonly value: unknown } | { readonly error: unknown };

export interface Verdict {
  readonly kind: 'success' | 'terminal' | 'retry';
  /** For `retry`: not before so many ms have gone by. 0: nothing tells. */
  readonly afterMs: number;
  /** The call reached the provider, or may have. */
  readonly sent: boolean;
  readonly status?: number;
}

/** What `judge` goes by. */
export interface Judge {
  readonly time: Time;
  readonly readAnswer: AnswerReader | null | undefined;
  readonly retryIf: ((error: unknown) => boolean) | null | undefined;
}

const RETRIED = [408, 409, 425, 429];
/** What a server will never do: not implemented, HTTP version not supported. */
const NEVER = [501, 505];
const CONNECTION = new Set<unknown>([
  ...['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH'],
  ...[
    'UND_ERR_SOCKET',
    'APIConnectionError',
    'ConnectionError',
    'ConnectionRefused',
    'ConnectionClosed',
    'FailedToOpenSocket',
  ],
]);
/** `fetch` of browsers, Deno and Workers, whose errors have no code. */
const NO_CONNECTION =
  /^(failed to fetch|fetch failed|load failed|network ?error|network connection lost|error sending req)/i;
/** Codes of spent quota, credit or budget, at whatever provider. */
const SPENT = /^insufficient_quota$|^credit_balance_|_(spend|usage)_limit_/;

/** Never throws, once its time has been read. */
export async function judge(ended: Ended, by: Judge): Promise<Verdict> {
  const now = by.time.readOrLast();
  const threw = 'error' in ended;
  try {
    const said = threw ? ended.error : resultOf(ended.value);
    const denial = denialIn(said);
    if (denial !== undefined) return judgeDenial(denial, now);
    const answer = threw ? causesOf(said).find(partsOf) : isResponse(said) ? said : undefined;
    if (answer !== undefined) return await judgeAnswer(answer, threw, now, by);
    if (threw && (isNoAnswer(said) || by.retryIf?.(said) === true)) return { kind: 'retry', afterMs: 0, sent: true };
  } catch {
    // Properties that throw, or a function of the user's: it is what it is.
  }
  return { kind: threw ? 'terminal' : 'success', afterMs: 0, sent: true };
}

/** What an adapter returned, without its wrapping. */
export function resultOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { ok, granted, result } = value as Readonly<Record<string, unknown>>;
  return (ok === true || granted === true) && 'result' in value ? result : value;
}

/** The denial of a governor that was thrown, or returned by a helper or adapter. */
function denialIn(said: unknown): AcquireDenied | undefined {
  const thrown = causesOf(said).find((cause) => DeniedError.isInstance(cause));
  const { decision, granted } = (thrown ?? said ?? {}) as Readonly<Record<string, unknown>>;
  const denial = (granted === false && decision === undefined ? said : decision) as AcquireDenied | undefined;
  return denial?.granted === false ? denial : undefined;
}

/** Limits know their instant. Slots do not: a call may end sooner than its lease. */
function judgeDenial({ retryAt, retryAfterMs, reason }: AcquireDenied, now: number): Verdict {
  if (retryAt === null) return { kind: 'terminal', afterMs: 0, sent: false };
  const known = retryAt !== undefined && reason !== 'concurrency' && reason !== 'policy';
  return { kind: 'retry', afterMs: Math.max(known ? retryAt - now : retryAfterMs, 0), sent: false };
}

/** What a function returned may have a status of its own that means something else. */
function isResponse(value: unknown): value is object {
  return typeof partsOf(value)?.headers === 'object';
}

async function judgeAnswer(answer: object, thrown: boolean, now: number, by: Judge): Promise<Verdict> {
  const { status = 0, retryAfterMs = 0 } = answered(answer, now);
  const verdict = (kind: Verdict['kind'], afterMs = 0): Verdict => ({ kind, afterMs, sent: true, status });
  if (status < 400) return verdict(thrown ? 'terminal' : 'success');
  const again = RETRIED.includes(status) || (status >= 500 && !NEVER.includes(status));
  const parts = partsOf(answer)!;
  if (!again || headerOf(parts.headers, 'x-should-retry') === 'false') return verdict('terminal');
  const body = await bodyOf(answer, by.time.clock);
  if (codesIn(answer, body).some((code) => SPENT.test(code))) return verdict('terminal');
  const reading = read(by.readAnswer, parts as ProviderAnswer, { now, body });
  if (reading?.kind === 'terminal') return verdict('terminal');
  return verdict('retry', Math.max(retryAfterMs, (reading?.retryAt ?? 0) - now));
}

/** A reader that fails has read nothing: what the call itself has said is what matters. */
function read(
  readAnswer: AnswerReader | null | undefined,
  parts: ProviderAnswer,
  options: Parameters<AnswerReader>[1],
): ReturnType<AnswerReader> | undefined {
  try {
    return readAnswer?.(parts, options);
  } catch {
    return undefined;
  }
}

/** Neither answered nor cancelled: a time-out, or a connection that failed. */
function isNoAnswer(error: unknown): boolean {
  const outcome = outcomeOfError(error);
  if (outcome !== 'error') return outcome === 'timeout';
  return causesOf(error).some(
    (cause) =>
      wordsOf(cause).some((word) => CONNECTION.has(word)) || NO_CONNECTION.test(String((cause as Error).message)),
  );
}

/** What providers answer, and who reads it. */
import type { SettlePolicy } from './models.ts';

/** Headers as you have them: a `Headers`, a `Map` or list of pairs, an object, or a function from a name to a value. */
export type HeadersInput =
  | Iterable<readonly [string, string]>
  | { readonly [name: string]: string | number | readonly string[] | null | undefined }
  | ((name: string) => string | null | undefined);

/** What a provider answered. A `Response` is one; its body is never read: pass what you have read of it in `body`. */
export interface ProviderAnswer {
  /** From 100 to 599; absent where there is none, as in an event of a stream. */
  readonly status?: number | undefined;
  readonly headers?: HeadersInput | null | undefined;
  /** By whose host the dialect is recognised. */
  readonly url?: string | undefined;
}

/**
 * What came of a call: `ok`; `transient`, a rate limit; `overload`, the provider has no room whoever asks; `terminal`, the same
 * until somebody acts or a day begins: do not retry; `other`, nothing about limits.
 */
export type AnswerKind = 'ok' | 'transient' | 'overload' | 'terminal' | 'other';

/** Reads an answer: `readAnswer` of `throttleai/providers`, or a function of your own. */
export type AnswerReader = (
  answer: ProviderAnswer,
  options: {
    /** When the answer came, in ms. */
    readonly now: number;
    /** The body, as text or parsed, where it is known. */
    readonly body: unknown;
  },
) => AnswerReading;

/**
 * A limit as the provider sees it: `ProviderLimit` of `throttleai/providers` is one. `metric` and `window` are the words of
 * `limits` in a governor's configuration. What was not said, or not understood, is absent.
 */
export interface ObservedLimit {
  readonly metric: string;
  /** In ms, or a day or month of the calendar; absent where the provider does not say and it differs. */
  readonly window?: number | 'day' | 'month';
  /** Which of several limits with this metric and window, e.g. `priority`; absent: the usual one. */
  readonly pool?: string;
  /** How much is allowed. Never 0. */
  readonly limit?: number;
  /** How much is left, from 0. Calls that are in flight may or may not be in it. */
  readonly remaining?: number;
  /** When there will be more, in ms of your clock; past if it already is. */
  readonly resetAt?: number;
  /** `resetAt` is when all will be there again: a call fits long before. Without it, it is when the window ends, or not known. */
  readonly resetIsFull?: true;
  /** `remaining` is rounded to a multiple of this: up to half of it less may be left. */
  readonly roundedTo?: number;
}

/** What an answer says, once it was read: `ProviderReading` of `throttleai/providers` is one. */
export interface AnswerReading {
  readonly kind: AnswerKind;
  /** `auth`: the key is wrong, which is no matter of others. */
  readonly why?: string;
  /** When to come back, in ms: not before. */
  readonly retryAt?: number | undefined;
  readonly limits?: readonly ObservedLimit[];
  readonly usage?: { readonly inputTokens?: number; readonly outputTokens?: number; readonly totalTokens?: number };
  readonly counts?: { readonly settle: SettlePolicy };
}

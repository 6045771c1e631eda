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
  readonly status?: number;
  readonly headers?: HeadersInput;
  /** By whose host the dialect is recognised. */
  readonly url?: string;
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

/** What a provider says of one of its limits; `ProviderLimit` of `throttleai/providers` describes the fields. */
export interface ObservedLimit {
  readonly metric: string;
  readonly window?: number | 'day' | 'month';
  readonly pool?: string;
  readonly limit?: number;
  readonly remaining?: number;
  readonly resetAt?: number;
  readonly resetIsFull?: true;
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

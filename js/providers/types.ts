/** What goes in and what comes out. All of it is plain data, and JSON but for `headers`. */
import type { AnswerKind, HeadersInput, ObservedLimit, ProviderAnswer } from '../core/types.ts';

export type { AnswerKind, HeadersInput, ObservedLimit, ProviderAnswer };

/** Dialects that come with the package. */
export type DialectName =
  | 'openai'
  | 'azure-openai'
  | 'github-models'
  | 'anthropic'
  | 'gemini'
  | 'vertex'
  | 'bedrock'
  | 'groq'
  | 'mistral'
  | 'cerebras'
  | 'openrouter'
  | 'together'
  | 'cohere'
  | 'workers-ai'
  | 'databricks'
  | 'venice'
  | 'generic';

/** A dialect of your own, checked: what `defineDialect` returns. */
export interface Dialect {
  readonly name: string;
  /** The table as JSON: it can be kept, and sent to a worker. */
  readonly json: string;
}

export interface ReadOptions {
  /**
   * Which dialect; `"auto"` asks the host of `url`, then the headers, and is `generic` where neither tells.
   *
   * @default "auto"
   */
  readonly dialect?: DialectName | 'auto' | Dialect | undefined;
  /** When the answer came, in ms since 1970. @default the platform's clock */
  readonly now?: number | undefined;
  /** The body, as text or parsed. It tells why a call was refused, and what it used. Up to 8 MiB are looked at. */
  readonly body?: unknown;
}

/** What is counted: one of these, or what a provider's own limit counts. */
export type ProviderMetric = 'requests' | 'tokens' | 'inputTokens' | 'outputTokens' | 'costUsd' | (string & {});

/** A limit as the provider sees it, and what said it. */
export interface ProviderLimit extends ObservedLimit {
  readonly metric: ProviderMetric;
  /** The headers that said it. */
  readonly from: readonly string[];
}

/** What a call used, as far as the answer says. Counts are whole numbers from 0. */
export interface ProviderUsage {
  /** Tokens of the prompt, cached ones included, whatever the provider includes. */
  readonly inputTokens?: number;
  /** Tokens of the answer, with those of its reasoning. */
  readonly outputTokens?: number;
  /** Both, as the provider adds them up. */
  readonly totalTokens?: number;
  /** Of `inputTokens`: read from a cache. */
  readonly cachedInputTokens?: number;
  /** Of `inputTokens`: written into a cache. */
  readonly cacheWriteTokens?: number;
  /** Dollars, rounded up to the millionth. */
  readonly costUsd?: number;
}

/** A part of an answer that was not understood. It has changed nothing else. */
export interface IgnoredPart {
  /** The header, or */
  readonly header?: string;
  /** the path in the body; empty for all of it. */
  readonly body?: string;
  /** The beginning of what it said. */
  readonly value: string;
  /**
   * `sentinel`: a number that means "not known" or "no limit"; `format`: not written as the dialect says; `out-of-range`: long
   * past or more than a year ahead; `conflict`: the same header said something else before.
   */
  readonly reason: 'not-a-number' | 'format' | 'sentinel' | 'out-of-range' | 'conflict' | 'too-long' | 'not-json';
}

/** Why it was not answered. `size`: this call alone is larger than the limit. */
export type RefusalReason = 'rate' | 'quota' | 'credit' | 'auth' | 'capacity' | 'size';

/** How a provider turns a reservation into a charge: see `settle` of a model's configuration. */
export type ProviderSettle = 'actual' | 'reserved' | 'input' | 'headers';

export interface ProviderCounts {
  readonly settle: ProviderSettle;
  /** A refused call counts too. */
  readonly refused: boolean;
  /** Tokens that were read from a cache count. */
  readonly cachedInput: boolean;
}

/**
 * What an answer says.
 *
 * A governor takes it without reading a string again: `kind` decides whether a gate closes, and `retryAt` until when; each of
 * `limits` finds or makes the limit with its `metric`, `window` and `pool`; `usage` settles the lease; `counts` says how.
 */
export interface ProviderReading {
  /** The dialect that was read. */
  readonly dialect: string;
  readonly kind: AnswerKind;
  /** Absent where `kind` is `ok`, or nothing tells. */
  readonly why?: RefusalReason;
  /** The provider's word for the error. */
  readonly code?: string;
  /** When to come back, in ms of your clock, rounded up: not before. Absent where nothing tells, and where `kind` is `ok`. */
  readonly retryAt?: number;
  /** What said it: a header, a path in the body, `reset` (of limits that are used up) or `midnight` (of the provider). */
  readonly retryFrom?: string;
  readonly limits: readonly ProviderLimit[];
  readonly usage?: ProviderUsage;
  readonly ignored: readonly IgnoredPart[];
  /** By how much the provider's clock is ahead of yours; absent up to 2 s. Instants are told in your time. */
  readonly clockSkewMs?: number;
  readonly counts: ProviderCounts;
}

/**
 * How an instant or a delay is written. `seconds` and `millis` count from now, `epoch-seconds` and `epoch-millis` from 1970;
 * `seconds-or-epoch` is for servers of which nothing is known; `duration` is `6m0s`, `clock` is `01:12:34`. Several that no text
 * can be both of are joined with `|`, such as `seconds|http-date`.
 */
export type MomentFormat = string;

/** Limits in headers. */
export interface MeterRow {
  /**
   * The header in lower case, with a `*` for one of the words `limit`, `remaining`, `reset`, `used`, `renewalperiod` (seconds) and
   * `utilization` (which part of 1 is gone): `x-ratelimit-*-requests`. Or without, and `says` has the word.
   */
  readonly header: string;
  readonly says?: 'limit' | 'remaining' | 'reset' | 'used' | 'renewalperiod' | 'utilization';
  readonly metric: ProviderMetric;
  /** ms from 1 to 31,622,400,000 (366 days), or of the calendar. @default not known */
  readonly window?: number | 'day' | 'month';
  /** @default the usual one */
  readonly pool?: string;
  /** @default a reset is not understood */
  readonly reset?: MomentFormat;
  /** @default false */
  readonly full?: boolean;
  /** From 0 to 1,000,000. @default not rounded */
  readonly roundedTo?: number;
}

/** A header, or the path of a leaf of the body: names joined with dots, `[]` for the items of a list. */
export type PlaceRow =
  { readonly header: string; readonly body?: never } | { readonly body: string; readonly header?: never };

/** A place that says when to come back. */
export type RetryRow = PlaceRow & {
  /** Words in front of it, where it stands in a sentence. */
  readonly after?: string;
  readonly format: MomentFormat;
};

/** What a refusal means: it has this status, and says this at this place. Case does not matter. */
export type ErrorRow = {
  /** From 100 to 599. @default any */
  readonly status?: number;
  readonly header?: string;
  readonly body?: string;
  readonly is?: string;
  readonly contains?: string;
  readonly kind: AnswerKind;
  readonly why: RefusalReason;
  /** It is over at the next midnight there. */
  readonly until?: 'utc' | 'pacific';
};

/** Where a count is found: of several rows for one count the first that is there, and all that `add` on top. */
export type UsageRow = PlaceRow & {
  readonly count: keyof ProviderUsage;
  /** @default false */
  readonly adds?: boolean;
};

/** How a provider speaks and counts. Texts have 1 to 128 bytes, lists at most 64 rows; what is absent is empty. */
export interface DialectTable {
  readonly name: string;
  /** Not used for dialects of your own: they are named where they are used. */
  readonly hosts?: readonly string[];
  readonly signs?: readonly string[];
  readonly meters?: readonly MeterRow[];
  /** The `RateLimit` fields of the IETF's drafts are read too. @default false */
  readonly ietf?: boolean;
  /** The most trustworthy first. */
  readonly retry?: readonly RetryRow[];
  /** The first that fits; without one the status decides. */
  readonly errors?: readonly ErrorRow[];
  readonly usage?: readonly UsageRow[];
  /** @default settled to actual usage; refused calls do not count, cached input does */
  readonly counts?: Partial<ProviderCounts>;
}

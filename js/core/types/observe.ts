import type { AnswerReading, ProviderAnswer } from './answer.ts';
import type { GovernorSnapshot } from './snapshot.ts';

/**
 * What a provider has answered, with the body where you have read it: it says why a call was refused, and what it used. Errors of
 * SDKs and clients that carry status, headers and body are answers too; without a status nothing is taken for a success.
 */
export interface ObservedAnswer extends ProviderAnswer {
  /** As text or parsed. That of a `Response` is not read. */
  readonly body?: unknown;
}

/** Of which call an answer is. */
export interface ObserveOptions {
  /** Its lease, while it is held. Without one the answer may lower what is left, and never raise it. */
  leaseId?: string | null | undefined;
  /** Its model. Default: that of the lease's request, else none. */
  model?: string | null | undefined;
}

/** What an answer has changed. */
export interface Observation {
  /** What was read. */
  readonly reading: AnswerReading;
  /** The family whose gate and limits it is about; empty: calls without a model. */
  readonly family: string;
  /** The limits of the provider that follow its answers, as they are now: at most 8. */
  readonly limits: NonNullable<GovernorSnapshot['limits']>;
}

/** How limits come to be known. */
export interface DiscoveryConfig {
  /**
   * What goes out before the first answer of a family was observed: everything (`optimistic`), or one call at a time (`probe`),
   * while others wait, or are denied with cause `cooldown`. Default `optimistic`.
   */
  start?: 'optimistic' | 'probe' | null | undefined;
  /** Part of each limit that is left alone, for others or for safety. Default 0. Range: 0 to 0.9. */
  margin?: number | null | undefined;
}

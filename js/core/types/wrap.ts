import type { GovernorLike, SignalLike, Wait } from './helpers.ts';
import type { HiddenLimit, Limit, LimitRates } from './limits.ts';
import type { Priority, TokenEstimate, TokenUsage } from './request.ts';

/** What `wrapFunction` needs of a governor: a `Governor`, or any object with `acquire` and `release`. */
export interface WrapGovernor extends GovernorLike {
  /** Prolongs a lease; used, where it exists, while a stream flows. */
  renew?(leaseId: string, ttlMs?: number): boolean;
}

/** A value for all calls, or a function that makes it of a call's arguments. */
export type PerCall<A extends readonly unknown[], T> = T | ((...args: A) => T);

/**
 * Options of a wrapped function.
 *
 * A = its arguments, O = what `usage` sees: the result, or of a stream each chunk.
 */
export interface FunctionOptions<A extends readonly unknown[] = readonly unknown[], O = unknown> {
  /** What the calls are for: the action of their requests. Range: 1 to `caps.idBytes` (512) UTF-8 bytes. */
  key: string;
  /** Who asks: the unit of fairness. Default `"default"`. Range: 1 to `caps.idBytes` (512) UTF-8 bytes. */
  actorId?: PerCall<A, string> | undefined;
  /** Which model. Range: 1 to `caps.idBytes` (512) UTF-8 bytes. */
  model?: PerCall<A, string | null | undefined> | undefined;
  /** For whom. Range: 1 to `caps.idBytes` (512) UTF-8 bytes. */
  tenant?: PerCall<A, string | null | undefined> | undefined;
  /** Default `interactive`. */
  priority?: PerCall<A, Priority | null | undefined> | undefined;
  /** Default: weight 1, no tokens. */
  estimate?: PerCall<A, TokenEstimate | null | undefined> | undefined;
  /** Calls of one actor under the same key share a lease, which ends with the last of them. Default: none. */
  idempotencyKey?: ((...args: A) => string | null | undefined) | undefined;
  /**
   * How long a call waits for its lease. `false`: not at all. Default: until it is granted or never can be. On a governor of
   * this package it waits in its queue, on any other object it polls.
   */
  wait?: Wait | false | null | undefined;
  /**
   * Cancels the wait of a call, which then rejects with the signal's reason. Takes the place of `wait.signal`. The function
   * itself is not interrupted: hand it the signal too.
   */
  signal?: PerCall<A, SignalLike | null | undefined> | undefined;
  /**
   * What a call really used. Of a stream it is asked about each chunk, and the last answer counts. Default, and if it throws:
   * the estimate stands.
   */
  usage?: ((output: O) => TokenUsage | null | undefined | void) | undefined;
  /**
   * The function returns an async generator at once. Default: whether it is written `async function*`, which does not show of
   * an arrow function that returns one, nor once it was compiled for older runtimes.
   */
  generator?: boolean | undefined;
}

/** Options of `governor.wrap`. A = the function's arguments, O = what `usage` sees: the result, or of a stream each chunk. */
export interface WrapOptions<A extends readonly unknown[] = readonly unknown[], O = unknown> extends FunctionOptions<
  A,
  O
> {
  /**
   * Limits of all calls whose action is `key`, beside those of the configuration: functions with one key share them. Default
   * names end with `action=<key>`. A key may be given its limits once, or the same again. Default: none, or what it has.
   */
  limits?: readonly (Limit | HiddenLimit)[] | LimitRates | null | undefined;
}

/** What `usage` sees: chunks of what can be iterated (all that is known of a `ReadableStream` that cannot), else the result. */
export type OutputOf<R> =
  R extends AsyncIterable<infer T>
    ? T
    : R extends { readonly getReader: unknown; readonly locked: boolean }
      ? unknown
      : R;

/** What a wrapped function gives, of a function that gives `R`. */
export type Governed<R> = unknown extends R
  ? Promise<R>
  : [R] extends [never]
    ? Promise<never>
    : [R] extends [AsyncGenerator<infer T, infer Return, infer N>]
      ? AsyncGenerator<T, Return, N>
      : Promise<Awaited<R>>;

/** `T`, which is not inferred from here: arguments are those of the function, not those that an option names. */
export type Fixed<T> = [T][T extends unknown ? 0 : never];

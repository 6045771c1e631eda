/** What the servers' adapters read of a request. */
import type { AcquireRequest, Priority, TokenEstimate } from '../../core/types.ts';
import { requestOf } from '../../core/waiting.ts';
import { defaultAction } from './call.ts';
import type { RateLimitHeaders } from './limit-headers.ts';
import { checkOptions } from './options.ts';
import type { AdapterGovernor, AdapterOptions } from './types.ts';

/**
 * `Theirs`, the framework's own type, where its declarations are installed; else `Theirs` is `any`, and this is `Ours`.
 * So callbacks know all of a request, and nobody needs a framework for the types of an adapter.
 */
// In tuples, as a condition on a type that cannot be resolved would be that type again.
export type Known<Theirs, Ours> = [0] extends [1 & Theirs] ? Ours : [Theirs] extends [Ours] ? Theirs : Ours;

/** Options of the servers' adapters. `A`: the arguments of their functions, a request first, or a context that has one. */
export interface ServerOptions<
  A extends readonly unknown[],
  G extends AdapterGovernor = AdapterGovernor,
> extends AdapterOptions<G> {
  /**
   * Who asks: the unit of fairness. A default that believes the header `x-actor-id` believes what any client can write: one that
   * sends another name with each request is never held to its share, and may use up the share of others. Behind a login
   * return the id of the authenticated user; where there is none, what a proxy of yours vouches for: `clientAddress`.
   */
  getActorId?: ((...args: A) => string) | undefined;
  /** What it asks for. Default: the path, cut to `caps.idBytes`. */
  getAction?: ((...args: A) => string) | undefined;
  /** Which model it is for, for limits per model, families and prices. Default: none. */
  getModel?: ((...args: A) => string | null | undefined) | undefined;
  /** Whose request it is, for limits per tenant. Take it from the login, as the actor. Default: nobody's. */
  getTenant?: ((...args: A) => string | null | undefined) | undefined;
  /** Default: the governor's, `"interactive"`. */
  getPriority?: ((...args: A) => Priority | null | undefined) | undefined;
  /** What the request is expected to need. Default: weight 1, no tokens. */
  getEstimate?: ((...args: A) => TokenEstimate | null | undefined) | undefined;
  /**
   * Headers that tell clients what is left of their limits: `rateLimitHeaders()`. Default: none. They need a governor of this
   * package.
   */
  headers?: RateLimitHeaders | undefined;
}

/**
 * Checks the options, and returns what makes a governor's request of a server's.
 *
 * @param actorOf the default of `getActorId`
 * @param pathOf the default of `getAction`, before it is cut
 * @param others names of further options, which the adapter reads itself
 */
export function requestReader<A extends readonly unknown[]>(
  options: ServerOptions<A>,
  actorOf: (...args: A) => string,
  pathOf: (...args: A) => string,
  others: readonly string[] = [],
): (...args: A) => AcquireRequest {
  checkOptions<ServerOptions<A> & { onDeny?: unknown }>(
    options,
    ['getActorId', 'getAction', 'getModel', 'getTenant', 'getPriority', 'getEstimate', 'headers', 'onDeny'],
    others,
  );
  const { governor, getActorId = actorOf, getAction, getModel, getTenant, getPriority, getEstimate } = options;
  return (...args) => {
    const priority = getPriority?.(...args);
    const action = getAction ? getAction(...args) : defaultAction(governor, pathOf(...args));
    const caller = { actorId: getActorId(...args), model: getModel?.(...args), tenant: getTenant?.(...args), priority };
    return requestOf(caller, action, getEstimate?.(...args));
  };
}

/** What the adapters of the two servers read of a request. */
import type { AcquireRequest, Priority, TokenEstimate } from '../../core/types.ts';
import { requestOf } from '../../core/waiting.ts';
import { defaultAction } from './call.ts';
import { checkOptions } from './options.ts';
import type { AdapterGovernor, AdapterOptions } from './types.ts';

/**
 * `Theirs`, the framework's own type, where its declarations are installed; else `Theirs` is `any`, and this is `Ours`.
 * So callbacks know all of a request, and nobody needs a framework for the types of an adapter.
 */
// In tuples, as a condition on a type that cannot be resolved would be that type again.
export type Known<Theirs, Ours> = [0] extends [1 & Theirs] ? Ours : [Theirs] extends [Ours] ? Theirs : Ours;

/** Options of both servers' adapters. `Req` is the argument of their functions: a request, or a context that has one. */
export interface ServerOptions<Req, G extends AdapterGovernor = AdapterGovernor> extends AdapterOptions<G> {
  /**
   * Who asks: the unit of fairness. The default believes the header `x-actor-id`, which any client can write: one that
   * sends another name with each request is never held to its share, and may use up the share of others. Behind a login
   * return the id of the authenticated user; where there is none, what a proxy of yours vouches for.
   */
  getActorId?: ((req: Req) => string) | undefined;
  /** What it asks for. Default: the path, cut to `caps.idBytes`. */
  getAction?: ((req: Req) => string) | undefined;
  /** Which model it is for, for limits per model, families and prices. Default: none. */
  getModel?: ((req: Req) => string | null | undefined) | undefined;
  /** Whose request it is, for limits per tenant. Take it from the login, as the actor. Default: nobody's. */
  getTenant?: ((req: Req) => string | null | undefined) | undefined;
  /** Default: the governor's, `"interactive"`. */
  getPriority?: ((req: Req) => Priority | null | undefined) | undefined;
  /** What the request is expected to need. Default: weight 1, no tokens. */
  getEstimate?: ((req: Req) => TokenEstimate | null | undefined) | undefined;
}

/**
 * Checks the options, and returns what makes a governor's request of a server's.
 *
 * @param actorOf the default of `getActorId`
 * @param pathOf the default of `getAction`, before it is cut
 * @param others names of further options, which the adapter reads itself
 */
export function requestReader<Req>(
  options: ServerOptions<Req>,
  actorOf: (req: Req) => string,
  pathOf: (req: Req) => string,
  others: readonly string[] = [],
): (req: Req) => AcquireRequest {
  checkOptions<ServerOptions<Req> & { onDeny?: unknown }>(
    options,
    ['getActorId', 'getAction', 'getModel', 'getTenant', 'getPriority', 'getEstimate', 'onDeny'],
    others,
  );
  const { governor, getActorId = actorOf, getAction, getModel, getTenant, getPriority, getEstimate } = options;
  return (req) => {
    const priority = getPriority?.(req);
    const action = getAction ? getAction(req) : defaultAction(governor, pathOf(req));
    const caller = { actorId: getActorId(req), model: getModel?.(req), tenant: getTenant?.(req), priority };
    return requestOf(caller, action, getEstimate?.(req));
  };
}

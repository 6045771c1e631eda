/** A governor as the scheduler of a simulation. */
import type { AcquireDecision, AcquireRequest, GovernorLike, ReleaseReport, Wait } from '../../core/types.ts';
import type { Answer, CallEnd, Scheduler, SimulatedCall } from './types.ts';

/** What is used of a governor: all that `createGovernor` returns has it. */
export interface QueueingGovernor extends GovernorLike {
  /** Asks for a lease and waits for it. */
  acquireAsync(request: AcquireRequest, wait?: Wait | null): Promise<AcquireDecision>;
  /** Ends it, when the simulation is over. */
  close?(): void;
}

/** What providers answer with when they take nothing more. */
const REFUSED = 429;

/** What a caller reports of a call: all that the server said. */
function reportOf({ outcome, retryAfterMs, outputTokens }: CallEnd): ReleaseReport {
  const usage = outputTokens === undefined ? {} : { usage: { outputTokens } };
  return outcome === 'refused' ? { outcome: 'error', status: REFUSED, retryAfterMs, ...usage } : { outcome, ...usage };
}

function requestOf({ actor, weight, tokens }: SimulatedCall): AcquireRequest {
  return {
    actorId: actor.id,
    action: 'simulated',
    priority: actor.priority ?? 'interactive',
    estimate: { weight, promptTokens: tokens },
  };
}

/**
 * Lets calls through as the governor says. An actor that waits does so in `acquireAsync`, with its deadline; one that has a
 * `whenDenied` asks with `acquire`.
 *
 * @param governor made with the clock of the simulation
 */
export function governed(governor: QueueingGovernor): Scheduler {
  const leases = new Map<SimulatedCall, string>();
  let closed = false;
  const take = (call: SimulatedCall, decision: AcquireDecision): Answer => {
    if (!decision.granted)
      return { granted: false, retryAfterMs: decision.retryAt === null ? null : decision.retryAfterMs };
    leases.set(call, decision.leaseId);
    return { granted: true };
  };
  return {
    ask(call, answer) {
      const request = requestOf(call);
      if (call.actor.whenDenied !== undefined) return answer(take(call, governor.acquire(request)));
      return governor.acquireAsync(request, { deadline: call.deadline }).then(
        (decision) => answer(take(call, decision)),
        (error: unknown) => {
          if (!closed) throw error;
        },
      );
    },
    end(call, end: CallEnd) {
      const lease = leases.get(call);
      leases.delete(call);
      if (lease !== undefined) governor.release(lease, reportOf(end));
    },
    close() {
      closed = true;
      governor.close?.();
    },
  };
}

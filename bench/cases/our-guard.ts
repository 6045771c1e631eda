/** The governor behind the same interface as the compared libraries. */
import { createGovernor, withLease, type Governor } from 'throttleai';
import type { Guard, Library, Limits } from '../libraries/index.ts';

/** Limited by what the library limits, and by nothing else. */
export function governorLike(library: Library, { concurrency, perWindow, windowMs }: Limits): Governor {
  return createGovernor({
    ...(library.limits.concurrency && { concurrency: { maxInFlight: concurrency } }),
    ...(library.limits.rate && { rate: { requestsPerMinute: perWindow, windowMs } }),
  });
}

/** Waits by itself where there is no room: what `withLease` with `wait` is for. */
export function ourGuard(governor: Governor): Required<Guard> {
  let leaseId = '';
  return {
    call: async (work) => {
      const answer = await withLease(governor, { actorId: 'actor-0', action: 'chat' }, work, { strategy: 'wait' });
      if (!answer.granted) throw new Error(answer.decision.recommendation);
      return answer.result;
    },
    take: () => {
      const decision = governor.acquire({ actorId: 'actor-0', action: 'chat' });
      if (decision.granted) leaseId = decision.leaseId;
      return decision.granted;
    },
    takeAsync: async () => {
      const decision = await governor.acquireAsync({ actorId: 'actor-0', action: 'chat' }, { timeoutMs: 0 });
      if (!decision.granted) throw new Error(decision.recommendation);
      leaseId = decision.leaseId;
    },
    giveBack: () => governor.release(leaseId),
    close: () => governor.close(),
  };
}

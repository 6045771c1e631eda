/** What the reference schedulers share: slots, and a policy that says whose turn it is. */
import type { Scheduler, SimulatedCall } from 'throttleai/testing';
import { Line } from '../../js/testing/simulator/line.ts';

/** Orders the calls that wait. */
export interface Policy {
  /** A call begins to wait. */
  add(call: SimulatedCall): void;
  /** Whose turn it is; `undefined` while nobody waits. Asked again until what it names fits. */
  next(): SimulatedCall | undefined;
  /** The call that `next` named last has been let through. */
  took(call: SimulatedCall): void;
  /** A call that was let through is over. */
  ended?(call: SimulatedCall): void;
}

/** Lets calls through in the order of a policy, up to a weight. Nothing overtakes a call that does not fit yet. */
export function pool(slots: number, policy: Policy): Scheduler {
  const answers = new Map<SimulatedCall, (answer: { granted: true }) => void>();
  let free = slots;
  let busy = false;
  const pump = (): void => {
    // Whoever is let through may ask for the next call at once.
    if (busy) return;
    busy = true;
    for (let call = policy.next(); call !== undefined && call.weight <= free; call = policy.next()) {
      policy.took(call);
      free -= call.weight;
      const answer = answers.get(call)!;
      answers.delete(call);
      answer({ granted: true });
    }
    busy = false;
  };
  return {
    ask(call, answer) {
      answers.set(call, answer);
      policy.add(call);
      pump();
    },
    end(call) {
      free += call.weight;
      policy.ended?.(call);
      pump();
    },
  };
}

/** The lines of actors, by id. */
export class Lines {
  readonly #lines = new Map<string, Line<SimulatedCall>>();

  of(id: string): Line<SimulatedCall> {
    let line = this.#lines.get(id);
    if (line === undefined) this.#lines.set(id, (line = new Line()));
    return line;
  }

  /** The first call of the actor for whom `value` is least, among those who wait; among equals the one who asked first. */
  least(value: (id: string) => number): SimulatedCall | undefined {
    let best: { call: SimulatedCall; value: number } | undefined;
    for (const [id, { first: call }] of this.#lines) {
      if (call === undefined) continue;
      const its = value(id);
      if (best === undefined || its < best.value || (its === best.value && call.askedAt < best.call.askedAt))
        best = { call, value: its };
    }
    return best?.call;
  }
}

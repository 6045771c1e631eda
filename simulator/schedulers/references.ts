/** Schedulers as they were published, to compare with and to check the simulator by. */
import type { Scheduler, SimulatedCall } from 'throttleai/testing';
import { Line } from '../../js/testing/simulator/line.ts';
import type { Setup } from './contender.ts';
import { Lines, pool } from './pool.ts';

type Terms = Pick<Setup, 'slots' | 'share'>;

/** In order of arrival, whoever asks. */
export function fifo({ slots }: Terms): Scheduler {
  const line = new Line<SimulatedCall>();
  return pool(slots, { add: (call) => line.push(call), next: () => line.first, took: () => void line.shift() });
}

/** The actor with the fewest calls in flight for its share goes first, whatever they weigh. */
export function leastInFlight({ slots, share }: Terms): Scheduler {
  const lines = new Lines();
  const flying = new Map<string, number>();
  const count = (id: string, by: number): void => void flying.set(id, (flying.get(id) ?? 0) + by);
  return pool(slots, {
    add: (call) => lines.of(call.actor.id).push(call),
    next: () => lines.least((id) => (flying.get(id) ?? 0) / share(id)),
    took({ actor }) {
      lines.of(actor.id).shift();
      count(actor.id, 1);
    },
    ended: ({ actor }) => count(actor.id, -1),
  });
}

/**
 * Deficit round robin: actors take turns; at each, an actor may send what its share adds to its deficit. An actor that has
 * nothing to send loses its deficit. Source: Shreedhar and Varghese, "Efficient Fair Queuing Using Deficit Round-Robin", 1996.
 */
export function deficitRoundRobin({ slots, share }: Terms): Scheduler {
  const lines = new Lines();
  const deficits = new Map<string, number>();
  /** Those who wait, the one whose turn it is first. */
  let active: string[] = [];
  /** The first of `active` has had the quantum of this turn. */
  let visited = false;
  const leave = (): void => {
    active = active.slice(1);
    visited = false;
  };
  return pool(slots, {
    add(call) {
      const { id } = call.actor;
      lines.of(id).push(call);
      if (active.includes(id)) return;
      active.push(id);
      deficits.set(id, 0);
    },
    next() {
      for (let id = active[0]; id !== undefined; id = active[0]) {
        if (!visited) deficits.set(id, deficits.get(id)! + share(id));
        visited = true;
        const call = lines.of(id).first!;
        if (call.weight <= deficits.get(id)!) return call;
        leave();
        active.push(id);
      }
      return undefined;
    },
    took(call) {
      const { id } = call.actor;
      lines.of(id).shift();
      deficits.set(id, deficits.get(id)! - call.weight);
      if (lines.of(id).first === undefined) leave();
    },
  });
}

/**
 * Whoever has consumed least for its share goes first, where consumption is known in advance: weight times duration. An actor
 * that comes back continues no lower than the least of those who are there. The best that can be done without taking calls
 * back. Source: start-time fair queueing, Goyal, Vin, Cheng 1996; as counters: Sheng et al., "Fairness in Serving Large
 * Language Models", 2024.
 */
export function virtualCounters({ slots, share }: Terms): Scheduler {
  const lines = new Lines();
  const counters = new Map<string, number>();
  const present = new Map<string, number>();
  const counterOf = (id: string): number => counters.get(id) ?? 0;
  const count = (id: string, by: number): void => void present.set(id, (present.get(id) ?? 0) + by);
  const enter = (id: string): void => {
    if ((present.get(id) ?? 0) > 0) return;
    const others = [...present].filter(([, calls]) => calls > 0).map(([other]) => counterOf(other));
    if (others.length > 0) counters.set(id, Math.max(counterOf(id), Math.min(...others)));
  };
  return pool(slots, {
    add(call) {
      const { id } = call.actor;
      enter(id);
      count(id, 1);
      lines.of(id).push(call);
    },
    next: () => lines.least(counterOf),
    took(call) {
      const { id } = call.actor;
      lines.of(id).shift();
      counters.set(id, counterOf(id) + (call.weight * call.serviceMs) / share(id));
    },
    ended: (call) => count(call.actor.id, -1),
  });
}

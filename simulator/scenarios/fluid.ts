/** The max-min fair division while actors come and go: work as a fluid, divided anew at every instant. */
import { maxMinFair } from 'throttleai/testing';

/** Keeps calls outstanding while it is on; what is left then is worked off. */
export interface Plan {
  readonly calls: number;
  readonly startMs: number;
}

export interface Fluid {
  readonly slots: number;
  /** Mean duration of a call in ms. */
  readonly serviceMs: number;
  readonly onMs: number;
  readonly offMs: number;
  /** Only what flows in between counts. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly plans: readonly Plan[];
}

const STEP_MS = 20;

/** What each would receive, in slots times ms. */
export function comingAndGoing({ slots, serviceMs, onMs, offMs, fromMs, toMs, plans }: Fluid): number[] {
  const backlog = plans.map(() => 0);
  const received = plans.map(() => 0);
  for (let now = 0; now < toMs; now += STEP_MS) {
    plans.forEach(({ calls, startMs }, index) => {
      if (now >= startMs && (now - startMs) % (onMs + offMs) < onMs) backlog[index] = calls * serviceMs;
    });
    const parts = maxMinFair(
      slots,
      // A call is one slot, however little of it is left.
      backlog.map((work) => ({ demand: Math.min(Math.ceil(work / serviceMs), work / STEP_MS), share: 1 })),
    );
    parts.forEach((part, index) => {
      backlog[index] = backlog[index]! - part * STEP_MS;
      if (now >= fromMs) received[index] = received[index]! + part * STEP_MS;
    });
  }
  return received;
}

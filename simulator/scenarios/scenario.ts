/** What a scenario is: who asks, what works, what is enforced, and what would be right. */
import type { GovernorConfig } from 'throttleai';
import type { Simulation, SimulationResult } from 'throttleai/testing';
import type { Contender } from '../schedulers/contender.ts';

/** What may be varied. */
export interface Terms {
  readonly slots: number;
  /** Mean duration of a call in ms. */
  readonly serviceMs: number;
}

/** A scenario on its terms. */
export interface Setting {
  readonly simulation: Omit<Simulation, 'seed' | 'scheduler'>;
  /** What the governor is given beside the slots. */
  readonly config: GovernorConfig;
  readonly share: (actorId: string) => number;
  /** Whose waits are shown. */
  readonly watched: (actorId: string) => boolean;
  /** What each actor would have received, in weight times ms; missing where nobody is judged by it. */
  readonly ideal?: (result: SimulationResult) => number[];
  /** The shortest time in which all could be done, in ms; missing where calls do not end. */
  readonly idealMs?: number;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly terms: Terms;
  readonly set: (terms: Terms) => Setting;
  readonly contenders: readonly Contender[];
}

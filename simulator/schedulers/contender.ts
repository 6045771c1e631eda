/** What a scenario can be played with. */
import type { GovernorConfig } from 'throttleai';
import type { Scheduler, Surroundings, WhenDenied } from 'throttleai/testing';

/** What a scenario says of the scheduler. */
export interface Setup {
  readonly slots: number;
  /** The part of an actor. */
  readonly share: (actorId: string) => number;
  /** What the governor is given beside the slots. */
  readonly config: GovernorConfig;
}

export type MakeScheduler = (surroundings: Surroundings, setup: Setup) => Scheduler;

/** A kind of scheduler. */
export interface Contender {
  readonly name: string;
  /** What those do that it refuses. Left out: they wait in its queue. */
  readonly whenDenied?: WhenDenied;
  /** Loads what it needs. */
  readonly load: () => Promise<MakeScheduler>;
}

/** Everything that a scenario of adaptation is played with. */
import { createGovernor } from 'throttleai';
import { governed, type Scheduler, type Surroundings } from 'throttleai/testing';
import { controlled, type Controller } from '../controllers/controller.ts';
import { KNOWN } from '../controllers/index.ts';
import type { CreateGovernor } from '../native.ts';

/** A client of the provider. */
export interface Client {
  readonly scheduler: Scheduler;
  /** The limit in force, in calls. */
  readonly limit: () => number;
}

export interface Contender {
  readonly name: string;
  /** Makes a client that may have so many calls in flight. */
  readonly client: (surroundings: Surroundings, ceiling: number) => Client;
}

/** Calls in flight that the known controllers begin with. The governor begins with the ceiling, by its contract. */
const START = 20;
/** Longer than any simulated call, so that no lease expires. */
const LEASE_TTL_MS = 3_600_000;

/** The governor that a factory makes: of the package, or of the build for tests. */
export const governorOf = (create: CreateGovernor): Contender => ({
  name: 'throttleai',
  client({ clock }, ceiling) {
    const config = { concurrency: { maxInFlight: ceiling }, adaptive: true, leaseTtlMs: LEASE_TTL_MS, seed: 1, clock };
    const governor = create(config);
    return { scheduler: governed(governor), limit: () => governor.concurrencyEffectiveMax };
  },
});

export const GOVERNOR: Contender = governorOf(createGovernor);

export function clientOf(controller: Controller, surroundings: Surroundings): Client {
  return { scheduler: controlled(controller, surroundings), limit: () => controller.limit() };
}

export const OTHERS: readonly Contender[] = Object.entries(KNOWN).map(([name, make]) => ({
  name,
  client: (surroundings, ceiling) =>
    clientOf(make({ start: Math.min(START, ceiling), ceiling, random: surroundings.random(name) }), surroundings),
}));

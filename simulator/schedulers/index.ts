/** Everything that a scenario can be played with. */
import { createGovernor, type GovernorConfig } from 'throttleai';
import { backOff, governed, type QueueingGovernor } from 'throttleai/testing';
import { BACKOFF_MAX_MS, BACKOFF_START_MS } from '../../js/core/waiting.ts';
import type { Contender, MakeScheduler } from './contender.ts';
import { deficitRoundRobin, fifo, leastInFlight, virtualCounters } from './references.ts';

export { LIBRARIES, THROTTLE } from './libraries.ts';

/** Longer than any simulated call, so that no lease expires. */
const LEASE_TTL_MS = 3_600_000;

const contender = (name: string, make: MakeScheduler): Contender => ({ name, load: () => Promise.resolve(make) });

/** The governor that a factory makes: of the package, or of the build for tests. */
export const governorOf = (create: (config: GovernorConfig) => QueueingGovernor): Contender =>
  contender('throttleai', ({ clock }, { slots, share, config }) => {
    const own = { concurrency: { maxInFlight: slots }, leaseTtlMs: LEASE_TTL_MS, seed: 1, clock, ...config };
    return governed(create(config.fairness === undefined ? own : { ...own, shares: share }));
  });

export const GOVERNOR: Contender = governorOf(createGovernor);

/** The same limits without the queue: who is refused asks again, as helpers do with a governor that is not of this package. */
export const POLLING: Contender = {
  ...GOVERNOR,
  name: 'polling',
  whenDenied: backOff(BACKOFF_START_MS, BACKOFF_MAX_MS),
};

export const FIFO: Contender = contender('fifo', (_, setup) => fifo(setup));
/** The best that can be done without taking calls back. */
export const VIRTUAL_COUNTERS: Contender = contender('virtual counters', (_, setup) => virtualCounters(setup));

export const REFERENCES: readonly Contender[] = [
  FIFO,
  contender('drr', (_, setup) => deficitRoundRobin(setup)),
  contender('least in flight', (_, setup) => leastInFlight(setup)),
  VIRTUAL_COUNTERS,
];

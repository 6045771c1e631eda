/** Who looks for a hidden limit. */
import { createGovernor, type GovernorConfig } from 'throttleai';
import { governed, type Scheduler, type Surroundings } from 'throttleai/testing';
import { OTHERS } from '../adaptation/contenders.ts';
import type { CreateGovernor } from '../native.ts';
import type { HiddenLimit } from './provider.ts';

/** What the limit is taken to hold. */
export interface Estimate {
  readonly limit: number;
  readonly bounds: readonly [low: number, high: number];
}

export interface Client {
  readonly scheduler: Scheduler;
  /** Left out by who does not say. */
  readonly estimate?: () => Estimate | undefined;
}

export interface Contender {
  readonly name: string;
  readonly client: (surroundings: Surroundings, hidden: HiddenLimit) => Client;
}

/** Calls in flight at most, whoever decides: above what is needed. */
const CEILING = 512;
/** Longer than any simulated call, so that no lease expires. */
const LEASE_TTL_MS = 3_600_000;

type Configured = Pick<GovernorConfig, 'limits' | 'adaptive'>;
const limited = ({ metric }: HiddenLimit): Configured => ({ limits: [{ metric, window: '1m', hidden: true }] });

const governor = (
  name: string,
  configured: (hidden: HiddenLimit) => Configured,
  create: CreateGovernor = createGovernor,
): Contender => ({
  name,
  client({ clock }, hidden) {
    const concurrency = { maxInFlight: CEILING };
    const made = create({ concurrency, leaseTtlMs: LEASE_TTL_MS, seed: 1, clock, ...configured(hidden) });
    return {
      scheduler: governed(made),
      estimate() {
        const { limit, bounds } = made.snapshot().limits?.[0] ?? {};
        return limit === undefined || bounds === undefined ? undefined : { limit, bounds };
      },
    };
  },
});

/** The governor with the hidden limit and nothing else. */
export const hiddenOf = (create: CreateGovernor): Contender => governor('hidden', limited, create);
export const HIDDEN: Contender = hiddenOf(createGovernor);

const KNOWN = ['AIMD', 'Gradient2', 'cubic rate', 'fixed'];

/** Those that are compared with it; the first one is told the limit. */
export const BESIDE: readonly Contender[] = [
  governor('told', ({ metric, perMinute }) => ({ limits: [{ metric, limit: perMinute, window: '1m' }] })),
  governor('hidden, adaptive', (hidden) => ({ ...limited(hidden), adaptive: true })),
  governor('adaptive', () => ({ adaptive: true })),
  ...OTHERS.filter(({ name }) => KNOWN.includes(name)).map(({ name, client }) => ({
    name,
    client: (surroundings: Surroundings) => ({ scheduler: client(surroundings, CEILING).scheduler }),
  })),
];

/** What `queue.ageingMs` does: whoever is passed waits longer the later it ends, whoever passes waits longer the sooner. */
import { createGovernor, type GovernorConfig } from 'throttleai';
import {
  closedLoop,
  exponential,
  governed,
  poisson,
  quantile,
  simulate,
  unlimitedServer,
  type SimulatedActor,
} from 'throttleai/testing';
import type { Measured } from '../measured.ts';

const AGEINGS_MS = [0, 1000, 2000, 5000, 10_000, 20_000, 60_000];
const SEEDS = [7001, 7002, 7003, 7004, 7005];
const SLOTS = 10;
const OTHERS = 9;
const WARM_UP_MS = 30_000;
const END_MS = 630_000;
const TTL_MS = 3_600_000;

/** One who is passed, and others who pass it. */
interface Crowd {
  readonly name: string;
  readonly passed: Partial<SimulatedActor>;
  /** Of the others, in parts of the capacity. */
  readonly load: number;
  readonly config: GovernorConfig;
}

const CROWDS: readonly Crowd[] = [
  { name: 'background', passed: { priority: 'background', arrivals: closedLoop(5) }, load: 0.95, config: {} },
  {
    // As much as all slots: it needs all of them at once.
    name: 'heavy',
    passed: { weight: SLOTS, arrivals: poisson(0.1) },
    load: 0.8,
    config: { fairness: true },
  },
];

interface Waits {
  readonly passed: number;
  readonly longest: number;
  readonly others: number;
}

async function play({ passed, load, config }: Crowd, ageingMs: number, seed: number): Promise<Waits> {
  const service = exponential(1000);
  const { actors } = await simulate({
    seed,
    durationMs: END_MS,
    warmUpMs: WARM_UP_MS,
    server: unlimitedServer,
    actors: [
      { id: 'passed', service, arrivals: closedLoop(1), ...passed },
      ...Array.from({ length: OTHERS }, (_, n) => ({
        id: `other-${n}`,
        arrivals: poisson((load * SLOTS) / OTHERS),
        service,
      })),
    ],
    scheduler: ({ clock }) => {
      const own = { clock, seed: 1, leaseTtlMs: TTL_MS, concurrency: { maxInFlight: SLOTS }, queue: { ageingMs } };
      return governed(createGovernor({ ...own, ...config }));
    },
  });
  const [first, ...rest] = actors;
  const waits = rest.flatMap(({ waitsMs }) => waitsMs).sort((a, b) => a - b);
  return {
    passed: quantile(first!.waitsMs, 0.95),
    longest: first!.waitsMs.at(-1) ?? NaN,
    others: quantile(waits, 0.95),
  };
}

const median = (runs: readonly Waits[], wait: keyof Waits): string => {
  const sorted = runs.map((run) => run[wait]).sort((a, b) => a - b);
  return (quantile(sorted, 0.5) / 1000).toFixed(1);
};

export const AGEING: Measured = {
  name: 'A1',
  time: 'virtual',
  about:
    `ageing: background work beside interactive calls that take 0.95 of the capacity, and calls that need every slot ` +
    `beside those of others that take 0.8; 95th percentiles in s`,
  heads: ['ageing s', 'background', 'longest', 'interactive', 'every slot', 'longest', 'others'],
  async *rows() {
    for (const ageingMs of AGEINGS_MS) {
      const cells: string[] = [];
      for (const crowd of CROWDS) {
        const runs: Waits[] = [];
        for (const seed of SEEDS) runs.push(await play(crowd, ageingMs, seed));
        cells.push(median(runs, 'passed'), median(runs, 'longest'), median(runs, 'others'));
      }
      yield [`${ageingMs / 1000}`, ...cells];
    }
    return [];
  },
};

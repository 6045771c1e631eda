/**
 * What things cost in memory, on both sides of the boundary. Each case is measured in processes of its own: linear memory
 * never shrinks, so its growth is a high-water mark that includes what doubling a table leaves behind.
 */
import type { Governor } from 'throttleai';
import { configFor, FEW, hold } from '../cases/governor.ts';
import type { Maker, Makers } from '../governors.ts';

/** Makes more until there are at least `total` of the thing that is measured. @returns how many there are */
export type Grow = (total: number) => number;

export interface MemoryCase {
  readonly name: string;
  readonly what: string;
  /** How many are made. */
  readonly count: number;
  /** How many there are already when measuring starts. */
  readonly start: number;
  readonly prepare: (makers: Makers, count: number) => Grow | Promise<Grow>;
  /** Bytes each, at most. Cases without one are there for comparison. */
  readonly budget?: number;
}

const LEASES = 200_000;
const ACTORS = 200_000;
const GOVERNORS = 200;
/** Of one governor: as many as its window keeps before it merges neighbours, and as many as its first table holds. */
const ENTRIES = 1024;
const ENTRIES_AT_START = 32;

export const MEMORY_CASES: readonly MemoryCase[] = [
  {
    name: 'memory-lease',
    what: 'a lease that is held',
    count: LEASES,
    start: 0,
    prepare: ({ subject }, count) => leases(subject, count),
    budget: 200,
  },
  {
    name: 'memory-lease/yardstick',
    what: 'the same in the yardstick',
    count: LEASES,
    start: 0,
    prepare: ({ baseline }, count) => leases(baseline, count),
  },
  {
    name: 'memory-actor',
    what: 'an actor that is remembered and holds nothing, with its id of 12 characters',
    count: ACTORS,
    start: 0,
    prepare: (_makers, count) => actors(count),
  },
  {
    name: 'memory-entry',
    what: `one of ${ENTRIES} entries of a window`,
    count: GOVERNORS * ENTRIES,
    start: GOVERNORS * ENTRIES_AT_START,
    prepare: () => entries(),
  },
];

function leases(make: Maker, count: number): Grow {
  const governor = make(configFor(count));
  const actors = Array.from({ length: FEW }, (_, index) => `actor-${index}`);
  let held = 0;
  return (total) => {
    hold(governor, actors, total - held);
    held = total;
    return held;
  };
}

/** Each comes once and leaves again. */
async function actors(count: number): Promise<Grow> {
  const { createGovernor } = await import('throttleai');
  const governor = createGovernor({ concurrency: { maxInFlight: FEW }, fairness: true, caps: { actors: count } });
  let seen = 0;
  return (total) => {
    for (; seen < total; seen++) pass(governor, `actor-${String(seen).padStart(6, '0')}`);
    const { actors } = governor.snapshot();
    if (actors !== seen) throw new Error(`${actors} actors are remembered, not ${seen}`);
    return seen;
  };
}

/** Many governors with one window each, because a window has a bounded number of entries. */
async function entries(): Promise<Grow> {
  const { createGovernor } = await import('throttleai');
  const time = { ms: 1_000_000 };
  const config = { rate: { requestsPerMinute: ENTRIES }, clock: () => time.ms };
  const governors = Array.from({ length: GOVERNORS }, () => createGovernor(config));
  let made = 0;
  return (total) => {
    for (; made < total; made += GOVERNORS) {
      time.ms += 1;
      for (const governor of governors) pass(governor, 'actor-0');
    }
    const counted = governors.reduce((sum, governor) => sum + governor.rateCount, 0);
    if (counted !== made) throw new Error(`${counted} requests are counted, not ${made}`);
    return made;
  };
}

/** One call, there and gone. */
function pass(governor: Governor, actorId: string): void {
  const decision = governor.acquire({ actorId, action: 'chat' });
  if (!decision.granted) throw new Error(decision.recommendation);
  governor.release(decision.leaseId);
}

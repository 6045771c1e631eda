/**
 * The governor's own cases: a pair against the yardstick, growth, refusals. Every operation passes fresh objects, as
 * callers do; ids are strings made once. Windows slide while they are measured.
 */
import type { BaselineConfig, BaselineRequest } from '../yardstick/baseline.ts';
import type { GovernorUnderTest, Maker } from '../governors.ts';
import { loop, type Batch, type Candidates } from '../harness.ts';
import { generator, shuffled } from '../statistics.ts';
import type { Case } from './case.ts';

const HELD = 100_000;
const COUNTED = 1_000_000;
const ACTORS = 100_000;
export const FEW = 10;
const HOUR_MS = 3_600_000;
const WINDOW_MS = 60_000;
/** Far above what a benchmark reaches, so that only the case's own limit refuses. */
export const AMPLE = 2 ** 40;
/** Enough slots that a second lease is within the actor's share. */
const ROOM = { concurrency: { maxInFlight: 4, interactiveReserve: 1 } };

/** One lease takes everything. */
export const SLOTS_TAKEN: Partial<BaselineConfig> = { concurrency: { maxInFlight: 1 } };

export const GOVERNOR_CASES: readonly Case[] = [
  {
    name: 'pair',
    compares: 'acquire + release: governor / yardstick',
    candidates: ({ subject, baseline }) => ({
      subject: () => pair(subject, 1, 0),
      reference: () => pair(baseline, 1, 0),
    }),
    budget: 1.1,
  },
  ...growth('leases', `pair: ${HELD.toLocaleString('en')} leases held / 1`, (make, grown) =>
    pair(make, 1, grown ? HELD : 1),
  ),
  ...growth('entries', `pair: ${COUNTED.toLocaleString('en')} requests counted / ${FEW}`, (make, grown) =>
    counted(make, grown ? COUNTED : FEW),
  ),
  ...growth('actors', `pair: ${ACTORS.toLocaleString('en')} actors / ${FEW}`, (make, grown) => {
    const actors = grown ? ACTORS : FEW;
    return pair(make, actors, actors);
  }),
  ...growth(
    'visitor',
    `pair of an actor that holds nothing else: ${ACTORS.toLocaleString('en')} actors present / ${FEW}`,
    (make, grown) => visitor(make, grown ? ACTORS : FEW),
  ),
  ...refusal('slots', 'concurrency', SLOTS_TAKEN),
  ...refusal('requests', 'rate', {
    ...ROOM,
    rate: { requestsPerMinute: 1, tokensPerMinute: AMPLE, windowMs: HOUR_MS },
  }),
  ...refusal('tokens', 'rate', {
    ...ROOM,
    rate: { requestsPerMinute: AMPLE, tokensPerMinute: 300, windowMs: HOUR_MS },
  }),
  ...refusal('share', 'policy', { concurrency: { maxInFlight: 2 } }),
];

/** The governor against itself with much in it, and the same for the yardstick, without a budget. */
function growth(name: string, compares: string, batch: (make: Maker, grown: boolean) => Batch): Case[] {
  const against = (make: Maker): Candidates => ({
    subject: () => batch(make, true),
    reference: () => batch(make, false),
  });
  return [
    { name, compares, candidates: ({ subject }) => against(subject), budget: 2 },
    { name: `${name}/yardstick`, compares: `yardstick, ${compares}`, candidates: ({ baseline }) => against(baseline) },
  ];
}

/** A refusal against an acquire + release pair of the same governor. */
function refusal(by: string, reason: string, config: Partial<BaselineConfig>): Case[] {
  const compares = `refusal by ${by} / pair`;
  const against = (make: Maker): Candidates => ({
    subject: () => refused(make, reason, config),
    reference: () => pair(make, 1, 0),
  });
  return [
    { name: `refusal-${by}`, compares, candidates: ({ subject }) => against(subject), budget: 0.5 },
    {
      name: `refusal-${by}/yardstick`,
      compares: `yardstick, ${compares}`,
      candidates: ({ baseline }) => against(baseline),
    },
  ];
}

/** So many slots that the pair of each case is above half the load: from there on fairness looks at every call. */
export function configFor(held: number): BaselineConfig {
  return {
    concurrency: { maxInFlight: Math.max(2, held + Math.max(3, held / 2)), interactiveReserve: 1 },
    rate: { requestsPerMinute: AMPLE, tokensPerMinute: AMPLE, windowMs: 1000 },
    fairness: true,
    leaseTtlMs: HOUR_MS,
  };
}

const PAIR = `
  const decision = governor.acquire({ actorId, action: 'chat', estimate: { promptTokens: 100, maxOutputTokens: 200 } });
  if (!decision.granted) throw new Error(decision.recommendation);
  governor.release(decision.leaseId, { outcome: 'success', latencyMs: 800, usage: { promptTokens: 90, outputTokens: 120 } });`;

/** @param held leases held throughout, dealt to the actors in turn */
export function pair(make: Maker, actors: number, held: number): Batch {
  const governor = make(configFor(held));
  const ids = actorIds(actors);
  // The callers' strings are read in order, as if they had just arrived; the governor's state of each actor lies anywhere.
  hold(governor, shuffled(actors === 1 ? actorIds(FEW) : ids, generator(actors)), held);
  if (actors === 1) return loop(PAIR, ['governor', 'actorId'], [governor, ids[0]]);
  const body = `const actorId = ids[next]; next = next + 1 === ids.length ? 0 : next + 1; ${PAIR}`;
  return loop(body, ['governor', 'ids', 'next'], [governor, ids, 0]);
}

/** One actor comes and goes while the others stay: its state is made and dropped each time. */
function visitor(make: Maker, present: number): Batch {
  const governor = make(configFor(present));
  hold(governor, actorIds(present), present);
  return loop(PAIR, ['governor', 'actorId'], [governor, 'visitor']);
}

/** Each pair moves the clock so far that one request leaves the window as one comes: the count stays what it is. */
function counted(make: Maker, requests: number): Batch {
  const time = { ms: 1_000_000 };
  const step = WINDOW_MS / requests;
  const rate = { requestsPerMinute: AMPLE, tokensPerMinute: AMPLE, windowMs: WINDOW_MS };
  const governor = make({ ...configFor(0), rate, clock: () => time.ms });
  const body = `time.ms += step; ${PAIR}`;
  const batch = loop(body, ['governor', 'actorId', 'time', 'step'], [governor, actorIds(1)[0], time, step]);
  batch(requests);
  return batch;
}

export function refused(make: Maker, reason: string, config: Partial<BaselineConfig>): Batch {
  const governor = make({ ...configFor(0), ...config });
  const actorId = actorIds(1)[0] as string;
  hold(governor, [actorId], 1);
  // A second actor takes the slot where slots are to run out; the refused one must not be refused for its share.
  const asking = reason === 'concurrency' ? 'actor-asking' : actorId;
  const body = `
    const decision = governor.acquire({ actorId, action: 'chat', estimate: { promptTokens: 100, maxOutputTokens: 200 } });
    if (decision.granted || decision.reason !== reason) throw new Error('expected a refusal by ' + reason + ', got ' + JSON.stringify(decision));`;
  return loop(body, ['governor', 'actorId', 'reason'], [governor, asking, reason]);
}

function actorIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `actor-${index}`);
}

export function hold(governor: GovernorUnderTest, actors: readonly string[], leases: number): void {
  for (let index = 0; index < leases; index++) {
    const request: BaselineRequest = {
      actorId: actors[index % actors.length] as string,
      action: 'chat',
      estimate: { promptTokens: 100, maxOutputTokens: 200 },
    };
    const decision = governor.acquire(request);
    if (!decision.granted) throw new Error(`could not hold ${leases} leases: ${decision.recommendation}`);
  }
}

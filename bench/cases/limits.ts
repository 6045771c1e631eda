/** Limits of the user's own: many at once against one, and counts by key when a million keys have been seen. */
import type { Governor, GovernorConfig, Limit } from 'throttleai';
import { loop, type Batch, type Candidates } from '../harness.ts';
import type { Case } from './case.ts';
import { AMPLE, FEW } from './governor.ts';

const SEEN = 1_000_000;
const LIVE = 100_000;

type Make = (config: GovernorConfig) => Governor;

const limit = (metric: string, more: Partial<Limit> = {}): Limit => ({ metric, limit: AMPLE, window: '1s', ...more });
const ONE = [limit('tokens')];
const FIVE = [...ONE, limit('requests'), limit('inputTokens'), limit('outputTokens'), limit('pages')];

const PAIR = `
  const estimate = { promptTokens: 100, maxOutputTokens: 200, metrics: { pages: 1 } };
  const decision = governor.acquire({ actorId, action: 'chat', estimate });
  if (!decision.granted) throw new Error(decision.recommendation);
  governor.release(decision.leaseId, { usage: { promptTokens: 90, outputTokens: 120, metrics: { pages: 2 } } });`;

export const LIMIT_CASES: readonly Case[] = [
  against('limits', 'pair: five limits / one', (make) => ({
    subject: () => pair(make({ limits: FIVE })),
    reference: () => pair(make({ limits: ONE })),
  })),
  against('limits-by-actor', 'pair: five limits by actor / one', (make) => ({
    subject: () => pair(make({ limits: FIVE.map((each) => ({ ...each, per: 'actor' })) })),
    reference: () => pair(make({ limits: [{ ...ONE[0]!, per: 'actor' }] })),
  })),
  against(
    'keys',
    `pair: ${SEEN.toLocaleString('en')} keys seen, ${LIVE.toLocaleString('en')} live / ${FEW}`,
    (make) => ({
      subject: () => keyed(make, SEEN),
      reference: () => keyed(make, FEW),
    }),
  ),
];

function against(name: string, compares: string, candidates: (make: Make) => Candidates): Case {
  const load = async (): Promise<Candidates> => candidates((await import('throttleai')).createGovernor);
  return { name, compares, candidates: load, budget: 2 };
}

function pair(governor: Governor): Batch {
  return loop(PAIR, ['governor', 'actorId'], [governor, 'actor-0']);
}

/** Keys of the actors take turns: those that have a count of their own. */
function keyed(make: Make, seen: number): Batch {
  const governor = make({ limits: [limit('tokens', { window: '1h', per: 'actor' })], caps: { keys: LIVE } });
  const ids: string[] = [];
  for (let index = 0; index < seen; index++) {
    const actorId = `actor-${index}`;
    if (index < LIVE) ids.push(actorId);
    governor.record({ actorId, action: 'chat' }, { promptTokens: 1 });
  }
  const body = `const actorId = ids[next]; next = next + 1 === ids.length ? 0 : next + 1; ${PAIR}`;
  return loop(body, ['governor', 'ids', 'next'], [governor, ids, 0]);
}

/** Scenarios of fairness: one hog and nine light actors share slots. */
import {
  askEvery,
  closedLoop,
  lognormal,
  maxMinFair,
  onOff,
  poisson,
  startingAt,
  unlimitedServer,
  whole,
  type Arrivals,
  type SimulatedActor,
  type SimulationResult,
} from 'throttleai/testing';
import { GOVERNOR, POLLING, REFERENCES } from '../schedulers/index.ts';
import { comingAndGoing } from './fluid.ts';
import type { Scenario, Setting, Terms } from './scenario.ts';
import { WARM_UP_MS } from './waiting.ts';

const LIGHT = 9;
const ACTORS = 1 + LIGHT;
const END_MS = 330_000;
const WINDOW_MS = END_MS - WARM_UP_MS;
/** Calls that an actor keeps outstanding. */
const HOG_CALLS = 50;
const LIGHT_CALLS = 3;
const SIGMA = 0.5;
const TERMS: Terms = { slots: 10, serviceMs: 1000 };

type Part = Partial<SimulatedActor>;

/** A hog and light actors that keep calls outstanding, unless told otherwise. */
function people({ serviceMs }: Terms, hog: Part = {}, light: Part = {}): SimulatedActor[] {
  const service = lognormal(serviceMs, SIGMA);
  return [
    { id: 'hog', arrivals: closedLoop(HOG_CALLS), service, ...hog },
    ...Array.from({ length: LIGHT }, (_, index) => ({
      id: `light-${index + 1}`,
      arrivals: closedLoop(LIGHT_CALLS),
      service,
      ...light,
    })),
  ];
}

/** Random arrivals of half of an actor's fair part. */
const half = ({ slots, serviceMs }: Terms): Arrivals => poisson((slots * 1000) / serviceMs / ACTORS / 2);

/** What each would have received, by what it demands of the slots. */
function ideal({ slots }: Terms, demand: (id: string, offered: number) => number, share: (id: string) => number) {
  return ({ actors }: SimulationResult): number[] =>
    maxMinFair(
      slots * WINDOW_MS,
      actors.map(({ id, offered }) => ({ demand: demand(id, offered), share: share(id) })),
    );
}

/** So many calls outstanding all the time. */
const outstanding =
  (weight: number, hogCalls = HOG_CALLS) =>
  (id: string) =>
    (id === 'hog' ? hogCalls : LIGHT_CALLS * weight) * WINDOW_MS;
/** The hog wants everything, the others what they ask for. */
const asAsked = (id: string, offered: number): number => (id === 'hog' ? HOG_CALLS * WINDOW_MS : offered);

const even = (): number => 1;
const isLight = (id: string): boolean => id !== 'hog';

function setting(actors: SimulatedActor[], more: Pick<Setting, 'ideal'> & Partial<Setting>): Setting {
  return {
    simulation: { durationMs: END_MS, warmUpMs: WARM_UP_MS, actors, server: unlimitedServer },
    config: { fairness: true },
    share: even,
    watched: isLight,
    ...more,
  };
}

const contenders = [GOVERNOR, ...REFERENCES];

/** The hog and every other light actor have a share of 4. */
const sharesOf = (id: string): number => (id === 'hog' || Number(id.slice('light-'.length)) % 2 === 0 ? 4 : 1);

/** A hog that wants so many times its part of the slots. */
const greedy = (times: number): Scenario => ({
  name: `H${times}`,
  about: `as F1; the hog wants ${times} times its part`,
  terms: TERMS,
  set: (terms) => {
    const calls = (times * terms.slots) / ACTORS;
    return setting(people(terms, { arrivals: closedLoop(calls) }), {
      ideal: ideal(terms, outstanding(1, calls), even),
    });
  },
  contenders,
});

export const FAIRNESS: readonly Scenario[] = [
  {
    name: 'F1',
    about: 'all backlogged',
    terms: TERMS,
    set: (terms) => setting(people(terms), { ideal: ideal(terms, outstanding(1), even) }),
    contenders: [...contenders, POLLING],
  },
  {
    name: 'F2',
    about: 'light actors ask for half their part',
    terms: TERMS,
    set: (terms) => setting(people(terms, {}, { arrivals: half(terms) }), { ideal: ideal(terms, asAsked, even) }),
    contenders,
  },
  {
    name: 'F3',
    about: 'as F2; the hog asks every 25 ms, whatever it is told',
    terms: TERMS,
    set: (terms) =>
      setting(people(terms, { whenDenied: askEvery(25) }, { arrivals: half(terms) }), {
        ideal: ideal(terms, asAsked, even),
      }),
    // The references only know waiting.
    contenders: [GOVERNOR],
  },
  {
    name: 'F4',
    about: 'light calls weigh 3',
    terms: TERMS,
    set: (terms) => setting(people(terms, {}, { weight: 3 }), { ideal: ideal(terms, outstanding(3), even) }),
    contenders,
  },
  {
    name: 'F5',
    about: 'calls of ten times the length hold every slot when the light actors come',
    terms: TERMS,
    set: (terms) =>
      setting(
        people(
          terms,
          { service: lognormal(10 * terms.serviceMs, SIGMA) },
          { arrivals: startingAt(WARM_UP_MS, closedLoop(LIGHT_CALLS)) },
        ),
        { ideal: ideal(terms, outstanding(1), even) },
      ),
    contenders,
  },
  {
    name: 'F6',
    about: 'shares 4:1',
    terms: TERMS,
    set: (terms) =>
      setting(people(terms), {
        ideal: ideal(terms, outstanding(1), sharesOf),
        share: sharesOf,
        config: { fairness: true, shares: sharesOf },
      }),
    contenders,
  },
  {
    name: 'F7',
    about: 'actors that come and go; costs 1 to 100',
    terms: TERMS,
    set: goers,
    contenders,
  },
  greedy(2),
  greedy(100),
];

const ON_MS = 20_000;
const OFF_MS = 20_000;
const COST_MAX = 100;

/** The cost of a call decides its length. */
function goers(terms: Terms): Setting {
  const { slots, serviceMs } = terms;
  const unit = serviceMs / ((1 + COST_MAX) / 2);
  const cost = whole(1, COST_MAX);
  const plans = people(terms).map(({ id }, index) => ({
    id,
    calls: id === 'hog' ? HOG_CALLS : LIGHT_CALLS,
    startMs: (index * (ON_MS + OFF_MS)) / ACTORS,
  }));
  const actors = plans.map(({ id, calls, startMs }): SimulatedActor => ({
    id,
    arrivals: onOff(ON_MS, OFF_MS, startMs, closedLoop(calls)),
    service: (random) => unit * cost(random),
    tokens: (_, ms) => Math.round(ms / unit),
  }));
  const right = comingAndGoing({
    slots,
    serviceMs,
    onMs: ON_MS,
    offMs: OFF_MS,
    fromMs: WARM_UP_MS,
    toMs: END_MS,
    plans,
  });
  return setting(actors, { ideal: () => right });
}

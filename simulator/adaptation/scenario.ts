/** Scenarios of adaptation: a provider whose capacity nobody is told, and callers that give up what is denied. */
import {
  constant,
  flippingPoisson,
  lognormal,
  onOff,
  poisson,
  queueingServer,
  rateLimitedServer,
  refusingServer,
  sharingServer,
  shed,
  startingAt,
  unlimitedServer,
  withDrift,
  withOutage,
  type Arrivals,
  type Schedule,
  type ServerMaker,
  type SimulatedActor,
} from 'throttleai/testing';
import { withErrors, withTokens } from './faults.ts';
import type { Terms } from './terms.ts';

/** What is simulated, and what is known of it. */
export interface Setting {
  readonly actors: readonly SimulatedActor[];
  readonly server: ServerMaker;
  readonly endMs: number;
  readonly ceiling: number;
  /** Calls in flight that the provider works on at full speed, and mean duration of a call. */
  readonly capacity: Schedule;
  readonly serviceMs: number;
  /** What the provider counts: the oracle knows it. */
  readonly limits: 'calls in flight' | 'calls a second' | 'nothing';
  /** An answer after this time is worth nothing; of the instant at which the call is sent. */
  readonly worthMs: (sentAt: number) => number;
  /** Spans that are looked at beside the whole. */
  readonly changes?: { readonly dropMs: number; readonly backMs: number };
  readonly outage?: { readonly fromMs: number; readonly toMs: number };
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly set: (terms: Terms, load: number) => Setting;
}

/** An answer is worth something within so many mean durations. */
const PATIENCE = 4;
const SIGMA = { usual: 0.5, heavy: 1 };

/** What providers may look like to who calls, each with a capacity that changes twice. */
interface Kind {
  readonly name: string;
  readonly about: string;
  readonly sigma: number;
  readonly limits: Setting['limits'];
  readonly server: (capacity: Schedule, serviceMs: number) => ServerMaker;
}

const perSecond = (capacity: Schedule, serviceMs: number): Schedule =>
  typeof capacity === 'number'
    ? (capacity * 1000) / serviceMs
    : capacity.map(([from, slots]) => [from, (slots * 1000) / serviceMs] as const);

const KINDS: readonly Kind[] = [
  { name: 'fifo', about: 'a queue in front of C workers', sigma: SIGMA.usual, limits: 'calls in flight', server: queueingServer },
  { name: 'fifo-heavy', about: 'the same, durations with a heavy tail', sigma: SIGMA.heavy, limits: 'calls in flight', server: queueingServer },
  { name: 'ps', about: 'processor sharing: above C calls all slow down', sigma: SIGMA.usual, limits: 'calls in flight', server: sharingServer },
  { name: 'ps-heavy', about: 'the same, durations with a heavy tail', sigma: SIGMA.heavy, limits: 'calls in flight', server: sharingServer },
  { name: 'hard-429', about: 'above C in flight a refusal after 50 ms', sigma: SIGMA.usual, limits: 'calls in flight', server: refusingServer },
  { name: 'rpm-429', about: 'a bucket of C calls a mean duration; refused ones count too', sigma: SIGMA.usual, limits: 'calls a second', server: (capacity, serviceMs) => rateLimitedServer(perSecond(capacity, serviceMs)) },
]; // prettier-ignore

/** Arrivals of so many actors together at a part of the capacity. */
export function callers(terms: Terms, load: number, count = 1, sigma = SIGMA.usual): SimulatedActor[] {
  const { capacity, serviceMs, dwellMs } = terms;
  const rate = (load * capacity * 1000) / serviceMs / count;
  return Array.from({ length: count }, (_, index) => ({
    id: `client-${index + 1}`,
    arrivals: flippingPoisson([rate / 2, rate * 1.5], dwellMs),
    service: lognormal(serviceMs, sigma),
    whenDenied: shed,
  }));
}

const changing = ({ capacity, drop, dropMs, backMs }: Terms): Schedule => [
  [0, capacity],
  [dropMs, Math.max(1, capacity / drop)],
  [backMs, capacity],
];

/** The scenario of a kind of provider, for so many clients that know nothing of each other. */
export const provider = ({ name, about, sigma, limits, server }: Kind, clients = 1): Scenario => ({
  name: clients === 1 ? name : `${name} for ${clients} clients`,
  about,
  set: (terms, load) => ({
    actors: callers(terms, load, clients, sigma),
    server: withErrors(terms.errors, server(changing(terms), terms.serviceMs)),
    endMs: terms.endMs,
    ceiling: terms.ceiling,
    capacity: changing(terms),
    serviceMs: terms.serviceMs,
    limits,
    worthMs: () => PATIENCE * terms.serviceMs,
    changes: terms,
  }),
});

export const PROVIDERS: readonly Scenario[] = KINDS.map((kind) => provider(kind));
/** Of several clients on one quota. */
export const SHARED: readonly Scenario[] = [2, 5].flatMap((clients) =>
  KINDS.filter(({ sigma }) => sigma === SIGMA.usual).map((kind) => provider(kind, clients)),
);

const steady = (terms: Terms, more: Partial<Setting> & Pick<Setting, 'actors' | 'server'>): Setting => ({
  endMs: terms.endMs,
  ceiling: terms.ceiling,
  capacity: terms.capacity,
  serviceMs: terms.serviceMs,
  limits: 'calls in flight',
  worthMs: () => PATIENCE * terms.serviceMs,
  ...more,
});

const FAST_MS = 500;
const OUTAGE = { fromMs: 120_000, toMs: 180_000 };
const DRIFT = { factor: 3, overMs: 600_000, endMs: 900_000, tokensPerSecond: 200 };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const outage = (name: string, about: string, failsAfterMs: number, outcome: 'error' | 'timeout'): Scenario => ({
  name,
  about,
  set: (terms, load) =>
    steady(terms, {
      actors: callers(terms, load),
      server: withOutage({ ...OUTAGE, failsAfterMs, outcome }, queueingServer(terms.capacity)),
      endMs: 360_000,
      outage: OUTAGE,
    }),
});

const drift = (name: string, about: string, tokensPerSecond: number | undefined): Scenario => ({
  name,
  about,
  set(terms, load) {
    const grown = (at: number): number => 1 + (DRIFT.factor - 1) * Math.min(1, at / DRIFT.overMs);
    return steady(terms, {
      actors: callers(terms, load),
      server: withDrift(DRIFT.factor, DRIFT.overMs, withTokens(tokensPerSecond, queueingServer(terms.capacity))),
      endMs: DRIFT.endMs,
      worthMs: (at) => PATIENCE * terms.serviceMs * grown(at),
    });
  },
});

/** A minute of load, an hour with a call a minute, and load again. */
function quietArrivals({ capacity, serviceMs }: Terms): Arrivals {
  const loaded = poisson((capacity * 1000) / serviceMs);
  const once = (ms: number, startMs: number, arrivals: Arrivals): Arrivals => onOff(ms, Infinity, startMs, arrivals);
  const phases = [
    once(MINUTE_MS, 0, loaded),
    once(HOUR_MS, MINUTE_MS, poisson(1 / 60)),
    startingAt(MINUTE_MS + HOUR_MS, loaded),
  ];
  return (source) => phases.forEach((phase) => phase(source));
}

export const SPECIAL: readonly Scenario[] = [
  {
    name: 'saturated',
    about: 'half a second at any load, and more demand than the ceiling',
    set: (terms) =>
      steady(terms, {
        actors: [{ id: 'all', arrivals: poisson((1.5 * terms.ceiling * 1000) / FAST_MS), service: constant(FAST_MS), whenDenied: shed }], // prettier-ignore
        server: unlimitedServer,
        endMs: 600_000,
        capacity: terms.ceiling,
        serviceMs: FAST_MS,
        limits: 'nothing',
        worthMs: () => PATIENCE * FAST_MS,
      }),
  },
  outage('outage', 'a queue; for a minute every call fails after 50 ms', 50, 'error'),
  outage('hang', 'a queue; for a minute no call is answered, callers give up after 30 s', 30_000, 'timeout'),
  drift('drift', 'a queue; calls grow to three times their length in ten minutes', undefined),
  drift('drift-tokens', 'the same, and output tokens are reported', DRIFT.tokensPerSecond),
  {
    name: 'quiet',
    about: 'a queue; a minute of load, an hour with a call a minute, load again',
    set: (terms) =>
      steady(terms, {
        actors: [{ id: 'all', arrivals: quietArrivals(terms), service: lognormal(terms.serviceMs, SIGMA.usual), whenDenied: shed }], // prettier-ignore
        server: queueingServer(terms.capacity),
        endMs: HOUR_MS + 4 * MINUTE_MS,
        changes: { dropMs: MINUTE_MS, backMs: MINUTE_MS + HOUR_MS },
      }),
  },
];

export const LOADS = [0.7, 1.5] as const;
/** Those whose load is their own. */
export const loadsOf = ({ name }: Scenario): readonly number[] => (['saturated', 'quiet'].includes(name) ? [1] : LOADS);

/** Scenarios of waiting: how long it takes until all are served, and at what cost. */
import { burst, constant, exponential, poisson, unlimitedServer, type SimulatedActor } from 'throttleai/testing';
import { FIFO, GOVERNOR, LIBRARIES, POLLING, THROTTLE } from '../schedulers/index.ts';
import type { Scenario } from './scenario.ts';

const ACTORS = 10;
const TASKS = 10_000;
/** Of a Poisson process, in parts of what the slots can do. */
const LOAD = 0.9;
const W2_MS = 3_630_000;
const OVERLOAD = 1.5;
/** Mean of what a call may wait, in mean durations. */
const PATIENCE = 4;
const W4_MS = 330_000;
const STARTS = 1000;
const START_WINDOW_MS = 10_000;
export const WARM_UP_MS = 30_000;

const actors = (actor: Omit<SimulatedActor, 'id'>): SimulatedActor[] =>
  Array.from({ length: ACTORS }, (_, index) => ({ id: `actor-${index}`, ...actor }));

const equal = { share: () => 1, watched: () => true };

export const WAITING: readonly Scenario[] = [
  {
    name: 'W1',
    about: `${TASKS} tasks at once`,
    terms: { slots: 5, serviceMs: 5000 },
    set: ({ slots, serviceMs }) => ({
      simulation: {
        actors: actors({ arrivals: burst(TASKS / ACTORS), service: constant(serviceMs) }),
        server: unlimitedServer,
      },
      config: {},
      ...equal,
      idealMs: (TASKS * serviceMs) / slots,
    }),
    contenders: [GOVERNOR, FIFO, ...LIBRARIES],
  },
  {
    name: 'W2',
    about: `random arrivals at ${LOAD} of the capacity`,
    terms: { slots: 5, serviceMs: 1000 },
    set: ({ slots, serviceMs }) => ({
      simulation: {
        durationMs: W2_MS,
        warmUpMs: WARM_UP_MS,
        actors: actors({
          arrivals: poisson((LOAD * slots * 1000) / serviceMs / ACTORS),
          service: exponential(serviceMs),
        }),
        server: unlimitedServer,
      },
      config: {},
      ...equal,
    }),
    contenders: [GOVERNOR, POLLING, FIFO, ...LIBRARIES],
  },
  {
    name: 'W4',
    about: `deadlines: random arrivals at ${OVERLOAD} of the capacity, each waits ${PATIENCE} times its mean at most`,
    terms: { slots: 5, serviceMs: 1000 },
    set: ({ slots, serviceMs }) => ({
      simulation: {
        durationMs: W4_MS,
        warmUpMs: WARM_UP_MS,
        actors: actors({
          arrivals: poisson((OVERLOAD * slots * 1000) / serviceMs / ACTORS),
          service: exponential(serviceMs),
          patience: exponential(PATIENCE * serviceMs),
        }),
        server: unlimitedServer,
      },
      config: {},
      ...equal,
    }),
    // The others know no deadlines.
    contenders: [GOVERNOR],
  },
  {
    name: 'W6',
    about: `${STARTS} tasks at once, of which as many as there are slots may start in any ${START_WINDOW_MS / 1000} s`,
    terms: { slots: 10, serviceMs: 1000 },
    set: ({ slots, serviceMs }) => ({
      simulation: {
        actors: actors({ arrivals: burst(STARTS / ACTORS), service: constant(serviceMs) }),
        server: unlimitedServer,
      },
      config: { rate: { requestsPerMinute: slots, windowMs: START_WINDOW_MS } },
      ...equal,
      idealMs: (Math.ceil(STARTS / slots) - 1) * START_WINDOW_MS + serviceMs,
    }),
    contenders: [GOVERNOR, POLLING, THROTTLE],
  },
];

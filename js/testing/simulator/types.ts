/**
 * The concepts of a simulation: actors ask for calls when their arrivals say so; a scheduler lets calls through, and a server
 * works them off. Times are ms of virtual time from 0; sizes of calls are weights, as the governor counts them.
 */
import type { ClockWithTimers, Priority } from '../../core/types.ts';
import type { Random } from '../random.ts';

/** Draws a number. */
export type Distribution = (random: Random) => number;

/** A number that may change: constant, or steps `[fromMs, value]` in order, the first from 0. */
export type Schedule = number | readonly (readonly [fromMs: number, value: number])[];

/** One who asks. */
export interface SimulatedActor {
  /** The `actorId` of its calls. */
  readonly id: string;
  readonly arrivals: Arrivals;
  /** How long a call takes, in ms, on a server that nothing slows down. */
  readonly service: Distribution;
  /** Weight of a call. Default 1. */
  readonly weight?: number;
  /** Tokens that a call of this duration uses. Default: none. */
  readonly tokens?: (random: Random, serviceMs: number) => number;
  /** Default `interactive`. */
  readonly priority?: Priority;
  /** How long a call may wait, in ms. Default: no bound. */
  readonly patience?: Distribution;
  /** What it does when it is refused. Left out: it waits in the queue. */
  readonly whenDenied?: WhenDenied;
}

/** One call of an actor. */
export interface SimulatedCall {
  readonly actor: SimulatedActor;
  /** Which of the actor's calls, from 0. */
  readonly number: number;
  readonly askedAt: number;
  readonly weight: number;
  readonly tokens: number;
  /** How long it takes, in ms, on a server that nothing slows down. */
  readonly serviceMs: number;
  /** Instant in ms after which it must not start; Infinity: none. */
  readonly deadline: number;
}

/** What arrivals have of the simulation. */
export interface Source {
  /** The instant in ms. */
  now(): number;
  /** Numbers of this actor's own: what others do does not change them. */
  readonly random: Random;
  /** Calls that were asked for and are not over. */
  outstanding(): number;
  /** Asks for a call. */
  call(): void;
  /** Does something `ms` later. */
  after(ms: number, event: () => void): void;
}

/** Starts asking for calls. What it returns is called whenever a call is over. */
export type Arrivals = (source: Source) => (() => void) | void;

/** The answer to a call. */
export type Answer = { readonly granted: true } | Denied;

/** A refusal. */
export interface Denied {
  readonly granted: false;
  /** When to ask again, in ms; `null`: never. */
  readonly retryAfterMs: number | null;
}

/** How long to pause before the next attempt, in ms; `null` gives the call up. `attempt` counts from 1. */
export type WhenDenied = (denied: Denied, attempt: number) => number | null;

/** What lets calls through, or has them wait. */
export interface Scheduler {
  /**
   * Answers once, now or later. A call whose actor has a `whenDenied` is answered now. A promise that is returned and rejects
   * ends the simulation with its reason.
   */
  ask(call: SimulatedCall, answer: (answer: Answer) => void): void | Promise<void>;
  /** A call that was let through is over. */
  end(call: SimulatedCall, end: CallEnd): void;
  /** The simulation is over. */
  close?(): void;
}

/** Makes the scheduler of a run. */
export type SchedulerMaker = (surroundings: Surroundings) => Scheduler;

/** How a server ended a call. */
export interface CallEnd {
  /** `refused`: it took none of it, as with status 429. `timeout`: no answer came while anybody waited for one. */
  readonly outcome: 'success' | 'error' | 'timeout' | 'refused';
  /** With `refused`: what it said of when to come again, in ms. */
  readonly retryAfterMs?: number;
  /** Output tokens of the answer, where the server says so. */
  readonly outputTokens?: number;
}

/** What works calls off. */
export interface Server {
  /** Takes a call and says once, later, that it is over. */
  start(call: SimulatedCall, end: (end: CallEnd) => void): void;
}

/** Makes the server of a run. */
export type ServerMaker = (surroundings: Surroundings) => Server;

/** What schedulers and servers have of the simulation. */
export interface Surroundings {
  /** Virtual time for governors and the like. Timers on it are counted. */
  readonly clock: ClockWithTimers;
  /** The instant in ms. */
  now(): number;
  /** Does something `ms` later. */
  after(ms: number, event: () => void): void;
  /** Numbers for whoever asks by this name, the same in every run of a seed. */
  random(name: string): Random;
}

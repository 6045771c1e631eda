/** Runs a simulation: actors, a scheduler and a server in virtual time. */
import { bad, readMs } from '../../core/input.ts';
import type { Random } from '../random.ts';
import { Account, type ActorResult } from './measures.ts';
import { unlimitedServer } from './servers.ts';
import type { Answer, Scheduler, SchedulerMaker, Server, ServerMaker, SimulatedActor, SimulatedCall } from './types.ts';
import { World } from './world.ts';

/** What is simulated. */
export interface Simulation {
  /** An integer: the same one gives the same run. */
  readonly seed: number;
  /** How long, in ms. Default: until nothing is left to happen. Range: above 0. */
  readonly durationMs?: number;
  /** What happens in so many ms from the start does not count. Default 0. Range: from 0. */
  readonly warmUpMs?: number;
  /** At least one. Ids must differ. */
  readonly actors: readonly SimulatedActor[];
  /** Default: `unlimitedServer`, which works on every call at once. */
  readonly server?: ServerMaker;
  readonly scheduler: SchedulerMaker;
}

/** What came of it. */
export interface SimulationResult {
  /** In the order of the simulation. */
  readonly actors: readonly ActorResult[];
  /** When the last call was over, in ms; the end of the time if some were not. */
  readonly makespanMs: number;
  /** Timers that the scheduler armed. */
  readonly timers: number;
  /** Events of the simulation, timers among them. */
  readonly events: number;
}

class Run {
  readonly world: World;
  readonly #server: Server;
  readonly #scheduler: Scheduler;
  readonly #accounts: Account[];
  /** Of each actor, in order, what wants to know that a call is over. */
  readonly #hooks: ((() => void) | undefined)[] = [];
  #makespan = 0;

  constructor({ seed, durationMs, warmUpMs, actors, server, scheduler }: Required<Simulation>) {
    this.world = new World(seed, durationMs);
    this.#accounts = actors.map((actor) => new Account(actor, warmUpMs));
    this.#server = server(this.world);
    this.#scheduler = scheduler(this.world);
  }

  async play(): Promise<SimulationResult> {
    const { world } = this;
    try {
      this.#accounts.forEach((account, index) => this.#begin(account, index));
      await world.run();
    } finally {
      this.#scheduler.close?.();
    }
    const left = this.#accounts.some(({ outstanding }) => outstanding > 0);
    return {
      actors: this.#accounts.map((account) => account.result(world.now())),
      makespanMs: left ? world.now() : this.#makespan,
      timers: world.timers,
      events: world.events,
    };
  }

  #begin(account: Account, index: number): void {
    const { actor } = account;
    const { id, arrivals } = actor;
    const { now, after, random } = this.world;
    const draw = (what: string): Random => random(`${id}/${what}`);
    const streams = { service: draw('service'), tokens: draw('tokens'), patience: draw('patience') };
    let number = 0;
    const call = (): void => {
      const askedAt = now();
      const serviceMs = actor.service(streams.service);
      const made: SimulatedCall = {
        actor,
        number: number++,
        askedAt,
        weight: actor.weight ?? 1,
        tokens: actor.tokens?.(streams.tokens, serviceMs) ?? 0,
        serviceMs,
        deadline: actor.patience === undefined ? Infinity : askedAt + actor.patience(streams.patience),
      };
      account.asked(made);
      this.#attempt(account, index, made, 1);
    };
    const source = { now, after, random: draw('arrivals'), outstanding: () => account.outstanding, call };
    this.#hooks[index] = arrivals(source) ?? undefined;
  }

  #attempt(account: Account, index: number, call: SimulatedCall, attempt: number): void {
    const { world } = this;
    const answered = (answer: Answer): void => {
      if (answer.granted) return this.#dispatch(account, index, call);
      const pause = account.actor.whenDenied?.(answer, attempt) ?? null;
      if (pause === null || world.now() + pause > call.deadline) {
        account.gaveUp(call, world.now());
        return this.#over(index);
      }
      world.after(pause, () => {
        account.polled();
        this.#attempt(account, index, call, attempt + 1);
      });
    };
    this.#scheduler.ask(call, answered)?.catch((error: unknown) => world.fail(error));
  }

  #dispatch(account: Account, index: number, call: SimulatedCall): void {
    account.granted(call, this.world.now());
    this.#server.start(call, (end) => {
      account.ended(call, this.world.now(), end.outcome === 'success');
      this.#scheduler.end(call, end);
      this.#over(index);
    });
  }

  #over(index: number): void {
    this.#makespan = this.world.now();
    this.#hooks[index]?.();
  }
}

/**
 * Plays a simulation through. Minutes of many calls take milliseconds, and two runs of one seed are the same.
 *
 * @throws what the scheduler throws; InputError for a bad simulation, such as two actors with one id
 *
 * @example
 * const { actors } = await simulate({
 *   seed: 1,
 *   durationMs: 60_000,
 *   actors: [
 *     { id: 'hog', arrivals: closedLoop(50), service: lognormal(1000, 0.5) },
 *     { id: 'light', arrivals: poisson(0.5), service: lognormal(1000, 0.5) },
 *   ],
 *   server: unlimitedServer,
 *   scheduler: ({ clock }) => governed(createGovernor({ clock, concurrency: { maxInFlight: 4 } })),
 * });
 * console.log(actors.map(({ id, done }) => `${id}: ${done}`));
 */
export async function simulate(simulation: Simulation): Promise<SimulationResult> {
  return new Run(read(simulation)).play();
}

/** With what was left out. @throws InputError for what no run can be made of */
function read(simulation: Simulation): Required<Simulation> {
  if (typeof simulation !== 'object' || simulation === null) throw bad('simulation', simulation, 'an object');
  const { seed, actors, server = unlimitedServer, scheduler } = simulation;
  if (!Number.isSafeInteger(seed)) throw bad('seed', seed, 'an integer');
  const durationMs = readMs(simulation.durationMs, 'durationMs', { absent: Infinity, open: true, infinite: true });
  const warmUpMs = readMs(simulation.warmUpMs, 'warmUpMs', { absent: 0 });
  if (!Array.isArray(actors) || actors.length === 0) throw bad('actors', actors, 'a list of at least one actor');
  const isMaker = (value: unknown): boolean => typeof value === 'function';
  if (!isMaker(server)) throw bad('server', server, 'a function that makes a server');
  if (!isMaker(scheduler)) throw bad('scheduler', scheduler, 'a function that makes a scheduler');
  const ids = new Set<unknown>();
  for (const [index, actor] of (actors as readonly SimulatedActor[]).entries()) {
    const field = `actors[${index}]`;
    if (typeof actor !== 'object' || actor === null) throw bad(field, actor, 'an object with id, arrivals and service');
    if (typeof actor.id !== 'string') throw bad(`${field}.id`, actor.id, 'a text');
    if (ids.has(actor.id)) throw bad(`${field}.id`, actor.id, 'an id that no other actor has');
    ids.add(actor.id);
    for (const name of ['arrivals', 'service'] as const)
      if (!isMaker(actor[name])) throw bad(`${field}.${name}`, actor[name], 'a function, such as those of this module');
  }
  return { seed, durationMs, warmUpMs, actors, server, scheduler };
}

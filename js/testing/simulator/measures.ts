/** What is written down while a simulation runs, and what it comes to. Only what happens after the warm-up counts. */
import type { SimulatedActor, SimulatedCall } from './types.ts';

/** What an actor got. Sizes are weights times ms. */
export interface ActorResult {
  readonly id: string;
  /** Calls that were asked for, let through, ended with success, and given up, since the warm-up. */
  readonly asked: number;
  readonly granted: number;
  readonly done: number;
  readonly givenUp: number;
  /** What it had in flight, added up over the time. */
  readonly received: number;
  /** What its calls of that time need on a server that nothing slows down. */
  readonly offered: number;
  /** Waits of its calls in ms, in ascending order; of those that still wait at the end, as long as they have. */
  readonly waitsMs: readonly number[];
  /** Attempts after the first, of all its calls. */
  readonly polls: number;
  /** Waiting calls that were let through after one of the same actor that was asked for later. */
  readonly inversions: number;
  /** Calls that were let through after their deadline. */
  readonly late: number;
  /** The longest time in ms between the deadline of a call and its refusal; 0 where each was refused by then. */
  readonly overdueMs: number;
}

interface Flight {
  readonly since: number;
}

/** The book of one actor. */
export class Account {
  readonly actor: SimulatedActor;
  readonly #startMs: number;
  readonly #waiting = new Set<SimulatedCall>();
  readonly #flying = new Map<SimulatedCall, Flight>();
  readonly #waits: number[] = [];
  #asked = 0;
  #granted = 0;
  #done = 0;
  #givenUp = 0;
  #received = 0;
  #offered = 0;
  #polls = 0;
  #inversions = 0;
  #late = 0;
  #overdue = 0;
  /** Highest number that was let through. */
  #reached = -1;

  /** @param startMs end of the warm-up */
  constructor(actor: SimulatedActor, startMs: number) {
    this.actor = actor;
    this.#startMs = startMs;
  }

  get outstanding(): number {
    return this.#waiting.size + this.#flying.size;
  }

  asked(call: SimulatedCall): void {
    this.#waiting.add(call);
    if (call.askedAt < this.#startMs) return;
    this.#asked++;
    this.#offered += call.weight * call.serviceMs;
  }

  polled(): void {
    this.#polls++;
  }

  granted(call: SimulatedCall, now: number): void {
    this.#waiting.delete(call);
    this.#flying.set(call, { since: now });
    // Who asks again and again has no place that could be overtaken.
    if (call.number >= this.#reached) this.#reached = call.number;
    else if (this.actor.whenDenied === undefined) this.#inversions++;
    if (now > call.deadline) this.#late++;
    if (now >= this.#startMs) this.#granted++;
    if (call.askedAt >= this.#startMs) this.#waits.push(now - call.askedAt);
  }

  gaveUp(call: SimulatedCall, now: number): void {
    this.#waiting.delete(call);
    this.#overdue = Math.max(this.#overdue, now - call.deadline);
    if (now >= this.#startMs) this.#givenUp++;
  }

  ended(call: SimulatedCall, now: number, success: boolean): void {
    this.#count(call, now);
    this.#flying.delete(call);
    if (success && now >= this.#startMs) this.#done++;
  }

  #count(call: SimulatedCall, now: number): void {
    const since = Math.max(this.#flying.get(call)?.since ?? now, this.#startMs);
    if (now > since) this.#received += call.weight * (now - since);
  }

  /** Closes the book. */
  result(now: number): ActorResult {
    for (const call of this.#flying.keys()) this.#count(call, now);
    const still = [...this.#waiting].filter(({ askedAt }) => askedAt >= this.#startMs);
    const waits = [...this.#waits, ...still.map(({ askedAt }) => now - askedAt)];
    return {
      id: this.actor.id,
      asked: this.#asked,
      granted: this.#granted,
      done: this.#done,
      givenUp: this.#givenUp,
      received: this.#received,
      offered: this.#offered,
      waitsMs: waits.sort((a, b) => a - b),
      polls: this.#polls,
      inversions: this.#inversions,
      late: this.#late,
      overdueMs: this.#overdue,
    };
  }
}

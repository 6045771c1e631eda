/**
 * What follows the core's answer to a command: numbers of the view become decisions, strings in tables, promises and events,
 * and the timer is told. The order is always the same: copy the answer out, take in the outputs, note when to wake, tell
 * the events; nobody else's code runs before the last of these.
 */
import { ActorNames } from './actors.ts';
import { Gauge, NO_HANDLE, OutputKind, ReleaseCode, View, type CoreHandle } from './binding.ts';
import { Time } from './clock.ts';
import type { ReadConfig } from './config.ts';
import { Denials } from './denials.ts';
import { Driver } from './driver.ts';
import type { GovernorError } from './errors.ts';
import { Events } from './events.ts';
import { newHolders, reserveHold, type Holders } from './holders.ts';
import type { Tables } from './image.ts';
import type { Ask } from './input.ts';
import { LeaseTable } from './lease-table.ts';
import { boundariesOf, type KnownLimit } from './limits.ts';
import type { Port } from './port.ts';
import { drawSeed } from './seed.ts';
import { badReportText, heldLongText } from './texts.ts';
import { abortReason, armTimer, workEndsWithRequest } from './timers.ts';
import type {
  AcquireGranted,
  DenyEvent,
  DenyReason,
  GovernorDecision,
  GovernorDenied,
  GovernorSnapshot,
  LeaseOutcome,
  SignalLike,
} from './types.ts';
import { Waiters, type Waiter } from './waiters.ts';

export class Answers {
  readonly leases: LeaseTable = new LeaseTable();
  readonly actors: ActorNames = new ActorNames();
  readonly holders: Holders = newHolders();
  readonly time: Time;
  readonly #port: Port;
  readonly #strict: boolean;
  readonly #seed: number | undefined;
  readonly #events: Events | undefined;
  readonly #driver: Driver<Answers>;
  readonly #waiters: Waiters = new Waiters();
  readonly #denials: Denials;
  /** By place: those of `rate` come first, and are undefined. */
  readonly #limits: readonly (KnownLimit | undefined)[];
  #denyReason: DenyReason | undefined;
  #deniedAt = 0;
  #deniedActor = '';

  constructor(port: Port, { clock, strict, seed, onEvent, limits }: ReadConfig) {
    this.time = new Time(clock);
    this.#port = port;
    this.#strict = strict;
    this.#seed = seed;
    this.#events = onEvent === undefined ? undefined : new Events(onEvent);
    this.#driver = new Driver<Answers>(clock, this, Answers.#wake);
    const gauge = (now: number, which: number): number => this.call((core) => core.gauge(now, which));
    const rates = [Gauge.RateLimit, Gauge.TokenRateLimit].filter((which) => gauge(0, which) !== Infinity);
    this.#limits = [...rates.map(() => undefined), ...limits.known];
    this.#denials = new Denials(gauge, limits.known);
  }

  /** A guarded call, off the hot path. */
  call<T>(command: (core: CoreHandle) => T): T {
    const core = this.#port.use();
    try {
      return command(core);
    } catch (error) {
      throw this.lose(error);
    }
  }

  /** Takes in a trap: everybody who waits is told. @returns what to throw */
  lose(error: unknown): GovernorError {
    const fault = this.#port.trap(error);
    this.#giveUp(fault);
    return fault;
  }

  #giveUp(fault: GovernorError): void {
    this.#driver.close();
    this.#waiters.rejectAll(fault);
    this.#waiters.leaveSignals();
  }

  /** Stops the timer. */
  stop(): void {
    this.#driver.stop();
  }

  /** Frees the core and rejects who waits. */
  close(): void {
    this.#port.close();
    const fault = this.#port.fault;
    if (fault !== undefined) this.#giveUp(fault);
  }

  /** Lets happen what is due, so that the tables say who holds what now. Calls nobody: the command that follows does. */
  catchUp(now: number): void {
    if (this.#port.look()[View.TIMEOUT]! > now) return;
    this.call((core) => core.handle_timeout(now));
    if (this.#port.look()[View.PENDING] !== 0) this.#takeOutputs(now);
  }

  /** A lease was granted, or one that is held was given again. */
  granted(ask: Ask, now: number, slot: number, knownActor: number): AcquireGranted {
    const { actorId, action, weight, key } = ask;
    const view = this.#port.look();
    const generation = view[View.GENERATION]! >>> 0;
    const expiresAt = view[View.EXPIRES_AT]!;
    const reused = view[View.REUSED] === 1;
    this.#learn(actorId, view[View.ACTOR]!, knownActor);
    // Before the row is written: an output may be about the lease that had the slot before.
    if (view[View.PENDING] !== 0) this.#takeOutputs(now);
    const leaseId = reused ? this.leases.id(slot) : this.#newLease(slot, generation, actorId, action, weight, key, now);
    if (key !== undefined && !reused) this.#grantSharers(key, now, leaseId, expiresAt);
    this.finish(now);
    return { granted: true, leaseId, expiresAt };
  }

  /** A call was denied. */
  denied(ask: Ask, now: number): GovernorDecision {
    const { actorId, action, weight } = ask;
    const view = this.#port.look();
    const denial = this.#denials.make(view, now, actorId);
    if (view[View.PENDING] !== 0) this.#takeOutputs(now);
    this.#noteDenial(denial, now, actorId, action, weight);
    this.finish(now);
    return denial;
  }

  /** A call waits. @param until when at the latest, in ms. @param reserve see `holders.ts` */
  queued(
    ask: Ask,
    now: number,
    knownActor: number,
    signal: SignalLike | undefined,
    until: number,
    reserve: boolean,
  ): Promise<GovernorDecision> {
    const { actorId, action, weight, key } = ask;
    const view = this.#port.look();
    const index = view[View.WAITER]!;
    const generation = view[View.WAITER_GENERATION]!;
    this.#learn(actorId, view[View.ACTOR]!, knownActor);
    const promise = new Promise<GovernorDecision>((resolve, reject) => {
      const onAbort = (): void => {
        if (signal !== undefined) this.#withdraw(waiter, abortReason(signal));
      };
      const about = { index, generation, actorId, action, weight, key, reserve };
      const waiter: Waiter = { ...about, resolve, reject, signal, onAbort };
      try {
        this.#waiters.add(waiter);
      } catch (error) {
        this.#withdraw(waiter, error); // The signal refused its listener.
      }
    });
    this.finish(now);
    // The driver's timer may be another request's, and not be there any more when this one's time is up.
    if (workEndsWithRequest()) armTimer(this.time.clock, () => Answers.#wake(this), until - now);
    return promise;
  }

  /** A lease that was held has been released. @param problem what was wrong with the report */
  released(
    leaseId: string,
    slot: number,
    code: number,
    outcome: LeaseOutcome,
    problem: Error | undefined,
    now: number,
  ): void {
    const { leases } = this;
    const events = this.#events;
    if (events !== undefined) {
      const view = this.#port.look();
      const [actorId, action] = [leases.actors[slot]!, leases.actions[slot]!];
      const lease = { timestamp: now, leaseId, actorId, action, weight: view[View.WEIGHT]! };
      if (code === ReleaseCode.ReleasedLate && this.#strict) {
        events.push({ type: 'warn', ...lease, message: heldLongText(view[View.HELD_MS]!, view[View.TTL_MS]!) });
      }
      if (problem !== undefined) events.push({ type: 'warn', ...lease, message: badReportText(problem.message) });
      events.push({ type: 'release', ...lease, outcome });
    }
    leases.drop(slot);
    this.finish(now);
  }

  /** The end of every command: outputs, timer, events. */
  finish(now: number): void {
    let view = this.#port.look();
    if (view[View.PENDING] !== 0) {
      this.#takeOutputs(now);
      view = this.#port.look();
    }
    const timeout = view[View.TIMEOUT]!;
    const waiting = view[View.WAITING] !== 0;
    if (this.#driver.mustUpdate(timeout, waiting, now)) this.#driver.update(timeout, waiting, now);
    this.#waiters.leaveSignals();
    this.#events?.tell();
  }

  /** What the timer does. Never throws: nobody is there to catch it. */
  static #wake(answers: Answers): void {
    const fault = answers.#port.fault;
    if (fault !== undefined) return answers.#giveUp(fault);
    try {
      const now = answers.time.readOrLast();
      answers.call((core) => core.handle_timeout(now));
      answers.finish(now);
    } catch {
      // A trap: `lose` has told the waiters, and every later call says so.
    }
  }

  /** Takes in what happened besides the answer. Calls nobody. */
  #takeOutputs(now: number): void {
    for (;;) {
      const kind = this.call((core) => core.poll_output());
      if (kind === OutputKind.None) return;
      const view = this.#port.look();
      const a = view[View.OUT_A]!;
      const b = view[View.OUT_B]!;
      if (kind === OutputKind.Expired) this.#expired(now, a, view[View.OUT_C]!);
      else if (kind === OutputKind.Granted) this.#grantedLater(now, a, b, view);
      else if (kind === OutputKind.ActorFreed) this.actors.forget(a);
      else if (kind === OutputKind.NeedBoundaries) this.#tellBoundaries(now, a);
      else this.#refusedLater(now, a, b, view);
    }
  }

  #tellBoundaries(now: number, place: number): void {
    const [ends, next] = boundariesOf(this.#limits[place], now);
    this.call((core) => core.set_boundaries(now, place, ends, next));
  }

  #expired(now: number, slot: number, weight: number): void {
    const { leases } = this;
    const leaseId = leases.id(slot);
    const [actorId, action] = [leases.actors[slot]!, leases.actions[slot]!];
    this.#events?.push({ type: 'expire', timestamp: now, leaseId, actorId, action, weight });
    leases.drop(slot);
  }

  #grantedLater(now: number, index: number, waiterGeneration: number, view: Float64Array): void {
    const slot = view[View.OUT_C]!;
    const generation = view[View.OUT_D]! >>> 0;
    const expiresAt = view[View.OUT_E]!;
    const waiter = this.#waiters.take(index, waiterGeneration);
    if (waiter === undefined) {
      // It shares a lease that was granted a moment ago (`#grantSharers`): what it was given itself goes back.
      this.call((core) => core.annul(now, slot | 0, generation | 0));
      return;
    }
    const { actorId, action, weight, key } = waiter;
    this.#learn(actorId, view[View.OUT_F]!, NO_HANDLE);
    const leaseId = this.#newLease(slot, generation, actorId, action, weight, key, now);
    this.#hand(waiter, leaseId, expiresAt);
    if (key !== undefined) this.#grantSharers(key, now, leaseId, expiresAt);
  }

  #refusedLater(now: number, index: number, generation: number, view: Float64Array): void {
    const waiter = this.#waiters.take(index, generation);
    if (waiter === undefined) return;
    const denial = this.#denials.make(view, now, waiter.actorId);
    this.#noteDenial(denial, now, waiter.actorId, waiter.action, waiter.weight);
    waiter.resolve(denial);
  }

  /** Writes a row and tells of it. @returns the id */
  #newLease(
    slot: number,
    generation: number,
    actorId: string,
    action: string,
    weight: number,
    key: string | undefined,
    now: number,
  ): string {
    if (!this.leases.named) this.leases.name((this.#seed ?? drawSeed(this.#port, now)).toString(36));
    const leaseId = this.leases.add(slot, generation, actorId, action, key);
    this.#events?.push({ type: 'acquire', timestamp: now, leaseId, actorId, action, weight });
    return leaseId;
  }

  #noteDenial(denial: GovernorDenied, now: number, actorId: string, action: string, weight: number): void {
    this.#denyReason = denial.reason;
    this.#deniedAt = now;
    this.#deniedActor = actorId;
    if (this.#events === undefined) return;
    const { reason, retryAfterMs, recommendation, cause, retryAt, limit } = denial;
    const event: DenyEvent = {
      type: 'deny',
      timestamp: now,
      actorId,
      action,
      reason,
      retryAfterMs,
      recommendation,
      weight,
      cause,
      retryAt,
    };
    if (limit !== undefined) event.limit = limit;
    this.#events.push(event);
  }

  /** Keeps a handle that the core has given an actor. */
  #learn(actorId: string, handle: number, known: number): void {
    if (handle !== known && handle !== NO_HANDLE) this.actors.learn(actorId, handle);
  }

  /** Callers that wait under the idempotency key of a lease that was just granted get that lease. */
  #grantSharers(key: string, now: number, leaseId: string, expiresAt: number): void {
    for (const waiter of this.#waiters.under(key)) {
      this.#waiters.take(waiter.index, waiter.generation);
      this.#hand(waiter, leaseId, expiresAt);
      this.call((core) => core.cancel(now, waiter.index | 0, waiter.generation | 0));
    }
  }

  #hand(waiter: Waiter, leaseId: string, expiresAt: number): void {
    const grant: AcquireGranted = { granted: true, leaseId, expiresAt };
    if (waiter.reserve && waiter.key !== undefined) reserveHold(this.holders, grant);
    waiter.resolve(grant);
  }

  /** Takes a caller out of the queue. It has consumed nothing. */
  #withdraw(waiter: Waiter, reason: unknown): void {
    if (this.#waiters.take(waiter.index, waiter.generation) === undefined) return;
    waiter.reject(reason);
    if (this.#port.fault !== undefined) return this.#waiters.leaveSignals();
    const now = this.time.readOrLast();
    try {
      this.call((core) => core.cancel(now, waiter.index | 0, waiter.generation | 0));
      this.finish(now);
    } catch {
      // A trap: this runs inside somebody's `abort()`, who cannot help it; every later call says so.
    }
  }

  /** The place of the limit of this name; -1: there is none. */
  placeOf(name: unknown): number {
    return this.#denials.limits.findIndex((limit) => limit.name === name);
  }

  /** Whether a limit counts dollars. */
  isMoney(place: number): boolean {
    return this.#denials.limits[place]?.metric === 'costUsd';
  }

  /** The most recent denial. */
  get lastDeny(): GovernorSnapshot['lastDeny'] {
    const reason = this.#denyReason;
    return reason === undefined ? null : { reason, timestamp: this.#deniedAt, actorId: this.#deniedActor };
  }

  /** The strings of all that is held, for an image. */
  tables(): Tables {
    const { leases, actors } = this;
    return { part: leases.part, leases: leases.entries(), actors: actors.entries(), lastDeny: this.lastDeny };
  }

  /** Takes over the strings of an image. @returns false if they are not those of the leases that the core holds */
  restore({ part, leases, actors, lastDeny }: Tables): boolean {
    if (part !== '') this.leases.name(part);
    for (const [slot, generation, actorId, action, key] of leases) {
      // Before the row is written: a slot that the core does not have could be any number.
      if (this.call((core) => core.is_live(slot | 0, generation | 0)) !== 1) return false;
      this.leases.add(slot, generation, actorId, action, key ?? undefined);
    }
    const gauge = (which: number): number => this.call((core) => core.gauge(0, which));
    if (this.leases.entries().length !== gauge(Gauge.ActiveLeases)) return false;
    // A core that reads no actors keeps none: it would hand the same handles out again, to others.
    if (gauge(Gauge.ReadsActors) === 1) for (const [handle, actorId] of actors) this.actors.learn(actorId, handle);
    if (lastDeny !== null) {
      this.#denyReason = lastDeny.reason;
      this.#deniedAt = lastDeny.timestamp;
      this.#deniedActor = lastDeny.actorId ?? '';
    }
    return true;
  }
}

/**
 * What follows the core's answer to a command: numbers of the view become decisions, strings in tables, promises and events,
 * and the timer is told. The order is always the same: copy the answer out, take in the outputs, note when to wake, tell
 * the events; nobody else's code runs before the last of these.
 */
import { ActorNames } from './actors.ts';
import {
  FLAG_KEYS,
  FLAG_SHARE,
  DUE,
  GRANT_RENAMED,
  GRANT_REUSED,
  Gauge,
  NO_HANDLE,
  OutputKind,
  RELEASE_DUE,
  ReleaseCode,
  SLOT_SHIFT,
  View,
  type CoreDiagnosis,
  type CoreHandle,
} from './binding.ts';
import { readClockOr, Time } from './clock.ts';
import { refusalFrom, type PlacedLimits, type ReadConfig } from './config.ts';
import type { Counting } from './counting.ts';
import { Denials } from './denials.ts';
import { Driver, LOST_AFTER_MS } from './driver.ts';
import type { GovernorError } from './errors.ts';
import { newHolders, reserveHold, type Holders } from './holders.ts';
import type { Tables } from './image.ts';
import type { Ask } from './input.ts';
import { LeaseTable, type About, type AboutRow } from './lease-table.ts';
import { boundariesOf } from './limits.ts';
import { runnerHere, stayUntil, type Runner } from './own-request.ts';
import { Places, unbounded, unitOf, type ReadGauge } from './places.ts';
import type { Port } from './port.ts';
import { drawSeed } from './seed.ts';
import { Telling } from './telling.ts';
import { abortReason, workEndsWithRequest } from './timers.ts';
import type { AcquireGranted, Diagnosis, GovernorDecision, LeaseOutcome, SignalLike } from './types.ts';
import { Waiters, type Waiter } from './waiters.ts';

export class Answers {
  readonly leases: LeaseTable = new LeaseTable();
  readonly actors: ActorNames = new ActorNames();
  readonly holders: Holders = newHolders();
  readonly places: Places;
  readonly time: Time;
  readonly telling: Telling = new Telling();
  readonly #port: Port;
  readonly #seed: number | undefined;
  #counting: Counting;
  readonly #driver: Driver<Answers>;
  readonly #waiters: Waiters = new Waiters();
  readonly #denials: Denials;
  /** Something has changed that only `finish` takes in. */
  #owes = false;

  constructor(port: Port, read: ReadConfig, counting: Counting) {
    const { clock, seed } = read;
    this.time = new Time(clock);
    this.#port = port;
    this.#seed = seed;
    this.#driver = new Driver<Answers>(clock, this, Answers.#wake, Answers.#runner);
    const gauge: ReadGauge = (now, which) => this.gauge(now, which);
    this.places = new Places(gauge, counting);
    this.#denials = new Denials(gauge, this.places);
    this.#counting = counting;
    this.configured(read, counting);
  }

  /** The core has this configuration now. */
  configured(read: ReadConfig, counting: Counting): void {
    this.#counting = counting;
    this.telling.configured(read);
    this.places.configured(counting);
  }

  /** Hands the core a configuration. @throws ConfigError; nothing has changed then */
  reconfigure(now: number, plain: object, found: ReadonlyMap<string, unknown>, placed: PlacedLimits): void {
    const core = this.#port.use();
    this.#owes = true; // A command that follows in the same call hears of no change that this one makes.
    try {
      core.reconfigure(now, plain);
    } catch (error) {
      throw refusalFrom(error, found, placed) ?? this.lose(error);
    }
  }

  /** One number of the state. */
  gauge(now: number, which: number): number {
    return this.call((core) => core.gauge(now, which));
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

  /** The same of a command that is part of another, which finishes for both. */
  callBefore<T>(command: (core: CoreHandle) => T): T {
    this.#owes = true;
    return this.call(command);
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
    this.callBefore((core) => core.handle_timeout(now));
    this.#takeOutputs(now);
  }

  /** A lease was granted, or one that is held was given again. @param code what the core said */
  granted(ask: Ask, now: number, code: number): AcquireGranted {
    const { actorId, action, weight, key } = ask;
    const slot = code >> SLOT_SHIFT;
    const view = this.#port.look();
    const generation = view[View.GENERATION]! >>> 0;
    const expiresAt = view[View.EXPIRES_AT]!;
    if ((code & GRANT_RENAMED) !== 0) this.#learn(actorId, view[View.ACTOR]!);
    if ((ask.flags & FLAG_SHARE) !== 0) this.actors.gaveShare(view[View.ACTOR]!);
    if ((ask.flags & FLAG_KEYS) !== 0) this.#counting.learn(view);
    // Before the row is written: an output may be about the lease that had the slot before.
    if ((code & DUE) !== 0) this.#takeOutputs(now);
    const reused = (code & GRANT_REUSED) !== 0;
    const about = reused ? this.leases.about(slot) : this.#aboutOf(ask);
    const leaseId = reused
      ? this.leases.id(slot)
      : this.#newLease(slot, generation, actorId, action, weight, key, about, now);
    if (key !== undefined && !reused) this.#grantSharers(key, now, leaseId, expiresAt, about);
    this.#finishDue(now, code & DUE);
    return grantOf(leaseId, expiresAt, about);
  }

  /** A call was denied. @param code what the core said */
  denied(ask: Ask, now: number, code: number): GovernorDecision {
    const { actorId, action, weight } = ask;
    const denial = this.#denials.make(this.#port.look(), now, actorId);
    if ((code & DUE) !== 0) this.#takeOutputs(now);
    this.telling.denied(denial, now, actorId, action, weight);
    this.#finishDue(now, code & DUE);
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
    if (view[View.ACTOR] !== knownActor) this.#learn(actorId, view[View.ACTOR]!);
    if ((ask.flags & FLAG_SHARE) !== 0) this.actors.gaveShare(view[View.ACTOR]!);
    if ((ask.flags & FLAG_KEYS) !== 0) this.#counting.learn(view);
    const runner = workEndsWithRequest() ? runnerHere() : undefined;
    let waiter: Waiter;
    const promise = new Promise<GovernorDecision>((resolve, reject) => {
      const onAbort = (): void => {
        if (signal !== undefined) this.#withdraw(waiter, abortReason(signal));
      };
      const row = { index, generation, actorId, action, weight, key, about: this.#aboutOf(ask), reserve };
      waiter = { ...row, resolve, reject, signal, onAbort, runner };
      try {
        this.#waiters.add(waiter);
      } catch (error) {
        this.#withdraw(waiter, error); // The signal refused its listener.
      }
    });
    this.finish(now);
    if (runner !== undefined) this.#stay(waiter!, promise, until);
    return promise;
  }

  /** What a waiter does where work ends with its request: sees to it that it has its turn, whatever becomes of others. */
  #stay(waiter: Waiter, answer: Promise<unknown>, until: number): void {
    const { clock } = this.time;
    const delayMs = (): number => {
      const now = readClockOr(clock, until);
      return Math.min(until, Math.max(this.#driver.at, now) + LOST_AFTER_MS) - now;
    };
    stayUntil(answer, clock, delayMs, () => {
      this.#waiters.heardOf(waiter);
      Answers.#wake(this);
    });
  }

  /** A lease that was held has been released. @param code what the core said. @param problem what was wrong with the report */
  released(
    leaseId: string,
    slot: number,
    code: number,
    outcome: LeaseOutcome,
    problem: Error | undefined,
    now: number,
  ): void {
    const { leases, telling } = this;
    if (telling.tells) {
      const view = this.#port.look();
      const [actorId, action] = [leases.actors[slot]!, leases.actions[slot]!];
      const lease = { timestamp: now, leaseId, actorId, action, weight: view[View.WEIGHT]! / 1e6 };
      const isLate = (code & ~RELEASE_DUE) === ReleaseCode.ReleasedLate;
      telling.released(lease, outcome, isLate ? [view[View.HELD_US]!, view[View.TTL_US]!] : undefined, problem);
    }
    leases.drop(slot);
    this.#finishDue(now, code & RELEASE_DUE);
  }

  /** The end of the commands that are most frequent: mostly there is nothing to do. @param due what the core said of that */
  #finishDue(now: number, due: number): void {
    if (due !== 0 || this.#owes || this.telling.tells || !this.#driver.isArmed(now)) this.finish(now);
  }

  /** The end of a command: outputs, timer, signals, events. */
  finish(now: number): void {
    this.#owes = false;
    this.#takeOutputs(now);
    const view = this.#port.look();
    const timeout = view[View.TIMEOUT]!;
    const waiting = view[View.WAITING] !== 0;
    if (this.#driver.mustUpdate(timeout, waiting, now)) this.#driver.update(timeout, waiting, now);
    this.#waiters.leaveSignals();
    this.telling.tell();
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

  /** Who arms the timer. Static, as `#wake` is: a closure made by an instance could hold it. */
  static #runner(answers: Answers): Runner | undefined {
    return answers.#waiters.runner;
  }

  /** Takes in what happened besides the answer. Calls nobody. */
  #takeOutputs(now: number): void {
    while (this.#port.look()[View.PENDING] !== 0) {
      const kind = this.call((core) => core.poll_output());
      const view = this.#port.look();
      const a = view[View.OUT_A]!;
      const b = view[View.OUT_B]!;
      if (kind === OutputKind.Expired) this.#expired(now, a, view[View.OUT_C]!);
      else if (kind === OutputKind.Granted) this.#grantedLater(now, a, b, view);
      else if (kind === OutputKind.ActorFreed) this.actors.forget(a);
      else if (kind === OutputKind.NeedBoundaries) this.#tellBoundaries(now, a);
      else if (kind === OutputKind.KeyFreed) this.#counting.keys.forget(a);
      else if (kind === OutputKind.Warned) this.#warned(now, a, b, view);
      else if (kind === OutputKind.Gate) this.#gateMoved(now, a, b, view);
      else if (kind === OutputKind.Learnt) this.#learnt(now, a, b, view);
      else this.#refusedLater(now, a, b, view);
    }
  }

  #tellBoundaries(now: number, place: number): void {
    const [ends, next] = boundariesOf(this.places.listed(place)?.known, now);
    this.call((core) => core.set_boundaries(now, place, ends, next));
  }

  #expired(now: number, slot: number, weight: number): void {
    const { leases } = this;
    const leaseId = leases.id(slot);
    const [actorId, action] = [leases.actors[slot]!, leases.actions[slot]!];
    this.telling.expired(now, leaseId, actorId, action, weight);
    leases.expire(slot);
  }

  #warned(now: number, place: number, index: number, view: Float64Array): void {
    const limit = this.places.listed(place);
    if (!this.telling.tells || limit === undefined) return;
    const { known, plain } = limit;
    const unit = unitOf(known);
    const [used, max] = [view[View.OUT_C]! / unit, view[View.OUT_D]! / unit];
    const part = (plain['warnAt'] as number[])[index]!;
    this.telling.warned(now, known, used, max, part, this.#counting.keyBehind(known, view[View.OUT_E]!));
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
    const { actorId, action, weight, key, about } = waiter;
    this.#learn(actorId, view[View.OUT_F]!);
    const leaseId = this.#newLease(slot, generation, actorId, action, weight, key, about, now);
    this.#hand(waiter, leaseId, expiresAt, about);
    if (key !== undefined) this.#grantSharers(key, now, leaseId, expiresAt, about);
  }

  #refusedLater(now: number, index: number, generation: number, view: Float64Array): void {
    const waiter = this.#waiters.take(index, generation);
    if (waiter === undefined) return;
    const denial = this.#denials.make(view, now, waiter.actorId);
    this.telling.denied(denial, now, waiter.actorId, waiter.action, waiter.weight);
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
    about: About | undefined,
    now: number,
  ): string {
    if (!this.leases.named) this.leases.name((this.#seed ?? drawSeed(this.#port, now)).toString(36));
    const leaseId = this.leases.add(slot, generation, actorId, action, key, about);
    this.telling.granted(now, leaseId, actorId, action, weight);
    return leaseId;
  }

  /** Keeps a handle that the core has given an actor. */
  #learn(actorId: string, handle: number): void {
    if (handle !== NO_HANDLE) this.actors.learn(actorId, handle);
  }

  /** Callers that wait under the idempotency key of a lease that was just granted get that lease. */
  #grantSharers(key: string, now: number, leaseId: string, expiresAt: number, about: About | undefined): void {
    for (const waiter of this.#waiters.under(key)) {
      this.#waiters.take(waiter.index, waiter.generation);
      this.#hand(waiter, leaseId, expiresAt, about);
      this.call((core) => core.cancel(now, waiter.index | 0, waiter.generation | 0));
    }
  }

  #hand(waiter: Waiter, leaseId: string, expiresAt: number, about: About | undefined): void {
    const grant = grantOf(leaseId, expiresAt, about);
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

  /** What the core said to a question, for people. */
  diagnosed({ granted, limits }: CoreDiagnosis, now: number, actorId: string): Diagnosis {
    const said = this.places.diagnosed(limits);
    if (granted) return { granted, limits: said };
    return { granted, denial: this.#denials.make(this.#port.look(), now, actorId), limits: said };
  }

  /** The strings of all that is held, for an image. */
  tables(): Tables {
    const { leases, actors } = this;
    const { keys, added } = this.#counting;
    return {
      part: leases.part,
      leases: leases.entries(),
      late: leases.late,
      actors: actors.entries(),
      keys: keys.entries(),
      added,
      lastDeny: this.telling.lastDeny,
    };
  }

  /** Takes over the strings of an image. @returns false if they are not those of the leases that the core holds */
  restore({ part, leases, late, actors, keys, lastDeny }: Tables): boolean {
    if (part !== '') this.leases.name(part);
    for (const [slot, generation, actorId, action, key, row] of leases) {
      // Before the row is written: a slot that the core does not have could be any number.
      if (this.call((core) => core.is_live(slot | 0, generation | 0)) !== 1) return false;
      this.leases.add(slot, generation, actorId, action, key ?? undefined, row && this.#aboutFrom(row));
    }
    if (this.leases.entries().length !== this.gauge(0, Gauge.ActiveLeases)) return false;
    for (const [leaseId, row] of late) this.leases.addLate(leaseId, this.#aboutFrom(row));
    // A core that reads no actors keeps none: it would hand the same handles out again, to others.
    if (this.gauge(0, Gauge.ReadsActors) === 1)
      for (const [handle, actorId] of actors) this.actors.learn(actorId, handle);
    this.#counting.keys.restore(keys);
    this.telling.restore(lastDeny);
    return true;
  }

  #gateMoved(now: number, number: number, until: number, view: Float64Array): void {
    const [open, isCircuit] = [view[View.OUT_C] === 1, view[View.OUT_D] === 1];
    this.telling.gateMoved(now, this.#counting.gateName(number), open, until, isCircuit);
  }

  /** A refusal has changed what is known of a hidden limit. */
  #learnt(now: number, place: number, max: number, view: Float64Array): void {
    const bounds = [view[View.OUT_C]!, unbounded(view[View.OUT_D]!)] as const;
    const before = view[View.OUT_E]!;
    this.telling.limitTold(now, this.places.at(place)!.name, max, before === before ? before : undefined, bounds);
  }

  /** What the core does not keep of a call, if anything will need it. */
  #aboutOf(ask: Ask): About | undefined {
    const { family, shrunk } = ask;
    const policy = family?.settle ?? 'actual';
    const settles = policy !== 'actual' || this.#counting.observes || (family?.prices && this.#counting.money);
    if (!settles && shrunk === 0) return undefined;
    const { model: name, promptTokens, outputTokens, images } = ask;
    return { name, family, promptTokens, outputTokens, images, shrunk };
  }

  #aboutFrom([name, promptTokens, outputTokens, images, shrunk]: AboutRow): About {
    return { name, family: this.#counting.model(name), promptTokens, outputTokens, images, shrunk };
  }
}

function grantOf(leaseId: string, expiresAt: number, about: About | undefined): AcquireGranted {
  return about === undefined || about.shrunk === 0
    ? { granted: true, leaseId, expiresAt }
    : { granted: true, leaseId, expiresAt, constraints: { maxOutputTokens: about.shrunk } };
}

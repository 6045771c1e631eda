/**
 * The governor that users hold: objects, strings, promises and events around one core. The core decides; nothing here
 * does. Every command goes the same way: read the arguments, read the clock, one call across, copy the answer out, take in
 * the outputs, note when to wake, tell the events. Nobody else's code runs between the call and the telling.
 */
import { ActorNames } from './actors.ts';
import { Gauge, NO_HANDLE, OutputKind, QUEUED, ReleaseCode, View, type CoreHandle } from './binding.ts';
import { readClock, readClockOr } from './clock.ts';
import { readConfig, refusalFrom } from './config.ts';
import { Denials } from './denials.ts';
import { Driver } from './driver.ts';
import { InputError, LeaseLostError, type GovernorError } from './errors.ts';
import { Events } from './events.ts';
import { reserveHold, type HolderMap } from './holders.ts';
import { readImage, writeImage, type Tables } from './image.ts';
import { newAsk, newTold, outcomeCode, readMs, readReport, readRequest, readSignal, type Ask } from './input.ts';
import { INTERNALS, type Internals } from './internals.ts';
import { LeaseTable } from './lease-table.ts';
import type { Loader } from './loader.ts';
import { Port } from './port.ts';
import { drawSeed } from './seed.ts';
import { badReportText, doubleReleaseText, heldLongText, unknownLeaseText } from './texts.ts';
import { abortReason } from './timers.ts';
import type {
  AcquireGranted,
  AcquireRequest,
  ClockWithTimers,
  DenyReason,
  GovernorConfig,
  GovernorDecision,
  GovernorOptions,
  GovernorSnapshot,
  ReleaseReport,
  SignalLike,
  Wait,
} from './types.ts';
import { Waiters, type Waiter } from './waiters.ts';

/**
 * Grants leases for calls, or says why not and until when. Make one with `createGovernor`.
 *
 * Every method may throw `ClosedError` after `close()`, and `PoisonedError` after a failure inside the core.
 */
export class Governor {
  readonly #port: Port;
  readonly #clock: ClockWithTimers;
  readonly #strict: boolean;
  readonly #seed: number | undefined;
  readonly #idBytes: number;
  readonly #events: Events | undefined;
  readonly #driver: Driver<Governor>;
  readonly #leases: LeaseTable = new LeaseTable();
  readonly #actors: ActorNames = new ActorNames();
  readonly #waiters: Waiters = new Waiters();
  readonly #denials: Denials;
  readonly #ask = newAsk();
  readonly #told = newTold();
  readonly #holders: HolderMap = new Map();
  #internals: Internals | undefined;
  #lastNow = 0;
  #denyReason: DenyReason | undefined;
  #denyAt = 0;
  #denyActor = '';

  /** @internal Users get this class without the loader, from `bindGovernor`. */
  constructor(loader: Loader, config?: GovernorConfig | null, options?: GovernorOptions | null) {
    const { plain, found, strict, onEvent, clock, seed } = readConfig(config);
    const image = options?.restore === undefined || options.restore === null ? undefined : readImage(options.restore);
    this.#port = new Port(
      loader,
      (glue) => (image === undefined ? new glue.Core(plain) : glue.Core.restore(plain, image.core)),
      (error) => refusalFrom(error, found),
    );
    this.#clock = clock;
    this.#strict = strict;
    this.#seed = seed;
    this.#events = onEvent === undefined ? undefined : new Events(onEvent);
    this.#driver = new Driver<Governor>(clock, this, Governor.#wake);
    this.#idBytes = this.#gauge(0, Gauge.IdBytes);
    this.#denials = new Denials((now, which) => this.#gauge(now, which));
    if (image !== undefined) this.#restore(image.tables);
  }

  static {
    const { acquire, close } = this.prototype;
    Object.defineProperty(this.prototype, INTERNALS, {
      get(this: Governor): Internals {
        return (this.#internals ??= {
          acquire,
          clock: this.#clock,
          holders: this.#holders,
          enter: (request, wait) => this.#enter(request, wait, true),
        });
      },
    });
    // `using governor = ...`, where the platform knows it (Node 20 on).
    const dispose = (Symbol as { dispose?: symbol }).dispose;
    if (dispose !== undefined)
      Object.defineProperty(this.prototype, dispose, { value: close, writable: true, configurable: true });
  }

  /**
   * Asks for a lease. Answers at once; a denied call has consumed nothing.
   *
   * @throws InputError for a bad request, naming field, value and what is allowed; nothing has changed then
   *
   * @example
   * const decision = governor.acquire({ actorId: 'user-1', action: 'chat' });
   * if (decision.granted) governor.release(decision.leaseId, { outcome: 'success' });
   * else console.log(decision.recommendation, decision.retryAt);
   */
  acquire(request: AcquireRequest): GovernorDecision {
    const now = (this.#lastNow = readClock(this.#clock));
    const ask = this.#ask;
    readRequest(request, this.#idBytes, ask);
    const core = this.#port.use();
    const actor = this.#actors.handle(ask.actorId);
    const claim = ask.key === undefined ? undefined : this.#leases.claim(ask.key);
    let code: number;
    try {
      code = core.acquire(
        now,
        actor | 0,
        ask.flags | 0,
        ask.weight,
        ask.promptTokens,
        ask.outputTokens,
        claim === undefined ? -1 : claim.slot | 0,
        claim === undefined ? 0 : claim.generation | 0,
      );
    } catch (error) {
      throw this.#lose(error);
    }
    return code >= 0 ? this.#granted(ask, now, code, actor) : this.#denied(ask, now);
  }

  /**
   * Asks for a lease and waits for it in the queue where `acquire` would deny for now. Resolves to a denial when it can
   * never be granted, not before the deadline, or when the queue is full.
   *
   * @throws InputError for bad arguments, the signal's reason when it is aborted before the answer; nothing was consumed then
   *
   * @example
   * const decision = await governor.acquireAsync({ actorId: 'user-1', action: 'chat' }, { timeoutMs: 5000 });
   */
  acquireAsync(request: AcquireRequest, wait?: Wait | null): Promise<GovernorDecision> {
    return this.#enter(request, wait, false);
  }

  /** Async, so that bad arguments are rejections; up to the core's answer it runs at once, in the order of the calls. */
  async #enter(request: AcquireRequest, wait: Wait | null | undefined, reserve: boolean): Promise<GovernorDecision> {
    if (wait !== undefined && typeof wait !== 'object')
      throw new InputError({ field: 'wait', value: wait, allowed: 'an object' });
    const signal = readSignal(wait?.signal);
    const timeoutMs = readMs(wait?.timeoutMs, 'wait.timeoutMs', 0, Infinity);
    const until = readMs(wait?.deadline, 'wait.deadline', 0, Infinity);
    if (signal?.aborted === true) throw abortReason(signal);
    const now = (this.#lastNow = readClock(this.#clock));
    const ask = this.#ask;
    readRequest(request, this.#idBytes, ask);
    const core = this.#port.use();
    const actor = this.#actors.handle(ask.actorId);
    const claim = ask.key === undefined ? undefined : this.#leases.claim(ask.key);
    let code: number;
    try {
      code = core.enqueue(
        now,
        actor | 0,
        ask.flags | 0,
        ask.weight,
        ask.promptTokens,
        ask.outputTokens,
        claim === undefined ? -1 : claim.slot | 0,
        claim === undefined ? 0 : claim.generation | 0,
        Math.min(now + timeoutMs, until),
      );
    } catch (error) {
      throw this.#lose(error);
    }
    if (code === QUEUED) return this.#park(ask, now, actor, signal, reserve);
    if (code < 0) return this.#denied(ask, now);
    const { key } = ask;
    const decision = this.#granted(ask, now, code, actor);
    if (reserve && key !== undefined) reserveHold(this.#holders, decision.leaseId);
    return decision;
  }

  /**
   * Ends a lease. Always call it, also after an error. An unknown or repeated release is ignored.
   *
   * @throws in strict mode: LeaseLostError for a lease that is not held, InputError for a bad report, after the lease ended
   */
  release(leaseId: string, report?: ReleaseReport | null): void {
    const now = (this.#lastNow = readClockOr(this.#clock, this.#lastNow));
    const told = this.#told;
    const problem = readReport(report, told);
    const core = this.#port.use();
    const leases = this.#leases;
    const slot = leases.find(leaseId);
    if (slot < 0) return this.#notHeld(leaseId, ReleaseCode.Unknown);
    const generation = leases.generation;
    const outcome = told.outcome;
    let code: number;
    try {
      code = core.release(
        now,
        slot | 0,
        generation | 0,
        outcomeCode(outcome) | 0,
        told.latencyMs,
        told.promptTokens,
        told.outputTokens,
      );
    } catch (error) {
      throw this.#lose(error);
    }
    if (code === ReleaseCode.Released || code === ReleaseCode.ReleasedLate) {
      const events = this.#events;
      if (events !== undefined) {
        const view = this.#port.look();
        const lease = {
          timestamp: now,
          leaseId,
          actorId: leases.actors[slot]!,
          action: leases.actions[slot]!,
          weight: view[View.WEIGHT]!,
        };
        if (code === ReleaseCode.ReleasedLate && this.#strict) {
          events.push({ type: 'warn', ...lease, message: heldLongText(view[View.HELD_MS]!, view[View.TTL_MS]!) });
        }
        if (problem !== undefined) events.push({ type: 'warn', ...lease, message: badReportText(problem.message) });
        events.push({ type: 'release', ...lease, outcome });
      }
      leases.drop(slot);
      this.#finish(now);
      if (problem !== undefined && this.#strict) throw problem;
      return;
    }
    this.#finish(now);
    this.#notHeld(leaseId, code);
  }

  /**
   * Moves the end of a lease to `ttlMs` from now.
   *
   * @param ttlMs default: `leaseTtlMs`
   * @returns whether the lease is held; an expired one cannot be renewed
   * @throws InputError for a bad `ttlMs`
   */
  renew(leaseId: string, ttlMs?: number | null): boolean {
    const ttl = readMs(ttlMs, 'ttlMs', 1, NaN);
    const now = (this.#lastNow = readClock(this.#clock));
    this.#port.use();
    const slot = this.#leases.find(leaseId);
    if (slot < 0) return false;
    const { generation } = this.#leases;
    const renewed = this.#call((core) => core.renew(now, slot | 0, generation | 0, ttl)) === 1;
    this.#finish(now);
    return renewed;
  }

  /** A point-in-time view, for dashboards and debugging. Changes nothing: expired leases count until they are swept. */
  snapshot(): GovernorSnapshot {
    const now = readClock(this.#clock);
    const { concurrency, ...view } = this.#call((core) => core.snapshot(now));
    const lastDeny =
      this.#denyReason === undefined
        ? null
        : { reason: this.#denyReason, timestamp: this.#denyAt, actorId: this.#denyActor };
    const aliased = concurrency === null ? null : { ...concurrency, active: concurrency.inFlightWeight };
    return { timestamp: now, ...view, concurrency: aliased, lastDeny };
  }

  /** Leases held. */
  get activeLeases(): number {
    return this.#gaugeNow(Gauge.ActiveLeases);
  }

  /** Weight in flight; 0 where concurrency is not limited. */
  get concurrencyActive(): number {
    return this.#gaugeNow(Gauge.ConcurrencyActive);
  }

  /** Weight that is free; Infinity where concurrency is not limited. */
  get concurrencyAvailable(): number {
    return this.#gaugeNow(Gauge.ConcurrencyAvailable);
  }

  /** Most weight in flight at present; Infinity where concurrency is not limited. */
  get concurrencyEffectiveMax(): number {
    return this.#gaugeNow(Gauge.ConcurrencyEffectiveMax);
  }

  /** Calls in the current window; 0 where they are not limited. */
  get rateCount(): number {
    return this.#gaugeNow(Gauge.RateCount);
  }

  /** Calls per window; Infinity where they are not limited. */
  get rateLimit(): number {
    return this.#gaugeNow(Gauge.RateLimit);
  }

  /** Tokens in the current window; 0 where they are not limited. */
  get tokenRateCount(): number {
    return this.#gaugeNow(Gauge.TokenRateCount);
  }

  /** Tokens per window; Infinity where they are not limited. */
  get tokenRateLimit(): number {
    return this.#gaugeNow(Gauge.TokenRateLimit);
  }

  /**
   * The whole state as bytes, for `createGovernor(config, { restore })`: leases stay valid under their ids, windows keep
   * what they count. Waiters are callers of this process and are not part of it.
   */
  save(): Uint8Array {
    const image = this.#call((core) => core.save());
    const leases = this.#leases;
    const held: Tables['leases'][number][] = [];
    for (let slot = 0; slot < leases.rows; slot++) {
      const actorId = leases.actors[slot]!;
      if (actorId !== '')
        held.push([slot, leases.generations[slot]!, actorId, leases.actions[slot]!, leases.keyOf(slot) ?? null]);
    }
    const lastDeny =
      this.#denyReason === undefined ? null : ([this.#denyReason, this.#denyAt, this.#denyActor] as const);
    return writeImage(image, { part: leases.part, leases: held, actors: this.#actors.entries(), lastDeny });
  }

  #restore(tables: Tables): void {
    if (tables.part !== '') this.#leases.name(tables.part);
    for (const [slot, generation, actorId, action, key] of tables.leases) {
      this.#leases.add(slot, generation, actorId, action, key ?? undefined);
    }
    for (const [handle, actorId] of tables.actors) this.#actors.learn(actorId, handle);
    if (tables.lastDeny !== null) [this.#denyReason, this.#denyAt, this.#denyActor] = tables.lastDeny;
  }

  /**
   * Stops the timer. `acquire` goes on answering; expired leases stay until they are released or a later call frees them.
   * Idempotent.
   */
  dispose(): void {
    this.#driver.stop();
  }

  /** Ends the governor and frees its memory. Waiting calls reject with `ClosedError`, later calls throw it. Idempotent. */
  close(): void {
    this.#port.close();
    this.#driver.close();
    const fault = this.#port.fault;
    if (fault !== undefined) this.#waiters.rejectAll(fault);
  }

  /** Copies a grant out of the view, then takes in the rest. */
  #granted(ask: Ask, now: number, slot: number, knownActor: number): AcquireGranted {
    const { actorId, action, weight, key } = ask;
    const view = this.#port.look();
    const generation = view[View.GENERATION]! >>> 0;
    const expiresAt = view[View.EXPIRES_AT]!;
    const actor = view[View.ACTOR]!;
    if (actor !== knownActor && actor !== NO_HANDLE) this.#actors.learn(actorId, actor);
    const reused = view[View.REUSED] === 1;
    // Before the row is written: an output may be about the lease that had the slot before.
    if (view[View.PENDING] !== 0) this.#takeOutputs(now);
    const leases = this.#leases;
    if (reused) {
      this.#finish(now);
      return { granted: true, leaseId: leases.id(slot, generation), expiresAt };
    }
    if (!leases.named) leases.name((this.#seed ?? drawSeed(this.#port, now)).toString(36));
    const leaseId = leases.add(slot, generation, actorId, action, key);
    this.#events?.push({ type: 'acquire', timestamp: now, leaseId, actorId, action, weight });
    if (key !== undefined) this.#grantSharers(key, now, leaseId, expiresAt);
    this.#finish(now);
    return { granted: true, leaseId, expiresAt };
  }

  /** Copies a denial out of the view, then takes in the rest. */
  #denied(ask: Ask, now: number): GovernorDecision {
    const decision = this.#refusal(now, ask.actorId, ask.action, ask.weight, true);
    this.#finish(now);
    return decision;
  }

  /** The denial in the view, noted as the last one and as an event. */
  #refusal(now: number, actorId: string, action: string, weight: number, outputsFirst: boolean): GovernorDecision {
    const decision = this.#denials.make(this.#port.look(), now, actorId);
    const { reason, retryAfterMs, recommendation } = decision;
    this.#denyReason = reason;
    this.#denyAt = now;
    this.#denyActor = actorId;
    if (outputsFirst && this.#port.look()[View.PENDING] !== 0) this.#takeOutputs(now);
    this.#events?.push({ type: 'deny', timestamp: now, actorId, action, reason, retryAfterMs, recommendation, weight });
    return decision;
  }

  /** Parks a caller whose request the core has queued. */
  #park(
    ask: Ask,
    now: number,
    knownActor: number,
    signal: SignalLike | undefined,
    reserve: boolean,
  ): Promise<GovernorDecision> {
    const { actorId, action, weight, key } = ask;
    const view = this.#port.look();
    const index = view[View.WAITER]!;
    const generation = view[View.WAITER_GENERATION]!;
    const actor = view[View.ACTOR]!;
    if (actor !== knownActor && actor !== NO_HANDLE) this.#actors.learn(actorId, actor);
    const promise = new Promise<GovernorDecision>((resolve, reject) => {
      const onAbort = (): void => {
        if (signal !== undefined) this.#withdraw(waiter, abortReason(signal));
      };
      const waiter: Waiter = {
        index,
        generation,
        actorId,
        action,
        weight,
        key,
        reserve,
        resolve,
        reject,
        signal,
        onAbort,
      };
      try {
        this.#waiters.add(waiter);
      } catch (error) {
        this.#withdraw(waiter, error); // The signal refused its listener.
      }
    });
    this.#finish(now);
    return promise;
  }

  /** Takes a caller out of the queue. It has consumed nothing. */
  #withdraw(waiter: Waiter, reason: unknown): void {
    if (this.#waiters.take(waiter.index, waiter.generation) === undefined) return;
    waiter.reject(reason);
    if (this.#port.fault !== undefined) return;
    const now = (this.#lastNow = readClockOr(this.#clock, this.#lastNow));
    try {
      this.#call((core) => core.cancel(now, waiter.index | 0, waiter.generation | 0));
      this.#finish(now);
    } catch {
      // A trap: this runs inside somebody's `abort()`, who cannot help it; every later call says so.
    }
  }

  /** Callers that wait under the idempotency key of a lease that was just granted get that lease. */
  #grantSharers(key: string, now: number, leaseId: string, expiresAt: number): void {
    for (const waiter of this.#waiters.under(key)) {
      this.#waiters.take(waiter.index, waiter.generation);
      this.#hand(waiter, leaseId, expiresAt);
      this.#call((core) => core.cancel(now, waiter.index | 0, waiter.generation | 0));
    }
  }

  #hand(waiter: Waiter, leaseId: string, expiresAt: number): void {
    if (waiter.reserve && waiter.key !== undefined) reserveHold(this.#holders, leaseId);
    waiter.resolve({ granted: true, leaseId, expiresAt });
  }

  /** The end of every command: outputs, timer, events. */
  #finish(now: number): void {
    let view = this.#port.look();
    if (view[View.PENDING] !== 0) {
      this.#takeOutputs(now);
      view = this.#port.look();
    }
    const timeout = view[View.TIMEOUT]!;
    const waiting = view[View.WAITING] !== 0;
    if (this.#driver.mustUpdate(timeout, waiting, now)) this.#driver.update(timeout, waiting, now);
    this.#events?.tell();
  }

  /** Takes in what happened besides the answer. Calls nobody. */
  #takeOutputs(now: number): void {
    for (;;) {
      const kind = this.#call((handle) => handle.poll_output());
      if (kind === OutputKind.None) return;
      const view = this.#port.look();
      const a = view[View.OUT_A]!;
      const b = view[View.OUT_B]!;
      if (kind === OutputKind.Expired) this.#expired(now, a, b, view[View.OUT_C]!);
      else if (kind === OutputKind.Granted) this.#grantedLater(now, a, b, view);
      else if (kind === OutputKind.ActorFreed) this.#actors.forget(a);
      else {
        const waiter = this.#waiters.take(a, b);
        if (waiter !== undefined)
          waiter.resolve(this.#refusal(now, waiter.actorId, waiter.action, waiter.weight, false));
      }
    }
  }

  #expired(now: number, slot: number, generation: number, weight: number): void {
    const leases = this.#leases;
    this.#events?.push({
      type: 'expire',
      timestamp: now,
      leaseId: leases.id(slot, generation),
      actorId: leases.actors[slot]!,
      action: leases.actions[slot]!,
      weight,
    });
    leases.drop(slot);
  }

  #grantedLater(now: number, index: number, waiterGeneration: number, view: Float64Array): void {
    const slot = view[View.OUT_C]!;
    const generation = view[View.OUT_D]! >>> 0;
    const expiresAt = view[View.OUT_E]!;
    const actor = view[View.OUT_F]!;
    const waiter = this.#waiters.take(index, waiterGeneration);
    if (waiter === undefined) {
      // Nobody is there to use it (an image with waiters): a normal release.
      this.#call((core) => core.release(now, slot | 0, generation | 0, outcomeCode('cancelled'), NaN, 0, 0));
      return;
    }
    const { actorId, action, weight, key } = waiter;
    if (actor !== NO_HANDLE) this.#actors.learn(actorId, actor);
    if (!this.#leases.named) this.#leases.name((this.#seed ?? drawSeed(this.#port, now)).toString(36));
    const leaseId = this.#leases.add(slot, generation, actorId, action, key);
    this.#events?.push({ type: 'acquire', timestamp: now, leaseId, actorId, action, weight });
    this.#hand(waiter, leaseId, expiresAt);
    if (key !== undefined) this.#grantSharers(key, now, leaseId, expiresAt);
  }

  #notHeld(leaseId: unknown, code: number): void {
    if (!this.#strict || code === ReleaseCode.Released) return;
    if (typeof leaseId !== 'string') throw new InputError({ field: 'leaseId', value: leaseId, allowed: 'a string' });
    throw new LeaseLostError(
      leaseId,
      code === ReleaseCode.Double ? doubleReleaseText(leaseId) : unknownLeaseText(leaseId),
    );
  }

  #gaugeNow(which: number): number {
    return this.#gauge(readClock(this.#clock), which);
  }

  #gauge(now: number, which: number): number {
    return this.#call((core) => core.gauge(now, which));
  }

  /** A guarded call off the hot path. */
  #call<T>(command: (core: CoreHandle) => T): T {
    const core = this.#port.use();
    try {
      return command(core);
    } catch (error) {
      throw this.#lose(error);
    }
  }

  /** A call trapped: everybody who waits is told. */
  #lose(error: unknown): GovernorError {
    const fault = this.#port.trap(error);
    this.#driver.close();
    this.#waiters.rejectAll(fault);
    return fault;
  }

  /** What the timer does. Never throws: nobody is there to catch it. */
  static #wake(governor: Governor): void {
    const fault = governor.#port.fault;
    if (fault !== undefined) {
      governor.#driver.close();
      governor.#waiters.rejectAll(fault);
      return;
    }
    const now = (governor.#lastNow = readClockOr(governor.#clock, governor.#lastNow));
    try {
      governor.#call((core) => core.handle_timeout(now));
      governor.#finish(now);
    } catch {
      // A trap: `#lose` has told the waiters, and every later call says so.
    }
  }
}

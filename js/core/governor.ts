/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The governor that users hold. Each method reads its arguments and the clock, makes one call across and hands the core's
 * answer on to `answers.ts`. The core decides; nothing here does.
 */
import { Answers } from './answers.ts';
import { Asking } from './asking.ts';
import { DUE, FLAG_ANSWERED, FLAG_TELL, Gauge, QUEUED, RELEASE_DUE, ReleaseCode, View } from './binding.ts';
import { readConfig, readOptions, refusalFrom, type ReadConfig } from './config.ts';
import { settle } from './costs.ts';
import { Counting } from './counting.ts';
import { DeniedError, InputError, LeaseLostError } from './errors.ts';
import { reserveHold } from './holders.ts';
import { readImage, refuseImage, writeImage, type Tables } from './image.ts';
import { newTold, outcomeCode, readMs, readReport, readWait, type Told } from './input.ts';
import { INTERNALS, type Internals } from './internals.ts';
import { KeyNames } from './keys.ts';
import { Lease } from './lease.ts';
import type { LeaseRef, LeaseTable } from './lease-table.ts';
import { Ledger } from './ledger.ts';
import type { Loader } from './loader.ts';
import { ownMetrics } from './limits.ts';
import { Observing } from './observing.ts';
import { Port } from './port.ts';
import { RetryBudgets } from './retry-budget.ts';
import { doubleReleaseText, unknownLeaseText } from './texts.ts';
import { abortReason } from './timers.ts';
import type {
  AcquireRequest,
  AnswerReading,
  Diagnosis,
  GovernorConfig,
  GovernorDecision,
  GovernorOptions,
  GovernorSnapshot,
  Observation,
  ObservedAnswer,
  ObserveOptions,
  ReleaseReport,
  TokenUsage,
  Wait,
} from './types.ts';
import type { Fixed, Governed, WrapOptions, OutputOf } from './types/wrap.ts';
import { wrapFunction } from './wrap.ts';

/**
 * Grants leases for calls, or says why not and until when. Make one with `createGovernor`.
 *
 * Every method may throw `ClosedError` after `close()`, and `PoisonedError` after a failure inside the core.
 */
export class Governor {
  readonly #port: Port;
  readonly #answers: Answers;
  readonly #leases: LeaseTable;
  readonly #asking: Asking;
  readonly #ledger: Ledger;
  readonly #observing: Observing;
  // Written anew by each call, when nobody else's code can run before it is read.
  readonly #told: Told = newTold();
  #strict = false;
  readonly #retries = new RetryBudgets(undefined, (model) => this.#asking.counting.model(model)?.family.name);
  #internals: Internals | undefined;

  /** `close()` at the end of a block: `using governor = createGovernor();`. There where the platform has it (Node 20 on). */
  declare readonly [Symbol.dispose]: () => void;

  /** @internal Users get this class without the loader, from `bindGovernor`. */
  constructor(loader: Loader, config?: GovernorConfig | null, options?: GovernorOptions | null) {
    const read = readConfig(config);
    const { restore } = readOptions(options);
    const image = restore === undefined || restore === null ? undefined : readImage(restore);
    const counting = new Counting(read, new KeyNames(), image?.tables.added, true);
    const { plain, placed } = counting;
    this.#port = new Port(
      loader,
      (glue) => (image === undefined ? new glue.Core(plain) : glue.Core.restore(plain, image.core)),
      (error) => refusalFrom(error, read.found, placed, restore),
    );
    this.#answers = new Answers(this.#port, read, counting);
    this.#leases = this.#answers.leases;
    this.#asking = new Asking(this.#port, this.#answers, counting);
    this.#ledger = new Ledger(this.#port, this.#answers, this.#asking, this.#told);
    this.#observing = new Observing(this.#port, this.#answers, this.#asking, read);
    this.#start(read);
    if (image !== undefined) this.#restore(image.tables, restore);
  }

  #restore(tables: Tables, restore: unknown): void {
    let restored = false;
    try {
      restored = this.#answers.restore(tables);
    } finally {
      if (!restored) this.close(); // A function that is asked for models may throw.
    }
    if (!restored) throw refuseImage(restore);
  }

  /** The core has this configuration. */
  #start(read: ReadConfig): void {
    const asking = this.#asking;
    const answers = this.#answers;
    const { counting } = asking;
    const { amounts } = asking.ask;
    this.#strict = read.strict;
    this.#retries.terms = read.retryBudget;
    this.#observing.config = read;
    asking.shares = read.shares;
    answers.actors.changeShares();
    asking.idBytes = answers.gauge(0, Gauge.IdBytes);
    amounts.metrics = this.#told.amounts.metrics = counting.metrics;
    counting.start((placed) => {
      // A function that was asked for a model has taken over another configuration.
      if (counting !== asking.counting) return false;
      answers.reconfigure(answers.time.read(), counting.plainWith(placed), read.found, placed);
      amounts.metrics = this.#told.amounts.metrics = ownMetrics(placed.limits);
      return true;
    });
  }

  static {
    const { acquire, close } = this.prototype;
    Object.defineProperty(this.prototype, INTERNALS, {
      get(this: object): Internals | undefined {
        // An object that has a governor for its prototype is the user's own.
        if (!(#port in this)) return undefined;
        const asking = this.#asking;
        return (this.#internals ??= {
          acquire,
          get idBytes() {
            return asking.idBytes;
          },
          clock: this.#answers.time.clock,
          holders: this.#answers.holders,
          retries: this.#retries,
          readerFor: (model) => this.#observing.readerFor(model),
          enter: (request, wait) => this.#enter(request, wait, true),
          rooms: (request) => this.#diagnose(request, false),
        });
      },
    });
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
    const asking = this.#asking;
    const now = asking.read(request);
    const { ask } = asking;
    const claim = ask.key === undefined ? undefined : this.#holderOf(ask.key, now);
    const actor = this.#answers.actors.handle(ask.actorId);
    let code = asking.acquire(now, actor, claim, NaN);
    if (code < 0 && ask.canShrink && asking.shrink(now, actor)) code = asking.acquire(now, actor, claim, NaN);
    return code >= 0 ? this.#answers.granted(ask, now, code) : this.#answers.denied(ask, now, code);
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

  /**
   * As `acquireAsync`, and the lease ends with the block that it is in: `await using`. What the call used is told with
   * `lease.use`; after an exception release the lease yourself to report another outcome than success.
   *
   * @throws DeniedError with the decision, and what `acquireAsync` throws
   *
   * @example
   * const lease = await governor.lease({ actorId: 'user-1', action: 'chat' }, { timeoutMs: 5000 });
   * try {
   *   await callMyModel();
   *   lease.use({ promptTokens: 300, outputTokens: 200 });
   * } finally {
   *   lease.release();
   * }
   */
  async lease(request: AcquireRequest, wait?: Wait | null): Promise<Lease> {
    const decision = await this.#enter(request, wait, true);
    if (!decision.granted) throw new DeniedError(decision);
    const lease = new Lease(this, request, decision);
    // Aborted after the grant, and before this went on.
    const signal = wait?.signal;
    if (signal?.aborted !== true) return lease;
    lease.release({ outcome: 'cancelled' });
    throw abortReason(signal);
  }

  /** Async, so that bad arguments are rejections; up to the core's answer it runs at once, in the order of the calls. */
  async #enter(request: AcquireRequest, wait: Wait | null | undefined, reserve: boolean): Promise<GovernorDecision> {
    const { signal, timeoutMs, deadline } = readWait(wait);
    if (signal?.aborted === true) throw abortReason(signal);
    const asking = this.#asking;
    const now = asking.read(request);
    const { ask } = asking;
    const until = Math.min(now + timeoutMs, deadline);
    const claim = ask.key === undefined ? undefined : this.#holderOf(ask.key, now);
    const actor = this.#answers.actors.handle(ask.actorId);
    if (ask.canShrink) asking.shrink(now, actor);
    const code = asking.acquire(now, actor, claim, until);
    if ((code & ~DUE) === QUEUED) return this.#answers.queued(ask, now, actor, signal, until, reserve);
    if (code < 0) return this.#answers.denied(ask, now, code);
    const { key } = ask;
    const decision = this.#answers.granted(ask, now, code);
    if (reserve && key !== undefined) reserveHold(this.#answers.holders, decision);
    return decision;
  }

  /** The lease that holds an idempotency key at `now`: one that somebody waits for may be granted just now. */
  #holderOf(key: string, now: number): LeaseRef | undefined {
    this.#answers.catchUp(now);
    return this.#leases.claim(key);
  }

  /**
   * Ends a lease. Always call it, also after an error. A release of a lease that is unknown or was released is ignored.
   *
   * @param report default: a success that used what was estimated and took as long as the lease was held
   * @throws InputError for an id that is no string; in strict mode LeaseLostError for a lease that is not held, InputError for
   * a bad report, after the lease ended. InputError for a clock that fails before a restored governor has read it once
   *
   * @example
   * governor.release(decision.leaseId, { outcome: 'success', usage: { promptTokens: 300, outputTokens: 200 } });
   */
  release(leaseId: string, report?: ReleaseReport | null): void {
    const now = this.#answers.time.readOrLast();
    const told = this.#told;
    let problem = readReport(report, told);
    const core = this.#port.use();
    const leases = this.#leases;
    const slot = leases.find(leaseId);
    if (slot < 0) return this.#notHeld(leaseId, ReleaseCode.Unknown);
    const generation = leases.generation;
    const outcome = told.outcome;
    const about = leases.about(slot, leaseId);
    if (about !== undefined) problem = settle(about, told, this.#asking.counting.money) ?? problem;
    if (told.flags !== 0) this.#port.hand(told.amounts.list);
    let flags = outcomeCode(outcome) | told.flags;
    if (this.#answers.telling.tells) flags |= FLAG_TELL;
    if (!Number.isNaN(told.status) || !Number.isNaN(told.firstTokenMs)) {
      const view = this.#port.look();
      view[View.STATUS] = told.status;
      view[View.FIRST_TOKEN] = told.firstTokenMs;
      view[View.RETRY_AFTER] = told.retryAfterMs;
      flags |= FLAG_ANSWERED;
    }
    let code: number;
    try {
      code = core.release(now, slot | 0, generation | 0, flags, told.latencyMs, told.promptTokens, told.outputTokens);
    } catch (error) {
      throw this.#answers.lose(error);
    }
    const ended = code & ~RELEASE_DUE;
    if (ended === ReleaseCode.Released || ended === ReleaseCode.ReleasedLate) {
      this.#answers.released(leaseId, slot, code, outcome, problem, now);
      if (problem !== undefined && this.#strict) throw problem;
    } else {
      this.#answers.finish(now);
      this.#notHeld(leaseId, ended);
    }
  }

  /** What is said to a release of what is not held: of no id at all always, of another in strict mode. */
  #notHeld(leaseId: unknown, code: number): void {
    if (typeof leaseId !== 'string') throw badId(leaseId);
    if (!this.#strict) return;
    const text = code === ReleaseCode.Double ? doubleReleaseText(leaseId) : unknownLeaseText(leaseId);
    throw new LeaseLostError(leaseId, text);
  }

  /**
   * Moves the end of a lease to `ttlMs` from now.
   *
   * @param ttlMs default: `leaseTtlMs`; at most 366 days
   * @returns whether the lease is held; one that was swept after its end cannot be renewed
   * @throws InputError for a bad `ttlMs`, or an id that is no string
   *
   * @example
   * for await (const chunk of stream) {
   *   if (!governor.renew(decision.leaseId)) break; // Expired: the slot may be somebody else's by now.
   *   show(chunk);
   * }
   */
  renew(leaseId: string, ttlMs?: number | null): boolean {
    const ttl = readMs(ttlMs, 'ttlMs', { absent: NaN, min: 1 });
    const now = this.#answers.time.read();
    this.#port.use();
    const slot = this.#leases.find(leaseId);
    if (slot < 0 && typeof leaseId !== 'string') throw badId(leaseId);
    if (slot < 0) return false;
    const { generation } = this.#leases;
    const renewed = this.#answers.call((core) => core.renew(now, slot | 0, generation | 0, ttl)) === 1;
    this.#answers.finish(now);
    return renewed;
  }

  /**
   * Changes how much a limit allows from now on. What is counted stays counted, and leases in flight settle as before; a
   * limit below what it counts admits nothing until it has drained.
   *
   * @param name as in the configuration; `requests` and `tokens` of `rate` have these names
   * @param limit in the range that the configuration allows, for `costUsd` in dollars
   * @throws InputError for a name that no limit has, or an amount that it cannot have; nothing has changed then
   *
   * @example
   * const tier = createGovernor({ limits: { tokens: '200k/m' } });
   * tier.setLimit('tokens/1m', 400_000); // The provider has raised it.
   */
  setLimit(name: string, limit: number): void {
    this.#ledger.setLimit(name, limit);
  }

  /**
   * Counts a call that was made without a lease, such as one of another program: in all limits, whether it fits or not.
   * Nothing is in flight for it.
   *
   * @param usage what it used; what is left out is as estimated in `request`. It counts as its model is settled: see `settle`
   * @throws InputError for a bad request or usage; nothing has changed then
   *
   * @example
   * governor.record({ actorId: 'batch', action: 'chat' }, { promptTokens: 1200, outputTokens: 300 });
   */
  record(request: AcquireRequest, usage?: TokenUsage | null): void {
    this.#ledger.record(request, usage);
  }

  /**
   * What `acquire` would say to a request now, and what each limit that counts it says. Takes nothing and counts nothing; what is
   * due by now happens first, as at every call: leases expire, and calls that wait are served. An idempotency key is not looked at.
   *
   * @throws InputError for a bad request
   *
   * @example
   * const { granted, limits } = governor.diagnose({ actorId: 'user-1', action: 'chat' });
   * for (const { name, used, limit, fits, retryAt } of limits) console.log(name, used, limit, fits, retryAt);
   */
  diagnose(request: AcquireRequest): Diagnosis {
    return this.#diagnose(request, true);
  }

  #diagnose(request: AcquireRequest, reserved: boolean): Diagnosis {
    const now = this.#asking.read(request);
    const { actorId } = this.#asking.ask;
    const said = this.#asking.diagnose(now, this.#answers.actors.handle(actorId), reserved);
    const diagnosis = this.#answers.diagnosed(said, now, actorId);
    this.#answers.finish(now);
    return diagnosis;
  }

  /**
   * Takes in what a provider has answered to a call. A refusal closes the gate of its model's family: calls are denied, and
   * waiters wait, until the instant that the provider names, with cause `cooldown`; for an error that stays (quota, credit) until
   * `reopen`, with cause `circuit`. Limits that the provider tells of become limits of the family, named `provider:...`, beside
   * those of the configuration, and follow what it says is left. Needs `readAnswer` for more than status and `Retry-After`.
   *
   * @param answer a response, whose body is not read, its parts, the error of an SDK, or what `readAnswer` returned
   * @throws InputError for what is no answer; what the reader throws. Nothing has changed then
   *
   * @example
   * const answer = { status: 429, headers: { 'retry-after': '20' } }; // Or the `Response` that came.
   * governor.observe(answer, { leaseId: decision.leaseId, model: 'gpt-4o' });
   */
  observe(answer: ObservedAnswer | AnswerReading | Error, options?: ObserveOptions | null): Observation {
    return this.#observing.observe(answer, options);
  }

  /**
   * Opens the gate of a model's family, whatever closed it: quota was bought, say.
   *
   * @param model default: calls without a model
   * @returns whether it was closed, or about to open
   *
   * @example
   * governor.reopen('gpt-4o');
   */
  reopen(model?: string | null): boolean {
    return this.#observing.reopen(model);
  }

  /**
   * Takes over another configuration, as a whole: what is left out is off. Limits that are still there, which are those with the
   * same name, metric, window, algorithm and `per`, go on with what they count; others start empty. Leases in flight settle
   * only against limits that are still there, by the prices they were admitted with; waiters stay. Limits that `wrap` was given
   * stay too. `clock` and `seed` are those of the start.
   *
   * @throws ConfigError; nothing has changed then
   *
   * @example
   * const service = createGovernor({ limits: { requests: '50/s' } });
   * service.reconfigure({ limits: { requests: '80/s', tokens: '1M/m' } });
   */
  reconfigure(config?: GovernorConfig | null): void {
    const read = readConfig(config);
    const { keys, added } = this.#asking.counting;
    const counting = new Counting(read, keys, added);
    const now = this.#answers.time.read();
    this.#answers.reconfigure(now, counting.plain, read.found, counting.placed);
    this.#asking.counting = counting;
    this.#answers.configured(read, counting);
    this.#start(read);
    this.#answers.finish(now);
  }

  /**
   * Puts a function under this governor: the wrapped one takes the same arguments and gives the same results, and each call has
   * a lease from before the function is called until its result has come or, where that is a stream, has ended. See `WrapOptions`.
   *
   * A generator function (`async function*`) stays one: it asks when it is read first. Of any other function the wrapped one
   * returns a promise. A `ReadableStream` is handed on as one with the same chunks, everything else as the very same object;
   * streams inside of a result, as the body of a `Response`, are not looked for: `wrapFetch` does that.
   *
   * @throws InputError, ConfigError for an option that cannot be used. A call rejects with `DeniedError`, with InputError for
   * what an option makes of its arguments, with the reason of an aborted signal, and with what the function throws
   *
   * @example
   * const chat = governor.wrap(callMyModel, { key: 'chat', limits: { requests: '50/s' } });
   * console.log(await chat());
   */
  wrap<This, A extends unknown[], R>(
    fn: (this: This, ...args: A) => R,
    options: WrapOptions<Fixed<A>, OutputOf<Awaited<R>>>,
  ): (this: This, ...args: A) => Governed<R> {
    const own = { ...options };
    const wrapped = wrapFunction(this, fn, own);
    const { key, limits } = own;
    if (limits !== undefined && limits !== null) {
      this.#port.use();
      this.#asking.counting.wrap(key, limits);
      this.#answers.finish(this.#answers.time.read());
    }
    return wrapped;
  }

  /** A point-in-time view, for dashboards and debugging. Changes nothing: expired leases count until they are swept. */
  snapshot(): GovernorSnapshot {
    const now = this.#answers.time.read();
    const { concurrency, ...view } = this.#answers.call((core) => core.snapshot(now));
    const aliased = concurrency === null ? null : { ...concurrency, active: concurrency.inFlightWeight };
    return {
      timestamp: now,
      ...view,
      concurrency: aliased,
      lastDeny: this.#answers.telling.lastDeny,
      limits: this.#answers.places.allNow(now),
      keys: this.#answers.gauge(now, Gauge.Keys),
    };
  }

  /** Leases held. */
  get activeLeases(): number {
    return this.#gauge(Gauge.ActiveLeases);
  }

  /** Weight in flight; 0 where concurrency is not limited. */
  get concurrencyActive(): number {
    return this.#gauge(Gauge.ConcurrencyActive);
  }

  /** Weight that is free; Infinity where concurrency is not limited. */
  get concurrencyAvailable(): number {
    return this.#gauge(Gauge.ConcurrencyAvailable);
  }

  /** Most weight in flight at present; Infinity where concurrency is not limited. */
  get concurrencyEffectiveMax(): number {
    return this.#gauge(Gauge.ConcurrencyEffectiveMax);
  }

  /** Calls in the current window; 0 where they are not limited. */
  get rateCount(): number {
    return this.#gauge(Gauge.RateCount);
  }

  /** Calls per window; Infinity where they are not limited. */
  get rateLimit(): number {
    return this.#gauge(Gauge.RateLimit);
  }

  /** Tokens in the current window; 0 where they are not limited. */
  get tokenRateCount(): number {
    return this.#gauge(Gauge.TokenRateCount);
  }

  /** Tokens per window; Infinity where they are not limited. */
  get tokenRateLimit(): number {
    return this.#gauge(Gauge.TokenRateLimit);
  }

  /**
   * The whole state as bytes, for `createGovernor(config, { restore })`: leases stay valid under their ids, windows keep
   * what they count. Waiters are callers of this process and are not part of it.
   *
   * @example
   * await writeFile('governor.image', governor.save());
   * // In the next process, with whatever configuration it has:
   * const again = createGovernor(config, { restore: await readFile('governor.image') });
   */
  save(): Uint8Array {
    const image = this.#answers.call((core) => core.save());
    return writeImage(image, this.#answers.tables());
  }

  /**
   * Stops the timer. `acquire` goes on answering; expired leases stay until they are released or a later call frees them.
   * Idempotent.
   *
   * @example
   * process.once('SIGTERM', () => governor.dispose()); // Calls in flight still release, new ones are still answered.
   */
  dispose(): void {
    this.#answers.stop();
  }

  /**
   * Ends the governor and frees its memory. Waiting calls reject with `ClosedError`, later calls throw it. Idempotent.
   *
   * @example
   * afterEach(() => governor.close());
   */
  close(): void {
    this.#answers.close();
  }

  #gauge(which: number): number {
    return this.#answers.gauge(this.#answers.time.read(), which);
  }
}

/** A denial has no `leaseId`: who passes `undefined` has not asked whether the call was granted. */
function badId(leaseId: unknown): InputError {
  return new InputError({ field: 'leaseId', value: leaseId, allowed: 'a string' });
}

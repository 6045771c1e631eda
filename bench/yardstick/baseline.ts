/**
 * The yardstick: the smallest governor in plain JavaScript that makes the same checks, as one would write it by hand for
 * a service of one's own. Weighted concurrency with a reserve, exact rolling windows for requests and tokens, the
 * fairness cap with its starvation rule, lease expiry, settlement to actual usage, checked arguments, documented texts.
 * Every operation is O(1), amortized over the entries and leases that time removes.
 *
 * Left out, in its favour: events, idempotency keys, adaptive limits, queueing, strict mode, caps on ids, clock changes,
 * saved state; and a token refusal names the instant at which the first entry leaves, not the one that frees enough.
 */
import { RollingWindow } from './rolling-window.ts';

export interface BaselineConfig {
  readonly concurrency: { readonly maxInFlight: number; readonly interactiveReserve?: number };
  readonly rate: { readonly requestsPerMinute: number; readonly tokensPerMinute: number; readonly windowMs?: number };
  readonly fairness: true;
  readonly leaseTtlMs?: number;
  readonly clock?: () => number;
}

export interface BaselineRequest {
  readonly actorId: string;
  readonly action: string;
  readonly priority?: 'interactive' | 'background';
  readonly estimate?: { readonly promptTokens?: number; readonly maxOutputTokens?: number; readonly weight?: number };
}

export interface BaselineReport {
  readonly outcome: 'success' | 'error' | 'timeout' | 'cancelled';
  readonly latencyMs?: number;
  readonly usage?: { readonly promptTokens?: number; readonly outputTokens?: number };
}

export type BaselineDecision =
  | { granted: true; leaseId: string; expiresAt: number }
  | {
      granted: false;
      reason: 'concurrency' | 'rate' | 'policy';
      retryAfterMs: number;
      recommendation: string;
      limitsHint: { inFlight: number; maxInFlight: number } | { rateUsed: number; rateLimit: number };
    };

interface Lease {
  readonly actor: Actor;
  readonly weight: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly entry: number;
  readonly expiresAt: number;
}

interface Actor {
  readonly id: string;
  held: number;
  leases: number;
}

const SOFT_CAP_RATIO = 0.6;
const STARVATION_WINDOW_MS = 5000;
const FIRST_SWEEP = 1024;
const OUTCOMES = new Set(['success', 'error', 'timeout', 'cancelled']);

export class Baseline {
  readonly #max: number;
  readonly #reserve: number;
  readonly #requestLimit: number;
  readonly #tokenLimit: number;
  readonly #ttlMs: number;
  readonly #clock: () => number;
  readonly #window: RollingWindow;
  readonly #prefix = `lease-${Math.random().toString(36).slice(2, 8)}`;
  /** In the order of expiry, because all leases live equally long. */
  readonly #leases = new Map<string, Lease>();
  /** Actors that hold something, and idle ones until the next sweep: a `Map` is slow at taking one key in and out. */
  readonly #actors = new Map<string, Actor>();
  #activeActors = 0;
  #sweepAt = FIRST_SWEEP;
  /** Starved actors with the instant at which that is forgotten, oldest first. */
  readonly #starved = new Map<string, number>();
  #inFlight = 0;
  #nextId = 0;
  /** No lease expires before this. */
  #quietUntil = Number.POSITIVE_INFINITY;

  constructor(config: BaselineConfig) {
    this.#max = positive('concurrency.maxInFlight', config.concurrency.maxInFlight);
    this.#reserve = config.concurrency.interactiveReserve ?? 0;
    this.#requestLimit = positive('rate.requestsPerMinute', config.rate.requestsPerMinute);
    this.#tokenLimit = positive('rate.tokensPerMinute', config.rate.tokensPerMinute);
    this.#ttlMs = positive('leaseTtlMs', config.leaseTtlMs ?? 60_000);
    this.#window = new RollingWindow(positive('rate.windowMs', config.rate.windowMs ?? 60_000));
    this.#clock = config.clock ?? (() => Date.now());
  }

  acquire(request: BaselineRequest): BaselineDecision {
    const { actorId } = request;
    if (typeof actorId !== 'string' || actorId === '') throw new TypeError('actorId must be a non-empty string');
    if (typeof request.action !== 'string') throw new TypeError('action must be a string');
    const priority = request.priority ?? 'interactive';
    if (priority !== 'interactive' && priority !== 'background') throw new TypeError('priority must be known');
    const estimate = request.estimate;
    const weight = positive('estimate.weight', estimate?.weight ?? 1);
    const promptTokens = amount('estimate.promptTokens', estimate?.promptTokens ?? 0);
    const outputTokens = amount('estimate.maxOutputTokens', estimate?.maxOutputTokens ?? 0);
    const tokens = promptTokens + outputTokens;

    const now = this.#clock();
    if (now >= this.#quietUntil) this.#expire(now);
    const actor = this.#actors.get(actorId);
    const free = this.#max - this.#inFlight;
    const reserve = priority === 'background' ? Math.min(this.#reserve, this.#max - 1) : 0;
    if (free - weight < reserve) return this.#refuseSlots(actorId, actor, now);
    if (actor !== undefined && actor.leases > 0 && this.#isUnfair(actor, weight, now))
      return this.#refuseShare(actorId, now);
    const window = this.#window;
    window.slide(now);
    if (window.requests >= this.#requestLimit) {
      return this.#refuseRate('Rate limit hit', 'req', window.requests, this.#requestLimit, now);
    }
    if (window.tokens + tokens > this.#tokenLimit) {
      return this.#refuseRate('Token rate limit hit', 'tokens', window.tokens, this.#tokenLimit, now);
    }
    return this.#grant(actor ?? this.#addActor(actorId), weight, promptTokens, outputTokens, now);
  }

  release(leaseId: string, report?: BaselineReport): void {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return;
    this.#end(leaseId, lease);
    if (report === undefined) return;
    if (!OUTCOMES.has(report.outcome)) throw new TypeError('outcome must be known');
    if (report.latencyMs !== undefined) amount('latencyMs', report.latencyMs);
    const usage = report.usage;
    if (usage === undefined) return;
    const prompt = amount('usage.promptTokens', usage.promptTokens ?? lease.promptTokens);
    const output = amount('usage.outputTokens', usage.outputTokens ?? lease.outputTokens);
    const change = prompt + output - lease.promptTokens - lease.outputTokens;
    this.#window.slide(this.#clock());
    this.#window.settle(lease.entry, change);
  }

  #grant(actor: Actor, weight: number, promptTokens: number, outputTokens: number, now: number): BaselineDecision {
    const leaseId = `${this.#prefix}${(this.#nextId++).toString(36)}`;
    const expiresAt = now + this.#ttlMs;
    const entry = this.#window.add(now, promptTokens + outputTokens);
    this.#leases.set(leaseId, { actor, weight, promptTokens, outputTokens, entry, expiresAt });
    if (expiresAt < this.#quietUntil) this.#quietUntil = expiresAt;
    this.#inFlight += weight;
    actor.held += weight;
    if (actor.leases++ === 0) this.#activeActors += 1;
    if (this.#starved.size > 0) this.#starved.delete(actor.id);
    return { granted: true, leaseId, expiresAt };
  }

  #end(leaseId: string, lease: Lease): void {
    this.#leases.delete(leaseId);
    this.#inFlight -= lease.weight;
    const actor = lease.actor;
    actor.held -= lease.weight;
    if (--actor.leases === 0) this.#activeActors -= 1;
  }

  #addActor(id: string): Actor {
    if (this.#actors.size >= this.#sweepAt) this.#forgetIdle();
    const actor = { id, held: 0, leases: 0 };
    this.#actors.set(id, actor);
    return actor;
  }

  #forgetIdle(): void {
    for (const [id, actor] of this.#actors) if (actor.leases === 0) this.#actors.delete(id);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#actors.size);
  }

  #expire(now: number): void {
    this.#quietUntil = Number.POSITIVE_INFINITY;
    for (const [leaseId, lease] of this.#leases) {
      if (lease.expiresAt > now) {
        this.#quietUntil = lease.expiresAt;
        return;
      }
      this.#end(leaseId, lease);
    }
  }

  #isUnfair(actor: Actor, weight: number, now: number): boolean {
    if (this.#inFlight + weight >= this.#max / 2 && actor.held + weight > this.#max * SOFT_CAP_RATIO) return true;
    if (this.#starved.size === 0) return false;
    for (const [id, until] of this.#starved) {
      if (until > now) break;
      this.#starved.delete(id);
    }
    return this.#starved.size > 0 && actor.held >= this.#max / this.#activeActors;
  }

  #refuseSlots(actorId: string, actor: Actor | undefined, now: number): BaselineDecision {
    const held = actor?.held ?? 0;
    const active = this.#activeActors + (held === 0 ? 1 : 0);
    if (held < this.#max / active) {
      this.#starved.delete(actorId);
      this.#starved.set(actorId, now + STARVATION_WINDOW_MS);
    }
    const ms = this.#slotHint(now);
    return {
      granted: false,
      reason: 'concurrency',
      retryAfterMs: ms,
      recommendation: `All ${this.#max} slots in use (${this.#inFlight} active). Retry in ${ms}ms or reduce concurrent calls.`,
      limitsHint: { inFlight: this.#inFlight, maxInFlight: this.#max },
    };
  }

  #refuseShare(actorId: string, now: number): BaselineDecision {
    const ms = this.#slotHint(now);
    return {
      granted: false,
      reason: 'policy',
      retryAfterMs: ms,
      recommendation: `Actor "${actorId}" exceeds fair share. Other actors are waiting — retry in ${ms}ms.`,
      limitsHint: { inFlight: this.#inFlight, maxInFlight: this.#max },
    };
  }

  #refuseRate(title: string, unit: string, used: number, limit: number, now: number): BaselineDecision {
    const ms = clampHint(this.#window.nextChange() - now);
    return {
      granted: false,
      reason: 'rate',
      retryAfterMs: ms,
      recommendation: `${title} (${used}/${limit} ${unit}/window). Retry in ${ms}ms.`,
      limitsHint: { rateUsed: used, rateLimit: limit },
    };
  }

  #slotHint(now: number): number {
    const first = this.#leases.values().next().value;
    return clampHint(first === undefined ? 250 : first.expiresAt - now);
  }
}

function clampHint(ms: number): number {
  return Math.ceil(Math.min(5000, Math.max(25, ms)));
}

function positive(field: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0) || value === Number.POSITIVE_INFINITY)
    throw new RangeError(`${field} must be above 0`);
  return value;
}

function amount(field: string, value: number): number {
  if (typeof value !== 'number' || !(value >= 0) || value === Number.POSITIVE_INFINITY)
    throw new RangeError(`${field} must not be negative`);
  return value;
}

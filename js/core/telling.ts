/**
 * What listeners are told: each method makes the event of what its name says, if anybody listens. And the last denial, for
 * views. Nobody is called before `tell`.
 */
import type { ReadConfig } from './config.ts';
import { Events } from './events.ts';
import type { NamedLimit } from './limits.ts';
import { badReportText, heldLongText, limitWarnText } from './texts.ts';
import type {
  DenyEvent,
  DenyReason,
  GovernorDenied,
  GovernorSnapshot,
  LeaseOutcome,
  LimitEvent,
  LimitKey,
} from './types.ts';

/** A lease, as events have it. */
interface LeaseTold {
  readonly timestamp: number;
  readonly leaseId: string;
  readonly actorId: string;
  readonly action: string;
  readonly weight: number;
}

export class Telling {
  #strict = false;
  #events: Events | undefined;
  #denyReason: DenyReason | undefined;
  #deniedAt = 0;
  #deniedActor = '';

  /** Goes by this configuration from now on. */
  configured({ strict, onEvent }: ReadConfig): void {
    this.#strict = strict;
    if (onEvent === undefined || this.#events === undefined) this.#events = onEvent && new Events(onEvent);
    else this.#events.handler = onEvent;
  }

  /** Whether anybody is told of what happens. */
  get tells(): boolean {
    return this.#events !== undefined;
  }

  /** Calls the listener for all that has happened. */
  tell(): void {
    this.#events?.tell();
  }

  granted(timestamp: number, leaseId: string, actorId: string, action: string, weight: number): void {
    this.#events?.push({ type: 'acquire', timestamp, leaseId, actorId, action, weight });
  }

  expired(timestamp: number, leaseId: string, actorId: string, action: string, weight: number): void {
    this.#events?.push({ type: 'expire', timestamp, leaseId, actorId, action, weight });
  }

  /** @param long of one that was held long: how long, and its lifetime, in microseconds. @param problem what was wrong with the report */
  released(
    lease: LeaseTold,
    outcome: LeaseOutcome,
    long: readonly [heldUs: number, ttlUs: number] | undefined,
    problem: Error | undefined,
  ): void {
    const events = this.#events;
    if (events === undefined) return;
    if (long !== undefined && this.#strict) events.push({ type: 'warn', ...lease, message: heldLongText(...long) });
    if (problem !== undefined) events.push({ type: 'warn', ...lease, message: badReportText(problem.message) });
    events.push({ type: 'release', ...lease, outcome });
  }

  denied(denial: GovernorDenied, now: number, actorId: string, action: string, weight: number): void {
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

  /** A limit is used up to a part of its `warnAt`. @param key whose count it is, where it counts by keys */
  warned(now: number, limit: NamedLimit, used: number, max: number, part: number, key: LimitKey | undefined): void {
    const message = limitWarnText(limit, used, max, part, key ?? {});
    const event = { type: 'warn', timestamp: now, message, limit: limit.name, used, max, part } as const;
    this.#events?.push(key === undefined ? event : { ...event, key });
  }

  /** The gate of a family has closed or opened. @param until in ms; Infinity: until somebody acts */
  gateMoved(now: number, model: string, open: boolean, until: number, isCircuit: boolean): void {
    const cause = isCircuit ? 'circuit' : 'cooldown';
    const state = open ? ({ state: 'open' } as const) : ({ state: 'closed', cause } as const);
    this.#events?.push({
      type: 'gate',
      timestamp: now,
      model,
      ...state,
      until: open || until === Infinity ? null : until,
    });
  }

  /** The provider has told of a limit, or of another amount of it; or a hidden one was learnt, with these bounds. */
  limitTold(
    now: number,
    limit: string,
    max: number,
    before: number | undefined,
    bounds?: readonly [number, number],
  ): void {
    const event: LimitEvent = { type: 'limit', timestamp: now, limit, max };
    if (before !== undefined) event.before = before;
    if (bounds !== undefined) event.bounds = bounds;
    this.#events?.push(event);
  }

  /** The most recent denial. */
  get lastDeny(): GovernorSnapshot['lastDeny'] {
    const reason = this.#denyReason;
    return reason === undefined ? null : { reason, timestamp: this.#deniedAt, actorId: this.#deniedActor };
  }

  /** Takes over the most recent denial of an image. */
  restore(lastDeny: GovernorSnapshot['lastDeny']): void {
    if (lastDeny === null) return;
    this.#denyReason = lastDeny.reason;
    this.#deniedAt = lastDeny.timestamp;
    this.#deniedActor = lastDeny.actorId ?? '';
  }
}

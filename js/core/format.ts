/** One line for people, for logs. */
import { bad } from './input.ts';
import type { GovernorEventFields, GovernorSnapshot } from './types.ts';

/** Longest tag of a lease in a line. */
const TAG_LENGTH_MAX = 12;

/** The end of an id, which is where leases differ: `0.1k` of `lease-x7c2m9-0.1k`. */
function leaseTag(leaseId: string): string {
  return leaseId.slice(leaseId.lastIndexOf('-') + 1).slice(-TAG_LENGTH_MAX);
}

/** Line ends, terminal controls and the like, which an id that a client chose could forge other lines with. */
const CONTROLS = /[\p{Cc}\u2028\u2029]/gu;

/** `text` with its control characters as escapes. */
function printable(text: string): string {
  return text.replace(CONTROLS, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * One line about an event, whatever its ids contain: control characters are escaped. Takes any plain object with the fields
 * of an event.
 *
 * @throws InputError for what is no object
 *
 * @example
 * formatEvent({ type: 'acquire', actorId: 'user-1', action: 'chat', leaseId: 'lease-x7c2m9-0.1', weight: 2 });
 * // [acquire] actor=user-1 action=chat lease=0.1 weight=2
 */
export function formatEvent(event: GovernorEventFields): string {
  if (typeof event !== 'object' || event === null) throw bad('event', event, 'an object with the fields of an event');
  const { type, actorId, action, leaseId, weight, outcome, reason, cause, retryAfterMs, recommendation, message } =
    event;
  const parts = [`[${type}]`];
  if (actorId !== undefined) parts.push(`actor=${actorId}`);
  if (action !== undefined) parts.push(`action=${action}`);
  if (leaseId !== undefined) parts.push(`lease=${leaseTag(leaseId)}`);
  if (type === 'deny') {
    if (reason !== undefined) parts.push(`reason=${reason}`);
    if (retryAfterMs !== undefined) parts.push(`retryAfterMs=${retryAfterMs}`);
    if (recommendation !== undefined) parts.push(`— ${recommendation}`);
  }
  if (type === 'release' && outcome !== undefined) parts.push(`outcome=${outcome}`);
  if ((type === 'acquire' || type === 'release') && weight !== undefined && weight !== 1)
    parts.push(`weight=${weight}`);
  if (type === 'gate') parts.push(`model=${event.model} ${event.state}${cause ? ` cause=${cause}` : ''}`);
  if (type === 'limit') {
    parts.push(`limit=${event.limit} max=${event.max}`);
    if (event.bounds !== undefined) parts.push(`bounds=${event.bounds.join('..')}`);
  }
  if (type === 'warn' && message !== undefined) parts.push(message);
  return printable(parts.join(' '));
}

/**
 * One line about the state of a governor.
 *
 * @throws InputError for what is no snapshot, such as the governor itself
 *
 * @example
 * formatSnapshot(governor.snapshot()); // concurrency=3/5 rate=12/60 leases=3
 */
export function formatSnapshot(snapshot: GovernorSnapshot): string {
  if (typeof snapshot !== 'object' || snapshot === null || 'acquire' in snapshot)
    throw bad('snapshot', snapshot, 'what `governor.snapshot()` returns');
  const { concurrency, requestRate, tokenRate, activeLeases, lastDeny } = snapshot;
  const parts: string[] = [];
  if (concurrency) parts.push(`concurrency=${concurrency.inFlightWeight}/${concurrency.effectiveMax}`);
  if (requestRate) parts.push(`rate=${requestRate.current}/${requestRate.limit}`);
  if (tokenRate) parts.push(`tokens=${tokenRate.current}/${tokenRate.limit}`);
  parts.push(`leases=${activeLeases}`);
  if (lastDeny) parts.push(`lastDeny=${lastDeny.reason}`);
  return parts.join(' ');
}

/**
 * Everything the governor says to people, in one place. The core says which text and which numbers; words are made here.
 * Texts that the documents show are exact.
 */
import { TEXT } from './binding.ts';
import type { NamedLimit } from './limits.ts';

/** The numbers of one denial. */
export interface DenialNumbers {
  /** One of `TEXT`. */
  text: number;
  used: number;
  limit: number;
  /** For `TooHeavy` and `TooManyTokens`, which alone say that waiting can never help. */
  asked: number;
  /** Largest amount that could ever be granted; for the same. */
  maxAllowed: number;
  retryAfterMs: number;
  /** The limit that the text is about, where it is one of `limits`. */
  named?: NamedLimit | undefined;
}

/** What a denied caller should do. */
export function denialText(numbers: DenialNumbers, actorId: string): string {
  const { text, used, limit, asked, maxAllowed, named = { name: '', metric: '' } } = numbers;
  const retry = `Retry in ${numbers.retryAfterMs}ms`;
  switch (text) {
    case TEXT.Slots:
      return `All ${limit} slots in use (${used} active). ${retry} or reduce concurrent calls.`;
    case TEXT.Share:
      return `Actor "${actorId}" exceeds fair share. Other actors are waiting — retry in ${numbers.retryAfterMs}ms.`;
    case TEXT.Requests:
      return `Rate limit hit (${used}/${limit} req/window). ${retry}.`;
    case TEXT.Tokens:
      return `Token rate limit hit (${used}/${limit} tokens/window). ${retry}.`;
    case TEXT.QueuedAhead:
      return `${used} calls wait ahead. ${retry}.`;
    case TEXT.TooHeavy:
      return `Weight ${asked} can never be granted (at most ${maxAllowed}). Waiting cannot help; ask for less.`;
    case TEXT.TooManyTokens:
      return `${asked} tokens can never be granted (at most ${maxAllowed}/window). Waiting cannot help; ask for less.`;
    case TEXT.QueueFull:
      return `The queue is full (${used}/${limit} waiters). ${retry}.`;
    case TEXT.Deadline:
      return `No room before the deadline. ${retry}.`;
    case TEXT.LeaseCap:
      return `As many leases are held as this governor may hold (${used}/${limit}). ${retry}.`;
    case TEXT.Limit:
      return `Limit "${named.name}" reached (${used}/${limit} ${named.metric}). ${retry}.`;
    case TEXT.Budget:
      return `Budget "${named.name}" spent (${used}/${limit}). ${retry}.`;
    case TEXT.TooLarge:
      return (
        `${asked} ${named.metric} can never be granted by limit "${named.name}" (at most ${maxAllowed}). ` +
        `Waiting cannot help; ask for less.`
      );
    case TEXT.Cooldown:
      return `The provider takes no calls now. ${retry}.`;
    case TEXT.Circuit:
      return `The provider fails calls. ${retry}.`;
    case TEXT.KeyCap:
      return `As many keys of limits are remembered as this governor may remember (${used}/${limit}). ${retry}.`;
    default:
      return `As many actors are active as this governor may remember (${used}/${limit}). ${retry}.`;
  }
}

/** Strict mode, a lease that was released before. */
export function doubleReleaseText(leaseId: string): string {
  return `[ThrottleAI strict] Double release detected for lease "${leaseId}". This lease was already released.`;
}

/** Strict mode, a lease that is not known (any more). */
export function unknownLeaseText(leaseId: string): string {
  return `[ThrottleAI strict] Unknown lease ID "${leaseId}". The lease may have expired or was never issued.`;
}

/** Strict mode, a lease held for most of its time. */
export function heldLongText(heldUs: number, ttlUs: number): string {
  const [heldMs, ttlMs] = [Math.trunc(heldUs / 1000), ttlUs / 1000];
  const percent = Math.round((heldMs / ttlMs) * 100);
  return `Lease held for ${heldMs}ms (${percent}% of ${ttlMs}ms TTL). Consider releasing sooner or increasing leaseTtlMs.`;
}

/** What a limit counts has reached a part of it. @param key whose count it is */
export function limitWarnText(
  { name, metric }: NamedLimit,
  used: number,
  max: number,
  part: number,
  key: object,
): string {
  const whose = Object.entries(key).map(([scope, value]) => ` ${scope} ${JSON.stringify(value)}`);
  const about = whose.length === 0 ? '' : ` for${whose.join()}`;
  return `Limit "${name}"${about} is at ${Math.round(part * 100)}% (${used}/${max} ${metric}).`;
}

/** A report with a bad part. */
export function badReportText(problem: string): string {
  return `Bad release report, this part was dropped: ${problem}. The lease was released.`;
}

/** A panic: this governor is lost. */
export function panicText(panic: string): string {
  return (
    `The core of this governor failed and cannot go on; other governors are not affected. ` +
    `Please report this bug. Cause: ${panic}`
  );
}

/** A trap that was no panic: every governor of the instance is lost. */
export function faultText(fault: string): string {
  return (
    `The WebAssembly instance of this governor failed and cannot go on, nor can those made before; ` +
    `new ones work. Cause: ${fault}`
  );
}

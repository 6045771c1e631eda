/**
 * The errors of this package. Each has a `code` and carries a marker that two copies of the package (ESM and CommonJS,
 * say) share, so `isInstance` works where `instanceof` does not.
 */
import type { AcquireDenied } from './types.ts';

const MARKER: symbol = Symbol.for('throttleai.error');

/** What went wrong. */
export type GovernorErrorCode =
  'config' | 'input' | 'denied' | 'lease-lost' | 'closed' | 'poisoned' | 'aborted' | 'unsupported';

function hasCode(error: unknown, code?: GovernorErrorCode): boolean {
  if (typeof error !== 'object' || error === null || !(MARKER in error)) return false;
  return code === undefined || ('code' in error && error.code === code);
}

/** Base of all errors of this package. */
export class GovernorError extends Error {
  override readonly name: string = 'GovernorError';
  /** What went wrong, for programs. */
  readonly code: GovernorErrorCode;

  constructor(code: GovernorErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    Object.defineProperty(this, MARKER, { value: true });
  }

  /** Whether `error` comes from any copy of this package. */
  static isInstance(error: unknown): error is GovernorError {
    return hasCode(error);
  }
}

/** What a bad value names. */
export interface BadValue {
  /** Path of the field, e.g. `rate.windowMs`. */
  field: string;
  /** What was found there. */
  value: unknown;
  /** What would have been right. */
  allowed: string;
}

/** A configuration (or an image given to `restore`) that cannot be used. Nothing was made. */
export class ConfigError extends GovernorError implements BadValue {
  override readonly name: string = 'ConfigError';
  readonly field: string;
  readonly value: unknown;
  readonly allowed: string;

  /** @param message default: made from the three parts */
  constructor(bad: BadValue, message?: string, options?: { cause?: unknown }) {
    super('config', message ?? describeBad(bad), options);
    this.field = bad.field;
    this.value = bad.value;
    this.allowed = bad.allowed;
  }

  static override isInstance(error: unknown): error is ConfigError {
    return hasCode(error, 'config');
  }
}

/** An argument that cannot be used. When it is thrown nothing has changed, except that `release` has ended the lease. */
export class InputError extends GovernorError implements BadValue {
  override readonly name: string = 'InputError';
  readonly field: string;
  readonly value: unknown;
  readonly allowed: string;

  constructor(bad: BadValue, options?: { cause?: unknown }) {
    super('input', describeBad(bad), options);
    this.field = bad.field;
    this.value = bad.value;
    this.allowed = bad.allowed;
  }

  static override isInstance(error: unknown): error is InputError {
    return hasCode(error, 'input');
  }
}

/**
 * A call was denied where only its result could have been returned. Nothing was consumed.
 *
 * D = the denial, of a `Governor` with all its fields.
 */
export class DeniedError<D extends AcquireDenied = AcquireDenied> extends GovernorError {
  override readonly name: string = 'DeniedError';
  /** Why, and when to try again. */
  readonly decision: D;

  constructor(decision: D) {
    super('denied', decision.recommendation);
    this.decision = decision;
  }

  /** D = what the governor that was asked denies with, as `DeniedBy<typeof governor>`; nothing checks that it was that one. */
  static override isInstance<D extends AcquireDenied = AcquireDenied>(error: unknown): error is DeniedError<D> {
    return hasCode(error, 'denied');
  }
}

/** In strict mode: a release of a lease that is not held. */
export class LeaseLostError extends GovernorError {
  override readonly name: string = 'LeaseLostError';
  readonly leaseId: string;

  constructor(leaseId: string, message: string) {
    super('lease-lost', message);
    this.leaseId = leaseId;
  }

  static override isInstance(error: unknown): error is LeaseLostError {
    return hasCode(error, 'lease-lost');
  }
}

/** The governor was closed. */
export class ClosedError extends GovernorError {
  override readonly name: string = 'ClosedError';

  constructor() {
    super('closed', 'This governor is closed. Make a new one.');
  }

  static override isInstance(error: unknown): error is ClosedError {
    return hasCode(error, 'closed');
  }
}

/** A bug inside the core stopped this governor; every later call throws this again. Make a new governor and report it. */
export class PoisonedError extends GovernorError {
  override readonly name: string = 'PoisonedError';

  constructor(message: string, options?: { cause?: unknown }) {
    super('poisoned', message, options);
  }

  static override isInstance(error: unknown): error is PoisonedError {
    return hasCode(error, 'poisoned');
  }
}

/** A value in few words, for messages. Never runs code of the value. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      return 'a symbol';
    case 'function':
      return 'a function';
    case 'object':
      if (value === null) return 'null';
      if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
      return isArray(value) ? 'an array' : 'an object';
    default:
      return String(value);
  }
}

/** Without throwing at a revoked proxy. */
export function isArray(value: object): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

function describeBad({ field, value, allowed }: BadValue): string {
  return `${field} must be ${allowed}, got ${describeValue(value)}`;
}

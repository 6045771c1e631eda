/** The parts of actors in the order of those who wait: what the configuration says of one, asked when the core hears of it. */
import { ConfigError, isArray } from './errors.ts';
import type { Reader } from './limits.ts';
import { composed } from './scopes.ts';

/** The share of an actor. @throws ConfigError if a function of the user's gave something else, or what it throws */
export type Shares = (actorId: string) => number;

const RANGE = [0.001, 1000] as const;
const ALLOWED = `a number from ${RANGE[0]} to ${RANGE[1]}`;

function checked(value: unknown, field: string): number {
  if (typeof value === 'number' && value >= RANGE[0] && value <= RANGE[1]) return value;
  throw new ConfigError({ field, value, allowed: ALLOWED });
}

/** @throws ConfigError; undefined: absent */
export function readShares(value: unknown, { read, keys }: Reader): Shares | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'function') return (actorId) => checked((value as Shares)(actorId), 'shares()');
  if (typeof value !== 'object' || isArray(value))
    throw new ConfigError({ field: 'shares', value, allowed: 'an object of numbers by actor, or a function' });
  const shares = new Map<string, number>();
  for (const name of keys(value, 'shares')) {
    const field = `shares.${name}`;
    shares.set(composed(name), checked(read(value, name, field), field));
  }
  return (actorId) => shares.get(composed(actorId)) ?? 1;
}

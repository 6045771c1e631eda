/** Reading of what a configuration nests: each property once, and none that does not exist. */
import { ConfigError, isArray } from './errors.ts';

/**
 * What an object lists.
 *
 * @param field what an error calls the object
 * @throws ConfigError unless `value` is an object that can be read
 */
export function entriesOf(value: unknown, field: string): [key: string, value: unknown][] {
  if (typeof value !== 'object' || value === null || isArray(value))
    throw new ConfigError({ field, value, allowed: 'an object' });
  try {
    return Object.entries(value);
  } catch (error) {
    throw new ConfigError({ field, value, allowed: 'an object with readable properties' }, undefined, { cause: error });
  }
}

/**
 * The named properties of an object. It may list no others, but absent ones: a misspelt limit would be no limit.
 *
 * @param field what an error calls the object
 * @throws ConfigError unless `value` is such an object
 */
export function propertiesOf<N extends string>(
  value: unknown,
  field: string,
  names: readonly N[],
): { readonly [K in N]?: unknown } {
  const found: { [K in N]?: unknown } = {};
  for (const [key, property] of entriesOf(value, field)) {
    const name = names.find((known) => known === key);
    if (name !== undefined) found[name] = property;
    else if (property !== undefined && property !== null) {
      const allowed = `left out: the fields of ${field} are ${names.join(', ')}`;
      throw new ConfigError({ field: `${field}.${key}`, value: property, allowed });
    }
  }
  return found;
}

/** Reading of what configurations and options nest: each property once, and none that does not exist. */
import { ConfigError, InputError, isArray, type BadValue } from './errors.ts';

/**
 * What is wrong with a field that does not exist. It would be ignored, and what it was meant to limit would have no limit.
 *
 * @param of what an error calls the object that has it
 */
export function leftOut(field: string, value: unknown, of: string, names: readonly string[]): BadValue {
  return { field, value, allowed: `left out: the fields of ${of} are ${names.join(', ')}` };
}

/**
 * Refuses what is misspelt in an argument. Reads no property but those that do not exist.
 *
 * @param path what an error calls the object
 * @throws InputError if `object` is none, or has a property that is none of `names`, unless it is absent
 */
export function refuseOthers(object: object, path: string, names: readonly string[]): void {
  if (typeof object !== 'object') throw new InputError({ field: path, value: object, allowed: 'an object' });
  for (const name of Object.keys(object)) {
    if (names.includes(name)) continue;
    const value = (object as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined && value !== null) throw new InputError(leftOut(`${path}.${name}`, value, path, names));
  }
}

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
 * The named properties of an object. It may list no others, but absent ones.
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
    else if (property !== undefined && property !== null)
      throw new ConfigError(leftOut(`${field}.${key}`, property, field, names));
  }
  return found;
}

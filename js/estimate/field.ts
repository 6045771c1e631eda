/**
 * A value of the request and where it was found. All reading goes through here: each property is read once, what a getter or
 * proxy throws becomes an error that names the place, and neither depth, cycles nor sheer number run away.
 */
import { InputError } from '../core/errors.ts';

/** Tools and messages are nested a few levels deep, schemas some tens. */
const DEPTH_MAX = 100;
/** Above what any provider takes in one request; a cycle or a graph that shares its parts ends here. */
const VALUES_MAX = 1_000_000;

/** How many values of one request have been read. */
interface Budget {
  left: number;
}

export class Field {
  readonly value: unknown;
  /** Path, e.g. `request.messages[0].content`. */
  readonly path: string;
  readonly #depth: number;
  readonly #budget: Budget;

  constructor(value: unknown, path: string, depth = 0, budget: Budget = { left: VALUES_MAX }) {
    this.value = value;
    this.path = path;
    this.#depth = depth;
    this.#budget = budget;
    budget.left -= 1;
    if (depth > DEPTH_MAX) throw this.bad(`nested at most ${DEPTH_MAX} levels deep, and without cycles`);
    if (budget.left < 0) throw this.bad(`part of a request of at most ${VALUES_MAX} values, without cycles`);
  }

  /** `null` counts as absent. */
  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  get isObject(): boolean {
    return typeof this.value === 'object' && this.value !== null && !this.isArray;
  }

  get isArray(): boolean {
    return this.#guarded(() => Array.isArray(this.value));
  }

  /** A property; absent if the value is no object. */
  get(key: string): Field {
    return this.#child(key, `${this.path}.${key}`);
  }

  /** The first of several spellings that is present. */
  either(key: string, other: string): Field {
    const field = this.get(key);
    return field.absent ? this.get(other) : field;
  }

  /** @throws InputError unless the value is an array */
  items(allowed = 'an array'): Field[] {
    if (!this.isArray) throw this.bad(allowed);
    const length = this.length();
    const items: Field[] = [];
    for (let index = 0; index < length; index += 1) items.push(this.#child(index, `${this.path}[${index}]`));
    return items;
  }

  /** Length of an array, without reading it. */
  length(): number {
    const length = this.#guarded(() => (this.value as unknown[]).length);
    if (typeof length === 'number' && length >= 0) return length;
    throw this.bad('an array');
  }

  /** Names of own enumerable properties. */
  keys(): string[] {
    return this.#guarded(() => Object.keys(this.value as object));
  }

  /** @throws InputError unless the value is a string */
  text(): string {
    if (typeof this.value === 'string') return this.value;
    throw this.bad('a string');
  }

  /** The value if it is a string. */
  textOr<T>(other: T): string | T {
    return typeof this.value === 'string' ? this.value : other;
  }

  bad(allowed: string): InputError {
    return new InputError({ field: this.path, value: this.value, allowed });
  }

  #child(key: string | number, path: string): Field {
    const { value } = this;
    if (typeof value !== 'object' || value === null) return new Field(undefined, path, this.#depth, this.#budget);
    const read = this.#guarded(() => (value as Record<string | number, unknown>)[key]);
    return new Field(read, path, this.#depth + 1, this.#budget);
  }

  #guarded<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      const allowed = 'a value with readable properties';
      throw new InputError({ field: this.path, value: this.value, allowed }, { cause: error });
    }
  }
}

/**
 * Models and the families whose limits they share. Looks a name up in the table or function of the configuration: what
 * family it is of, what the family's limits are, what its calls cost and how they are settled.
 *
 * Settings of a name come from its lineage (see `family-rule.ts`), nearest first, and from the family's own name at last; only
 * what is said of names of that same family counts. One family has one set of limits, whichever of its names says them.
 *
 * What limits are is not known here: they are read by a function that is handed over, into plain data.
 */
import { ConfigError } from './errors.ts';
import { lineageOf } from './family-rule.ts';
import { readPrices, type PriceList } from './prices.ts';
import { entriesOf, propertiesOf } from './properties.ts';
import { composed } from './scopes.ts';
import type { SettlePolicy } from './types/models.ts';

/** Models that share limits. While a family has limits of its own it is one object. */
export interface Family<L> {
  readonly name: string;
  /** Limits of its own, beside the shared ones. */
  readonly limits: readonly L[];
  /** No limit counts its calls, the shared ones neither. */
  readonly unlimited: boolean;
  /** What an error calls the limits, e.g. `models["gpt-4o"].limits`; undefined if it was given none. */
  readonly field: string | undefined;
}

/** What is known of a model. */
export interface Model<L> {
  readonly family: Family<L>;
  /** Undefined: not said. */
  readonly settle: SettlePolicy | undefined;
  /** As the user gave it. */
  readonly dialect: unknown;
  /** Undefined: costs of its calls are not known. */
  readonly prices: PriceList | undefined;
}

export interface FamiliesOptions<L> {
  /**
   * Reads the limits of a family into plain data, built the same way each time: limits that mean the same must be equal as
   * JSON, whatever way they were written.
   *
   * @param field what an error calls them, e.g. `models["gpt-4o"].limits`
   * @throws ConfigError
   */
  readonly readLimits: (value: unknown, field: string, family: string) => readonly L[];
  /** Called before a family with limits is known. What it throws is thrown on, and the family stays unknown. */
  readonly admit?: (family: Family<L>) => void;
  /** Most families with limits, so that a function cannot make more and more. Default 10000. */
  readonly familiesMax?: number;
}

/** Settings of one name, as the user gave them; undefined: not said. */
interface Entry {
  readonly name: string;
  /** What an error calls them, e.g. `models["gpt-4o"]`. */
  readonly field: string;
  readonly family: string | undefined;
  readonly limits: unknown;
  readonly settle: SettlePolicy | undefined;
  readonly prices: PriceList | undefined;
  readonly dialect: unknown;
}

/** A family that was given limits. */
interface Limited<L> {
  readonly family: Family<L>;
  /** Equal for equal limits. */
  readonly key: string;
  /** Where they were said first. */
  readonly entry: Entry;
}

const FAMILIES_MAX = 10_000;
/** Names remembered at least; at most twice as many are. Beyond, a name costs a look at its lineage again: some us. */
const RECENT = 1_000;
const FIELDS = ['family', 'limits', 'settle', 'prices', 'dialect'] as const;
const SETTLE: readonly SettlePolicy[] = ['actual', 'reserved', 'input', 'headers'];

export class Families<L> {
  readonly #options: FamiliesOptions<L>;
  /** Names are made up by whoever calls. */
  readonly #open: boolean;
  /** What is said of one name, in NFC. */
  readonly #entryOf: (name: string) => Entry | undefined;
  readonly #limited = new Map<string, Limited<L>>();
  /** By name as callers write it: of late, and before. */
  #recent = new Map<string, Model<L>>();
  #older = new Map<string, Model<L>>();

  /**
   * @param models `models` of the configuration
   * @throws ConfigError naming the field, the value and what is allowed
   */
  constructor(models: unknown, options: FamiliesOptions<L>) {
    this.#options = options;
    this.#open = typeof models === 'function';
    if (typeof models === 'function') {
      this.#entryOf = (name) => readEntry(models(name), name, `models(${JSON.stringify(name)})`);
      return;
    }
    const table = readTable(models);
    this.#entryOf = (name) => table.get(name);
    for (const { name, field, family } of table.values()) {
      // A family that is listed as a model of another one would split what the user means to be together.
      const other = family !== undefined && table.has(family) ? this.#familyOf(family) : family;
      if (other !== family)
        throw new ConfigError({
          field: `${field}.family`,
          value: family,
          allowed: `the family of that model, ${JSON.stringify(other)}`,
        });
      this.#read(name);
    }
  }

  /**
   * For each family with limits, in the order in which they were given them, a name that says these. Of a function: those
   * seen so far.
   */
  get names(): string[] {
    return [...this.#limited.values()].map(({ entry }) => entry.name);
  }

  /** What is known of a model without asking anybody; undefined: `find` has to look. */
  known(model: string): Model<L> | undefined {
    return this.#recent.get(model);
  }

  /**
   * What is known of a model.
   *
   * @param model its name, as a request gives it
   * @throws ConfigError for what the function of the configuration returns, or what that throws. Nothing is remembered then
   */
  find(model: string): Model<L> {
    const known = this.#recent.get(model);
    if (known !== undefined) return known;
    const found = this.#older.get(model) ?? this.#read(composed(model));
    if (this.#recent.size >= RECENT) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(model, found);
    return found;
  }

  #read(name: string): Model<L> {
    const names = lineageOf(name);
    const entries = names.map((each) => this.#entryOf(each));
    const family = familyAt(0, names, entries);
    const said = entries.filter((_, i) => familyAt(i, names, entries) === family);
    if (!names.includes(family) && this.#familyOf(family) === family) said.push(this.#entryOf(family));
    return {
      family: this.#family(
        family,
        said.find((entry) => entry?.limits !== undefined),
      ),
      settle: said.find((entry) => entry?.settle !== undefined)?.settle,
      dialect: said.find((entry) => entry?.dialect !== undefined)?.dialect,
      prices: said.find((entry) => entry?.prices !== undefined)?.prices,
    };
  }

  #familyOf(name: string): string {
    const names = lineageOf(name);
    return familyAt(
      0,
      names,
      names.map((each) => this.#entryOf(each)),
    );
  }

  /** @param entry says the limits of the family; undefined if nothing of what was read does */
  #family(name: string, entry: Entry | undefined): Family<L> {
    const known = this.#limited.get(name);
    if (entry === undefined) return known?.family ?? { name, limits: [], unlimited: false, field: undefined };
    const unlimited = entry.limits === 'unlimited';
    const field = `${entry.field}.limits`;
    const limits = unlimited ? [] : this.#options.readLimits(entry.limits, field, name);
    const key = unlimited ? 'unlimited' : textOf(limits);
    // Whoever names models to a function must not fill a table with families that limit nothing.
    if (known === undefined && limits.length === 0 && this.#open) return { name, limits, unlimited, field };
    if (known === undefined) return this.#add({ family: { name, limits, unlimited, field }, key, entry });
    if (known.key === key) return known.family;
    const other = known.entry.field;
    const bad = { field, value: entry.limits, allowed: `the limits of ${other}` };
    const both = `${other} and ${entry.field} are one family, ${JSON.stringify(name)}, with different limits`;
    throw new ConfigError(bad, `${both}. Give both the same limits, or one of them another "family".`);
  }

  #add(limited: Limited<L>): Family<L> {
    const { admit, familiesMax = FAMILIES_MAX } = this.#options;
    const value = this.#limited.size + 1;
    if (value > familiesMax)
      throw new ConfigError({ field: 'families with limits in models', value, allowed: `at most ${familiesMax}` });
    admit?.(limited.family);
    this.#limited.set(limited.family.name, limited);
    // Names of this family were remembered without its limits.
    this.#recent.clear();
    this.#older.clear();
    return limited.family;
  }
}

/** The family of the name at `from` in a lineage: the first that is said from there on, else the last name. */
function familyAt(
  from: number,
  names: readonly [string, ...string[]],
  entries: readonly (Entry | undefined)[],
): string {
  const said = entries.find((entry, i) => i >= from && entry?.family !== undefined);
  return said?.family ?? names[names.length - 1]!;
}

/** The same text for limits that are equal, in whatever order they are listed. */
export function textOf(limits: readonly unknown[]): string {
  return limits
    .map((limit) => JSON.stringify(limit))
    .sort()
    .join();
}

function readTable(models: unknown): Map<string, Entry> {
  const table = new Map<string, Entry>();
  if (models === undefined || models === null) return table;
  // Into a map: a model may be called `constructor`.
  for (const [key, value] of entriesOf(models, 'models')) {
    const name = configured('a name in models', key);
    const entry = readEntry(value, name, `models[${JSON.stringify(key)}]`);
    if (table.has(name))
      throw new ConfigError({ field: 'a name in models', value: key, allowed: 'there once, in NFC' });
    if (entry !== undefined) table.set(name, entry);
  }
  return table;
}

function readEntry(value: unknown, name: string, field: string): Entry | undefined {
  if (value === undefined || value === null) return undefined;
  const { family, limits, settle, prices, dialect } = propertiesOf(value, field, FIELDS);
  if (limits != null && limits !== 'unlimited' && typeof limits !== 'object')
    throw new ConfigError({ field: `${field}.limits`, value: limits, allowed: 'limits, or "unlimited"' });
  return {
    name,
    field,
    family: family == null ? undefined : configured(`${field}.family`, family),
    limits: limits ?? undefined,
    settle: readSettle(settle, `${field}.settle`),
    dialect: dialect ?? undefined,
    prices: prices == null ? undefined : readPrices(prices, `${field}.prices`),
  };
}

function readSettle(value: unknown, field: string): SettlePolicy | undefined {
  if (value === undefined || value === null) return undefined;
  const policy = SETTLE.find((known) => known === value);
  if (policy !== undefined) return policy;
  throw new ConfigError({ field, value, allowed: `one of ${SETTLE.map((known) => `"${known}"`).join(', ')}` });
}

/** A name that the configuration gives, in NFC. */
function configured(field: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return composed(value);
  throw new ConfigError({ field, value, allowed: 'a string that is not empty' });
}

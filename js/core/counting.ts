/**
 * Which limits count a call, and under which keys: the shared limits, those of its model's family, and those that `wrap` was
 * given for its action. Holds the list of all limits as the core has it. Limits come in while a governor runs, when a function
 * names a family or a function is wrapped, always at the end, so that places and sets stay what they are.
 *
 * Looking at a call allocates nothing but the texts of its keys.
 */
import { FAMILY_SHIFT, FLAG_KEYS, FLAG_UNLIMITED, GATES_MAX, KEYS_MAX, NO_HANDLE, View } from './binding.ts';
import type { PlacedLimits, ReadConfig } from './config.ts';
import { reserveCost } from './costs.ts';
import { ConfigError, InputError } from './errors.ts';
import { Families, textOf, type Model } from './families.ts';
import type { Ask } from './input.ts';
import type { KeyNames } from './keys.ts';
import { ownMetrics, readLimits, type KnownLimit, type ReadLimit } from './limits.ts';
import { AMOUNT_MAX, type Discovered, type Sized } from './answer.ts';
import { composed, keyOf, keyText, type Only, type Scoped, type Scopes } from './scopes.ts';
import type { LimitKey } from './types/events.ts';

/** Sets of one family, of one action. */
type OwnSets = Readonly<Record<Only['scope'], Map<string, number[]>>>;

/** What came in while a governor ran: it goes on in the next configuration, or from an image. */
export interface Added {
  /** Models whose families a function has named. */
  readonly families: readonly string[];
  /** Limits of wrapped functions by action, as a configuration has them, and whether a function of this process has them. */
  readonly wrapped: readonly (readonly [action: string, limits: unknown, own: boolean])[];
  /** Limits of the provider's by family, as a configuration has them. */
  readonly discovered: readonly (readonly [family: string, limits: unknown])[];
  /** Families with a gate, in the order in which the core numbers them. */
  readonly gates: readonly string[];
}

/**
 * Takes over another list of limits.
 *
 * @returns whether it still counts: a function of the user's may have put another configuration in its place
 * @throws ConfigError; then everything is as it was
 */
type Apply = (placed: PlacedLimits) => boolean;

/** Limits of the provider's that one governor follows. */
const DISCOVERED_MAX = 64;

/** The limits of `rate`, by name. */
const RATES = [
  ['requests', 'requestsPerMinute'],
  ['tokens', 'tokensPerMinute'],
] as const;

export class Counting {
  /** Whether calls have to be looked at, and those that name a model. */
  active = false;
  readonly named: boolean;
  readonly keys: KeyNames;
  readonly #read: ReadConfig;
  #families: Families<ReadLimit> | undefined;
  /** By action. */
  readonly #wrapped = new Map<string, readonly ReadLimit[]>();
  /** Actions whose limits come from an image: the functions of this process may have others. */
  readonly #restored = new Set<string>();
  /** Limits of the provider's, by family. */
  readonly #discovered = new Map<string, readonly ReadLimit[]>();
  /** Numbers of families with a gate. */
  readonly #gates = new Map<string, number>();
  /** Every family gets a number before its first answer, so that who waits then is counted by limits that it tells of. */
  readonly #discovers: boolean;
  /** Answers are read: what they say may settle calls. */
  observes: boolean;
  #apply: Apply | undefined;
  /** What `setLimit` has made of limits, by name. */
  readonly #amounts = new Map<string, number>();
  #placed: PlacedLimits;
  /** By set. */
  #scopes: Scopes[] = [];
  #shared: readonly number[] = [];
  #own: OwnSets = { model: new Map(), action: new Map() };
  /** Whether any limit counts dollars. Where none does, prices matter to nothing. */
  money = false;
  // Of the call at hand: its scopes; sets, texts and handles of its keys.
  readonly #call: { -readonly [S in keyof Scoped]: string } = { actor: '', model: '', tenant: '', action: '' };
  #count = 0;
  readonly #sets: number[] = new Array<number>(KEYS_MAX).fill(0);
  readonly #texts: string[] = new Array<string>(KEYS_MAX).fill('');
  readonly #handles: number[] = new Array<number>(KEYS_MAX).fill(NO_HANDLE);

  /**
   * @param restored whether `added` comes from an image
   * @throws ConfigError
   */
  constructor(read: ReadConfig, keys: KeyNames, added?: Added, restored?: boolean) {
    const { limits, models, readAnswer, discovery, plain } = read;
    this.keys = keys;
    this.#read = read;
    this.#discovers = discovery.probe || readAnswer !== undefined;
    // So it does where failures may close its gate; calls without a model have no other then.
    this.named = this.#discovers || Boolean(plain['adaptive']);
    this.observes = readAnswer !== undefined || (added?.gates.length ?? 0) > 0;
    this.#placed = { limits: [], fields: [] };
    this.#append(limits, 'limits');
    const needed = models !== undefined || limits.some(({ known }) => known.scopes.list.includes('model'));
    if (needed || this.#discovers || (added?.gates.length ?? 0) > 0) this.active = true;
    if (this.active || this.named) this.#need();
    for (const name of added?.families ?? []) this.model(name);
    for (const [action, wrapped, own] of added?.wrapped ?? []) {
      this.wrap(action, wrapped);
      if (restored === true || !own) this.#restored.add(action);
    }
    for (const [family, discovered] of added?.discovered ?? []) this.#discover(family, discovered);
    for (const family of added?.gates ?? []) this.#gates.set(family, this.#gates.size + 1);
  }

  #need(): Families<ReadLimit> {
    const { models, reader } = this.#read;
    return (this.#families ??= new Families(models, {
      readLimits: (value, field, name) => readLimits(value, field, reader, { scope: 'model', name }),
      admit: ({ limits: own, field }) => this.#append(own, field!),
    }));
  }

  /** What an answer to a call of a model is about. @throws ConfigError of a function that is asked for models */
  familyOf(name: string): Pick<Model<ReadLimit>, 'dialect'> & { name: string; unlimited: boolean } {
    const families = this.#need();
    // From now on limits may be told of any family.
    this.active = this.observes = true;
    if (name === '') return { name, unlimited: false, dialect: undefined };
    const { family, dialect } = families.find(name);
    return { name: family.name, unlimited: family.unlimited, dialect };
  }

  /**
   * The number of a family's gate, which is made if it has none, unless that is not wanted; 0: the one that is shared by all
   * calls whose family has none. Calls without a model share it too, unless limits may be told of them.
   */
  gateOf(family: string, known?: boolean): number {
    const number = this.#gates.get(family);
    const own = family !== '' || this.#discovers;
    if (number !== undefined || known === true || !own || this.#gates.size >= GATES_MAX) return number ?? 0;
    this.#gates.set(family, this.#gates.size + 1);
    return this.#gates.size;
  }

  /** The family of a gate. */
  gateName(number: number): string {
    return [...this.#gates.keys()][number - 1] ?? '';
  }

  /**
   * Finds the limits of a family that the provider has told of, and makes those that are new.
   *
   * @returns by place among the limits that are listed; none of those for which there is no room
   */
  discover(family: string, said: readonly Discovered[]): (Sized & { place: number; before: number | undefined })[] {
    const called = (name: string): string => (family === '' ? name : `${name}/model=${family}`);
    const known = this.#discovered.get(family) ?? [];
    const placeOf = (name: string): number =>
      this.#placed.limits.findIndex((limit) => limit.known.name === called(name));
    const told = said.map((each): Sized => {
      const { name, limit, resetAt } = each;
      if (limit !== undefined) return { ...each, limit };
      const own = this.#placed.limits[placeOf(name)];
      if (own !== undefined) return { ...each, limit: own.plain['limit'] as number };
      // As large as can be, and what is not left is taken from it for one window: a size that nobody has told must not refuse a
      // call for ever.
      const algorithm = resetAt === undefined ? 'sliding-window' : 'fixed-window';
      return { ...each, name: `${name}/left`, limit: AMOUNT_MAX, algorithm };
    });
    const missing = told.filter(({ name }) => placeOf(name) < 0);
    const room = DISCOVERED_MAX - [...this.#discovered.values()].reduce((sum, { length }) => sum + length, 0);
    try {
      const made = missing.slice(0, room).map(({ name, metric, limit, window, algorithm }) => ({
        name: called(name),
        metric,
        limit,
        window,
        algorithm,
      }));
      if (made.length > 0) this.#discover(family, [...known.map(written), ...made], known);
    } catch (error) {
      if (!ConfigError.isInstance(error)) throw error; // There are as many limits as there may be.
    }
    return told.flatMap((each) => {
      const place = placeOf(each.name);
      const { plain } = this.#placed.limits[place] ?? {};
      if (plain === undefined) return [];
      const before = missing.includes(each) ? undefined : (plain['limit'] as number);
      // What a provider tells anew replaces what `setLimit` said before.
      if (before !== each.limit) this.#amounts.delete(called(each.name));
      plain['limit'] = each.limit;
      return [{ ...each, place, before }];
    });
  }

  #discover(family: string, value: unknown, instead?: readonly ReadLimit[]): void {
    const field = 'discovered limits';
    const limits = readLimits(value, field, this.#read.reader, { scope: 'model', name: family });
    this.#append(limits, field, instead);
    this.#discovered.set(family, limits);
  }

  /** Notes the keys of the limits that follow the provider for a family, as those of a call at hand. */
  noteFollowing(family: string): void {
    this.#count = 0;
    const own = this.#own.model.get(family) ?? [];
    this.#note(own.filter((set) => this.#scopes[set]!.list.length === 0));
  }

  /** The configuration for the core. */
  get plain(): Record<string, unknown> {
    return this.plainWith(this.#placed);
  }

  plainWith({ limits }: PlacedLimits): Record<string, unknown> {
    const { plain } = this.#read;
    const amounts = this.#amounts;
    if (limits.length === 0 && amounts.size === 0) return plain;
    const own = limits.map(({ known, plain: each }) =>
      amounts.has(known.name) ? { ...each, limit: amounts.get(known.name) } : each,
    );
    const changed: Record<string, unknown> = own.length === 0 ? { ...plain } : { ...plain, limits: own };
    const rate: Record<string, unknown> = { ...(plain['rate'] as object | undefined) };
    // A limit of the list may have the name of one of `rate`, where that has none.
    for (const [name, field] of RATES)
      if (amounts.has(name) && !limits.some(({ known }) => known.name === name)) rate[field] = amounts.get(name);
    if (Object.keys(rate).length > 0) changed['rate'] = rate;
    return changed;
  }

  /** `setLimit` has changed an amount: limits that come in later leave it as it is. */
  setAmount(name: string, amount: number): void {
    this.#amounts.set(name, amount);
  }

  get placed(): PlacedLimits {
    return this.#placed;
  }

  /** For an image or the next configuration. */
  get added(): Added {
    const wrapped = [...this.#wrapped].map(
      ([action, limits]) => [action, limits.map(written), !this.#restored.has(action)] as const,
    );
    const discovered = [...this.#discovered].map(([family, limits]) => [family, limits.map(written)] as const);
    return { families: this.#families?.names ?? [], wrapped, discovered, gates: [...this.#gates.keys()] };
  }

  /** Metrics of the user's own, in the order in which the core counts them. */
  get metrics(): string[] {
    return ownMetrics(this.#placed.limits);
  }

  /** Called when the core has this configuration. @param apply gives it another list of limits */
  start(apply: Apply): void {
    this.#apply = apply;
    this.keys.arrange(this.#scopes.map(({ per }) => per));
  }

  /** @param field what an error calls the limits. @param instead those whose place they take */
  #append(limits: readonly ReadLimit[], field: string, instead: readonly ReadLimit[] = []): void {
    if (limits.length === 0 && instead.length === 0) return;
    const { limits: before, fields } = this.#placed;
    const stays = before.map((limit) => !instead.includes(limit));
    const placed = {
      limits: [...before.filter((_, i) => stays[i]), ...limits],
      fields: [...fields.filter((_, i) => stays[i]), ...limits.map((_, i) => `${field}[${i}]`)],
    };
    const scopes = [...new Map(placed.limits.map(({ known }) => [known.scopes.per, known.scopes])).values()].filter(
      ({ per }) => per !== '',
    );
    const own: OwnSets = { model: new Map(), action: new Map() };
    const shared: number[] = [];
    for (const [set, { only }] of scopes.entries()) {
      const sets = only === undefined ? shared : (own[only.scope].get(only.name) ?? []);
      sets.push(set);
      if (only !== undefined) own[only.scope].set(only.name, sets);
    }
    const most = (of: Map<string, number[]>): number => Math.max(0, ...[...of.values()].map((sets) => sets.length));
    const value = shared.length + most(own.model) + most(own.action);
    if (value > KEYS_MAX)
      throw new ConfigError({ field: `${field}: different "per" for one call`, value, allowed: `at most ${KEYS_MAX}` });
    const counts = this.#apply?.(placed);
    this.#placed = placed;
    this.#scopes = scopes;
    this.active ||= scopes.length > 0;
    this.#shared = shared;
    this.#own = own;
    this.money ||= limits.some(({ known }) => known.metric === 'costUsd');
    if (counts === true) this.keys.arrange(scopes.map(({ per }) => per));
  }

  /**
   * Limits for calls of an action.
   *
   * @throws ConfigError also where the action has others
   */
  wrap(action: string, value: unknown): void {
    const field = 'options.limits';
    const name = composed(action);
    const limits = readLimits(value, field, this.#read.reader, { scope: 'action', name });
    const known = this.#wrapped.get(name);
    if (known === undefined || textOf(known) !== textOf(limits)) {
      if (known !== undefined && !this.#restored.has(name))
        throw new ConfigError({ field, value, allowed: `the limits that ${JSON.stringify(name)} has already` });
      this.#append(limits, field, known);
      this.#wrapped.set(name, limits);
    }
    this.#restored.delete(name);
  }

  /**
   * Finds what counts a call: family, keys, cost.
   *
   * @returns false if a function of the user's was asked, which may have asked the governor: then `ask` has to be read again
   * @throws InputError for a call whose cost is not known; what a function says wrong of its model, or throws
   */
  look(ask: Ask): boolean {
    const families = this.#families;
    const model = ask.model === '' ? undefined : families?.known(ask.model);
    if (model === undefined && ask.model !== '' && families !== undefined) {
      families.find(ask.model);
      return false;
    }
    ask.family = model;
    this.#count = 0;
    const family = model?.family.name ?? '';
    ask.flags |= (this.named ? this.gateOf(family) : (this.#gates.get(family) ?? 0)) << FAMILY_SHIFT;
    if (model?.family.unlimited === true) {
      ask.flags |= FLAG_UNLIMITED;
      return true;
    }
    const call = this.#call;
    call.actor = ask.actorId;
    call.model = family;
    call.tenant = ask.tenant;
    call.action = ask.action;
    // With a configuration of models the cost of every call must be known: what has no price would pass any budget.
    if (this.money && this.#read.models !== undefined && !reserveCost(ask)) this.#refuseUnpriced(ask);
    const { model: ofFamily, action: ofAction } = this.#own;
    this.#note(this.#shared);
    if (ofFamily.size > 0) this.#note(ofFamily.get(call.model));
    if (ofAction.size > 0) this.#note(ofAction.get(composed(ask.action)));
    if (this.#count > 0) ask.flags |= FLAG_KEYS;
    return true;
  }

  #refuseUnpriced({ model, action }: Ask): void {
    const name = { model: this.#call.model, action: composed(action) };
    const budget = this.#placed.limits.find(
      ({ known: { metric, scopes } }) =>
        metric === 'costUsd' && (!scopes.only || scopes.only.name === name[scopes.only.scope]),
    );
    if (budget === undefined) return;
    const allowed = `a model with prices, as limit "${budget.known.name}" counts dollars: or give estimate.metrics.costUsd`;
    throw new InputError({ field: 'request.model', value: model === '' ? undefined : model, allowed });
  }

  #note(sets: readonly number[] | undefined): void {
    if (sets === undefined) return;
    for (const set of sets) {
      const at = this.#count++;
      this.#sets[at] = set;
      this.#texts[at] = keyText(this.#scopes[set]!, this.#call);
    }
  }

  /** Writes the keys of the call at hand for the core, by the handles that they have now. */
  write(view: Float64Array): void {
    view[View.KEYS] = this.#count;
    for (let at = 0; at < this.#count; at++) {
      const set = this.#sets[at]!;
      const handle = this.keys.handle(set, this.#texts[at]!);
      this.#handles[at] = handle;
      view[View.KEYS + 1 + 2 * at] = set;
      view[View.KEYS + 2 + 2 * at] = handle;
    }
  }

  /** Keeps the handles that the core has given the keys of the call at hand. */
  learn(view: Float64Array): void {
    for (let at = 0; at < this.#count; at++) {
      const handle = view[View.KEYS + 2 + 2 * at]!;
      if (handle !== this.#handles[at] && handle !== NO_HANDLE)
        this.keys.learn(this.#sets[at]!, this.#texts[at]!, handle);
    }
  }

  /** For people: whose count of a limit a key is. */
  keyBehind({ scopes }: KnownLimit, handle: number): LimitKey | undefined {
    const text = this.keys.text(handle);
    return text === undefined ? undefined : keyOf(scopes, text);
  }

  /** Whose count of a limit the call at hand is in. */
  keyOfCall({ scopes }: KnownLimit): LimitKey | undefined {
    return scopes.per === '' ? undefined : keyOf(scopes, keyText(scopes, this.#call));
  }

  /** What is known of a model that was asked for before, in an image say. */
  model(name: string): Model<ReadLimit> | undefined {
    return name === '' ? undefined : this.#families?.find(name);
  }
}

/** A limit as a configuration has it: plain data that reads as the same limit. */
function written({ known: { scopes, period }, plain }: ReadLimit): object {
  const per = scopes.list.length === 0 ? 'all' : scopes.list;
  return period === undefined
    ? { ...plain, per }
    : { ...plain, per, window: period.unit, timeZone: period.calendar.timeZone };
}

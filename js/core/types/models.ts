import type { HiddenLimit, Limit, LimitRates } from './limits.ts';

/**
 * What calls of a model cost, in US dollars; none are built in. A price that is left out is not zero: a call that would need
 * it is refused. All are counted in millionths of a dollar (for tokens: a million of them), further digits are rounded.
 */
export interface Prices {
  /** Per million prompt tokens. Range: 0, or 0.001 to 1e6. */
  input?: number | null | undefined;
  /** Per million output tokens. Range: 0, or 0.001 to 1e6. */
  output?: number | null | undefined;
  /** Per million prompt tokens that were read from the provider's cache. Default: `input`. Range: as `input`, at most `input`. */
  cachedInput?: number | null | undefined;
  /** Per image. Range: 0, or 0.000001 to 1e6. */
  image?: number | null | undefined;
  /** Per call, whatever it uses. Default 0. Range: 0, or 0.000001 to 1e6. */
  call?: number | null | undefined;
}

/**
 * What corrects the tokens that were reserved when a call ends, as the provider counts them. `actual`: the reported usage.
 * `reserved`: nothing, what was reserved stays charged. `input`: the reported usage, of which only the input counts. `headers`:
 * what the answer said that `observe` was given, nothing if it said nothing. Costs and metrics of the user's own are always
 * corrected to what is reported.
 */
export type SettlePolicy = 'actual' | 'reserved' | 'input' | 'headers';

/**
 * Settings of a model. What is left out comes from the next shorter name of the family rule, and from the family's own name
 * at last, as far as these are of the same family.
 */
export interface ModelConfig<L = Limit | HiddenLimit> {
  /** The models that share its limits. Taken as it is, in NFC; not empty. Default: by the family rule. */
  family?: string | null | undefined;
  /**
   * Limits of the family beside the shared ones; one that has none is counted under the shared ones only. Default names end
   * with `model=<family>`. `unlimited`: no limit counts its calls, the shared ones and `rate` neither; concurrency and fairness
   * still do. All models of a family that say something here must say the same.
   */
  limits?: readonly L[] | LimitRates | 'unlimited' | null | undefined;
  /** Default: what the provider's dialect says, once an answer was observed; else `actual`. */
  settle?: SettlePolicy | null | undefined;
  /**
   * What its calls cost, for limits of `costUsd`. Where there are such limits, a call of a model without prices is an
   * `InputError`, unless its request gives `estimate.metrics.costUsd`.
   */
  prices?: Prices | null | undefined;
  /**
   * How its provider speaks: a name, or what `defineDialect` of `throttleai/providers` returned. For `observe`. Default `auto`: by
   * the host, else by the headers.
   */
  dialect?: string | { readonly name: string; readonly json: string } | null | undefined;
}

/**
 * Settings by name: of models, of families, of names of one's own (aliases, deployments). Names may hold any character and
 * are compared in Unicode's NFC. Or a function that is given a name and returns its settings, if it has any; it must give
 * the same answer each time, and may be asked about shorter names and families too.
 *
 * A name that is not listed belongs to a family by the rule and is counted under the shared limits.
 *
 * The family rule is OpenAI's: `openai/gpt-4o` and `ft:gpt-4o:acme::id` are `gpt-4o`, and so is what only adds a date or
 * `-preview` (`gpt-4o-2024-08-06`, `-20240806`, `-0806`). Any other name with `:` or `/` in it stays whole. To keep a model
 * apart, give it a family of its own: `{ 'o1-preview': { family: 'o1-preview' } }`.
 *
 * @example
 * const models = {
 *   'gpt-4o': { limits: [{ metric: 'tokens', limit: 30_000, window: '1m' }] }, // its dated snapshots and fine-tunes too
 *   'prod-chat': { family: 'gpt-4o' }, // an Azure deployment, say
 *   'llama3.1:8b': { limits: 'unlimited' },
 * };
 */
export type ModelsConfig<L = Limit | HiddenLimit> =
  Readonly<Record<string, ModelConfig<L>>> | ((model: string) => ModelConfig<L> | null | undefined);

/**
 * Which family the name of a model speaks of: OpenAI's habits of naming. `openai/NAME` is NAME, `ft:BASE:...` is BASE, and a
 * date or `-preview` at the end is left out. Source: OpenAI's list of models; a fine-tune shares the limits of its base.
 *
 * Other providers write versions and tags behind `:`, vendors and paths before `/`. What they mean differs, so such names
 * stay whole. Azure spells `gpt-35-turbo`, with limits of its own: that stays apart from `gpt-3.5-turbo`.
 */

const VENDOR = 'openai/';
const FINE_TUNE = /^ft:([^:]+)/;
const MONTH = '(?:0[1-9]|1[0-2])';
const DAY = '(?:0[1-9]|[12][0-9]|3[01])';
/** `-2024-12-03`, `-20241203`, `-1203`, `-preview`. Only what can be a date: `-2024` and `-2407` are no month and day. */
const SUFFIX = new RegExp(`-(?:20[0-9]{2}-${MONTH}-${DAY}|(?:20[0-9]{2})?${MONTH}${DAY}|preview)$`);

/** The name without the part that says least about its limits; undefined for the name of a family. */
function shorter(name: string): string | undefined {
  if (name.startsWith(VENDOR) && name.length > VENDOR.length) return name.slice(VENDOR.length);
  const base = FINE_TUNE.exec(name)?.[1];
  if (base !== undefined) return base;
  if (/[:/]/.test(name)) return undefined;
  const at = name.search(SUFFIX);
  return at > 0 ? name.slice(0, at) : undefined;
}

/**
 * The name, then ever shorter ones; the last is the family.
 *
 * @example
 * lineageOf('openai/gpt-4-1106-preview'); // [itself, 'gpt-4-1106-preview', 'gpt-4-1106', 'gpt-4']
 */
export function lineageOf(model: string): [string, ...string[]] {
  const names: [string, ...string[]] = [model];
  for (let next = shorter(model); next !== undefined; next = shorter(next)) names.push(next);
  return names;
}

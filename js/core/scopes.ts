/**
 * What a limit counts apart: its `per`, as the user writes it, as the core tells sets of limits apart by it, and as the text
 * that stands for one key of a set.
 *
 * Texts are lossless, whatever characters ids have: of several values all but the last have their length in front. A value
 * that a call does not give is empty, which no name of a model, tenant or actor is.
 */
import { ConfigError, isArray } from './errors.ts';
import type { LimitKey } from './types/events.ts';

const SCOPES = ['actor', 'model', 'tenant', 'action'] as const;
type KeyScope = (typeof SCOPES)[number];

/** What only calls of one family, or of one action, carry: the name of that. */
export interface Only {
  readonly scope: 'model' | 'action';
  readonly name: string;
}

/** Limits that count the same calls apart in the same way. */
export interface Scopes {
  /** The text by which the core knows the set; empty: all calls together. */
  readonly per: string;
  /** Without that of `only`. */
  readonly list: readonly KeyScope[];
  readonly only: Only | undefined;
}

/** What a call says of itself: its scopes. */
export type Scoped = { readonly [S in KeyScope]: string };

/**
 * Reads `per` of a limit.
 *
 * @param only whose limits they are, if not everybody's
 * @throws ConfigError
 */
export function readScopes(value: unknown, field: string, only: Only | undefined): Scopes {
  const given: readonly unknown[] =
    typeof value === 'object' && value !== null && isArray(value) ? [...(value as [])] : [value ?? 'all'];
  const known = given.every((scope) => SCOPES.includes(scope as KeyScope));
  if (given.length === 0 || !(known || (given.length === 1 && given[0] === 'all')))
    throw new ConfigError({ field, value, allowed: `"all", or one or several of ${SCOPES.join(', ')}` });
  const list = SCOPES.filter((scope) => given.includes(scope) && scope !== only?.scope);
  // The name is last: whatever it holds, it ends with the text.
  return { per: [...list, ...(only ? [`${only.scope}=${only.name}`] : [])].join('+'), list, only };
}

/** The first character that composes with the one before it. */
const COMBINING = 0x300;

/** Two spellings of one name are one. Below U+0300 there is nothing to compose. */
export function composed(name: string): string {
  // A loop of its own: an expression takes longer to start than names are long.
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) >= COMBINING) return name.normalize('NFC');
  return name;
}

/** The text of the key that counts a call. */
export function keyText({ list }: Scopes, call: Scoped): string {
  const last = list.length - 1;
  let text = '';
  for (let i = 0; i < last; i++) {
    const value = composed(call[list[i]!]);
    text += `${value.length}:${value}`;
  }
  return last < 0 ? text : text + composed(call[list[last]!]);
}

/** What a key text stands for, for people. */
export function keyOf({ list, only }: Scopes, text: string): LimitKey {
  const key: { -readonly [S in keyof LimitKey]: LimitKey[S] } = only === undefined ? {} : { [only.scope]: only.name };
  let from = 0;
  list.forEach((scope, i) => {
    let end = text.length;
    if (i < list.length - 1) {
      const colon = text.indexOf(':', from);
      end = colon + 1 + Number(text.slice(from, colon));
      from = colon + 1;
    }
    if (end > from) key[scope] = text.slice(from, end);
    from = end;
  });
  return key;
}

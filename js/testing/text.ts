/** Text the provider makes up, and how it counts tokens. */
import type { Random } from './random.ts';

const WORDS = (
  'the a of to in and is that for it as with on by at from this are be or an can not which when if more one has ' +
  'was but use each than then only some time first also after into most other so before both while where across call ' +
  'limit token model answer stream window actor share queue lease server client value order result moment sample'
).split(' ');

/** How the provider counts: pieces of at most six letters, and every other visible character. About 4 characters each. */
export function countTokens(text: string): number {
  return text.match(/[\p{L}\p{N}]{1,6}|[^\s\p{L}\p{N}]/gu)?.length ?? 0;
}

/** What a provider assumes before it has counted. Source: OpenAI estimates from the number of characters. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** `count` tokens, each a word with its blank, of at most six letters, so that counting the text gives `count`. */
export function makeTokens(random: Random, count: number): string[] {
  return Array.from({ length: count }, (_, i) => (i === 0 ? '' : ' ') + WORDS[Math.floor(random() * WORDS.length)]);
}

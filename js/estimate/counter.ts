/** Counts texts and JSON: by the tokenizer that was handed over, or by characters. */
import { InputError } from '../core/errors.ts';
import { tokensByCharacters } from './characters.ts';
import type { Field } from './field.ts';

/**
 * What special tokens of OpenAI's encodings begin with. Tokenizers refuse a text with one (or count it as one token), but
 * in a prompt it is only text. Cut in two here, no piece has one; the count is that of the text, or a token above it.
 */
const SPECIAL = '<|';

/** Tokens of texts and of JSON. */
export class Counter {
  readonly #tokenizer: ((text: string) => number) | undefined;

  constructor(tokenizer: ((text: string) => number) | undefined) {
    this.#tokenizer = tokenizer;
  }

  get rule(): 'tokenizer' | 'characters' {
    return this.#tokenizer === undefined ? 'characters' : 'tokenizer';
  }

  /** Tokens of a text; with a tokenizer of whatever fractions it returns. */
  text(text: string): number {
    if (text === '') return 0;
    if (this.#tokenizer === undefined) return tokensByCharacters(text);
    let tokens = 0;
    for (const piece of piecesOf(text)) tokens += this.#ask(piece);
    return tokens;
  }

  /** Tokens of a value written as JSON, which is at least what providers make of tools and schemas; of a string: of it. */
  json(field: Field): number {
    if (field.absent) return 0;
    if (typeof field.value === 'string') return this.text(field.value);
    const out: string[] = [];
    writeJson(field, out);
    return this.text(out.join(''));
  }

  #ask(text: string): number {
    const tokens: unknown = this.#tokenizer?.(text);
    if (typeof tokens === 'number' && tokens >= 0 && tokens < Infinity) return tokens;
    throw new InputError({
      field: 'options.tokenizer',
      value: tokens,
      allowed: 'a function that returns a number of tokens, from 0',
    });
  }
}

function piecesOf(text: string): string[] {
  const parts = text.split(SPECIAL);
  const last = parts.length - 1;
  return parts.map((part, index) => `${index > 0 ? '|' : ''}${part}${index < last ? '<' : ''}`);
}

/** As `JSON.stringify` writes data; what JSON has not (functions, symbols) is left out, and no `toJSON` is called. */
function writeJson(field: Field, out: string[]): void {
  const { value } = field;
  if (field.isArray) {
    out.push('[');
    for (const item of field.items()) {
      if (out.at(-1) !== '[') out.push(',');
      writeJson(item, out);
    }
    out.push(']');
  } else if (typeof value === 'object' && value !== null) {
    out.push('{');
    for (const key of field.keys()) {
      const property = field.get(key);
      if (isLeftOut(property.value)) continue;
      if (out.at(-1) !== '{') out.push(',');
      out.push(JSON.stringify(key), ':');
      writeJson(property, out);
    }
    out.push('}');
  } else {
    // What is left out of objects is `null` in lists; a bigint has no JSON, but somebody may know how to send it.
    out.push(isLeftOut(value) ? 'null' : typeof value === 'bigint' ? String(value) : JSON.stringify(value));
  }
}

const isLeftOut = (value: unknown): boolean =>
  value === undefined || typeof value === 'function' || typeof value === 'symbol';

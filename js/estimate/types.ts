/** What an estimate is asked with, and what it says. */
import type { TokenEstimate } from '../core/types.ts';

/** Options of `estimateTokens`. */
export interface EstimateOptions {
  /**
   * Tokens of a text, as the model counts them; e.g. `(text) => encode(text).length` of `gpt-tokenizer` or `js-tiktoken`.
   * Special tokens never reach it whole: `<|endoftext|>` in a prompt is plain text, and is handed over in two pieces.
   * Default: a rule by characters, which errs upward (about twice the tokens of English).
   */
  tokenizer?: ((text: string) => number) | null;
  /** Model, if the request names none. It decides only what images cost. */
  model?: string | null;
  /**
   * Tokens of each part of a type, instead of those the table gives; needed for parts whose size cannot be seen, e.g.
   * `{ input_audio: 400, document: 6_000, previous_response_id: 3_000 }`. Gemini's parts are called by their field, as in
   * `{ inlineData: 400 }`. Range: 0 to 1e12.
   */
  partTokens?: Readonly<Record<string, number>> | null;
  /**
   * Most output tokens of a request that sets no maximum itself. Default 0: nothing is reserved for its answer, which
   * counts only when it is reported. Range: 0 to 1e12.
   */
  maxOutputTokens?: number | null;
  /**
   * Prompt tokens of a request that cannot be understood, or has a part whose size cannot be seen. Default: an
   * `InputError`. Range: 0 to 1e12.
   */
  fallback?: number | null;
}

/** As what a request was read: by the field that holds its prompt. `text` is a bare string. */
export type RequestShape = 'text' | 'messages' | 'input' | 'prompt' | 'contents';

/** What a request needs, as `acquire` takes it, and how that was found. */
export interface RequestEstimate extends TokenEstimate {
  /** Whole tokens, from 0. */
  promptTokens: number;
  /** Whole tokens of all answers asked for (`n`, `candidateCount`), from 0. */
  maxOutputTokens: number;
  /** As what the request was read; undefined if it was not understood and `fallback` was used. */
  shape: RequestShape | undefined;
  /** How texts were counted; `fallback` if that number was used instead. */
  rule: 'tokenizer' | 'characters' | 'fallback';
  /** Where the maximum of the output comes from; `none`: neither the request nor the options say one. */
  outputRule: 'request' | 'option' | 'none';
}

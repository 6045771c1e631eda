/** The formats that the mock provider speaks: how a call is read, and how its answer, its limits and its errors are written. */
import type { Admission, Gauge } from './admission.ts';
import { anthropic } from './anthropic.ts';
import type { Answer } from './answers.ts';
import { gemini } from './gemini.ts';
import { openai } from './openai.ts';
import type { BadCall, ParsedCall } from './requests.ts';

/** What went wrong with a call, in words of HTTP. */
export type Failure = 'invalid' | 'not-found' | 'too-long' | 'broken' | 'overloaded';

/** One format. */
export interface Format {
  /** @param path of the request, which may name a model */
  parse(body: Record<string, unknown>, defaultMaxTokens: number, path: string): ParsedCall | BadCall;
  /** The whole answer. */
  whole(answer: Answer): unknown;
  /** A streamed one: each piece as it is sent, and whether it is a token's. */
  stream(answer: Answer, call: ParsedCall): Iterable<readonly [piece: string, isToken: boolean]>;
  /** What is told of limits with every answer. */
  limits(gauges: { requests?: Gauge; tokens?: Gauge }, now: number): Record<string, string>;
  /** Status 429. */
  refusal(
    call: ParsedCall,
    refused: Admission & { admitted: false },
  ): { headers: Record<string, string>; body: unknown };
  failure(what: Failure, message: string, param?: string | null): unknown;
}

const ROUTES: readonly (readonly [path: RegExp, format: Format])[] = [
  // Groq has it under a path of its own.
  [/^(?:\/openai)?\/v1\/(?:chat\/completions|embeddings)$/, openai],
  [/^\/v1\/messages$/, anthropic],
  [/^\/v1(?:beta)?\/models\/[^/]+:(?:generateContent|streamGenerateContent)$/, gemini],
];

/** The format of a path that is posted to; undefined: nothing is there. */
export function formatOf(path: string): Format | undefined {
  return ROUTES.find(([route]) => route.test(path))?.[1];
}

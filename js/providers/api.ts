/** The functions of `throttleai/providers`, over whichever wasm the entry brings. */
import { systemClock } from '../core/clock.ts';
import { ConfigError } from '../core/errors.ts';
import { refuseOthers } from '../core/properties.ts';
import { bad, pairsOf, textOf } from './input.ts';
import { createAsk, type Ask } from './instance.ts';
import type {
  Dialect,
  DialectName,
  DialectTable,
  ProviderAnswer,
  ProviderReading,
  ProviderUsage,
  ReadOptions,
} from './types.ts';

/** Operations of `src/provider/wire.rs`. */
const READ = 0;
const DIALECT = 1;

/** The names of the dialects that come with the package. */
export const dialects: readonly DialectName[] = [
  'openai',
  'azure-openai',
  'github-models',
  'anthropic',
  'gemini',
  'vertex',
  'bedrock',
  'groq',
  'mistral',
  'cerebras',
  'openrouter',
  'together',
  'cohere',
  'workers-ai',
  'databricks',
  'venice',
  'generic',
];

/** What the entries export. */
export interface ProvidersApi {
  readAnswer(answer: ProviderAnswer, options?: ReadOptions | null): ProviderReading;
  readUsage(body: unknown, options?: Pick<ReadOptions, 'dialect'> | null): ProviderUsage | undefined;
  detectDialect(urlOrHost: string): DialectName | undefined;
  dialectTable(name: DialectName): DialectTable;
  defineDialect(table: DialectTable): Dialect;
}

/** @param getModule see `createAsk` */
export function bindProviders(getModule: () => object): ProvidersApi {
  const ask = createAsk(getModule);
  return {
    readAnswer(answer, options) {
      refuseOthers(options ?? {}, 'options', ['dialect', 'now', 'body']);
      return readAnswer(ask, answer, options ?? {});
    },
    readUsage(body, options) {
      refuseOthers(options ?? {}, 'options', ['dialect']);
      return readAnswer(ask, {}, { ...options, body, now: 0 }).usage;
    },
    detectDialect(urlOrHost) {
      if (typeof urlOrHost !== 'string') throw bad('urlOrHost', urlOrHost, 'a text');
      return asked(ask, DIALECT, { url: urlOrHost }) as DialectName | undefined;
    },
    dialectTable(name) {
      if (!dialects.includes(name)) throw bad('name', name, dialects.join(', '));
      return asked(ask, DIALECT, { table: name }) as DialectTable;
    },
    defineDialect: (table) => defineDialect(ask, table),
  };
}

function readAnswer(ask: Ask, answer: ProviderAnswer, options: ReadOptions): ProviderReading {
  if (typeof answer !== 'object' || answer === null)
    throw bad('answer', answer, 'a response, or its status and headers');
  const { status, headers, url } = answer;
  const { dialect = 'auto', now = systemClock.now() } = options;
  if (status !== undefined && !(Number.isInteger(status) && status >= 100 && status <= 599))
    throw bad('status', status, 'a whole number from 100 to 599');
  if (url !== undefined && typeof url !== 'string') throw bad('url', url, 'a text');
  if (!(Number.isFinite(now) && now >= 0)) throw bad('now', now, 'a finite number of milliseconds from 0');

  const json = jsonOf(dialect);
  const names = (): string[] => [
    ...new Set(parsed(ask(DIALECT, `{"headersOf":${json},"url":${JSON.stringify(url ?? '')}}`)) as string[]),
  ];
  const about = JSON.stringify({ status, headers: pairsOf(headers, names), url, now });
  return parsed(ask(READ, `{"dialect":${json},${about.slice(1)}`, textOf(options.body))) as ProviderReading;
}

/** A dialect as it crosses. @throws InputError */
function jsonOf(dialect: DialectName | 'auto' | Dialect): string {
  if (typeof dialect === 'object' && dialect !== null && typeof dialect.json === 'string') return dialect.json;
  if (typeof dialect === 'string' && (dialect === 'auto' || dialects.includes(dialect))) return JSON.stringify(dialect);
  throw bad('dialect', dialect, `auto, ${dialects.join(', ')}, or what defineDialect returned`);
}

/** Longest table, in characters. */
const TABLE_MAX = 65_536;
const TABLE_ALLOWED = `plain data of at most ${TABLE_MAX} characters as JSON`;

function defineDialect(ask: Ask, table: DialectTable): Dialect {
  let json: string | undefined;
  try {
    json = typeof table === 'object' && table !== null ? JSON.stringify(table) : undefined;
  } catch (cause) {
    throw new ConfigError({ field: 'dialect', value: table, allowed: TABLE_ALLOWED }, undefined, { cause });
  }
  if (json === undefined || json.length > TABLE_MAX)
    throw new ConfigError({ field: 'dialect', value: table, allowed: TABLE_ALLOWED });
  const checked = ask(DIALECT, `{"define":${json}}`);
  const { name } = parsed(checked) as DialectTable;
  return Object.freeze({ name, json: checked });
}

const asked = (ask: Ask, operation: number, about: object): unknown =>
  parsed(ask(operation, JSON.stringify(about))) ?? undefined;

interface Refused {
  readonly error: { readonly field: string; readonly value: string; readonly allowed: string };
}

/** @throws ConfigError for what is wrong with a dialect */
function parsed(json: string): unknown {
  const answer = JSON.parse(json) as Refused | null;
  if (answer?.error === undefined) return answer;
  const { field, value, allowed } = answer.error;
  throw new ConfigError({ field, value, allowed }, `${field} must be ${allowed}, got ${value}`);
}

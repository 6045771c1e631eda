/**
 * How an answer of a provider asks its callers to stay away: status and headers, read from responses and SDK errors alike.
 * The two headers here are those that nobody writes in his own way; the dialects know the others, in a module of their own that
 * nobody loads who does not ask for it.
 */

/** What a release reports of an answer. */
export interface Answered {
  status?: number;
  retryAfterMs?: number;
}

/** What an answer is made of. */
export interface AnswerParts {
  readonly status: number;
  readonly headers: unknown;
  readonly url?: string;
}

/**
 * Status, headers and URL of a response, or of an error that carries those of one, by the names that SDKs and clients give
 * them; undefined if it is neither. May throw, where properties do.
 */
export function partsOf(answer: unknown): AnswerParts | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const said = answer as Readonly<Record<string, unknown>>;
  const response = (said['response'] ?? said['rawResponse'] ?? said['$response']) as typeof said | null | undefined;
  const meta = said['$metadata'] as typeof said | null | undefined;
  const statuses = [said['status'], said['statusCode'], meta?.['httpStatusCode'], response?.['status']];
  const status = statuses.find((value) => typeof value === 'number' && value >= 100 && value < 600);
  if (status === undefined) return undefined;
  const headers = said['headers'] ?? said['responseHeaders'] ?? response?.['headers'];
  const url = said['url'] || response?.['url'];
  return { status: status as number, headers, ...(typeof url === 'string' && url !== '' && { url }) };
}

/**
 * Status and pause of a response, or of an error that carries those of one (as those of the SDKs do). Never throws.
 *
 * @param now the time in ms, for a pause that is given as a date
 */
export function answered(answer: unknown, now: number): Answered {
  try {
    const parts = partsOf(answer);
    if (parts === undefined) return {};
    const { status } = parts;
    const retryAfterMs = pauseOf(parts.headers, now);
    return retryAfterMs === undefined ? { status } : { status, retryAfterMs };
  } catch {
    return {}; // Its properties throw.
  }
}

/** A header, trimmed; empty if there is none. @param name in lower case. @param headers a `Headers`, a map, or an object */
export function headerOf(headers: unknown, name: string): string {
  if (typeof headers !== 'object' || headers === null) return '';
  const { get } = headers as { get?: (name: string) => unknown };
  const plain = headers as Readonly<Record<string, unknown>>;
  const found =
    typeof get === 'function'
      ? get.call(headers, name)
      : (plain[name] ?? plain[Object.keys(plain).find((key) => key.toLowerCase() === name) ?? name]);
  return String(found ?? '').trim();
}

/** In every date that HTTP knows. Platforms read years into less: "-45" would be 2045. */
const TIME_OF_DAY = /\d:\d\d:\d/;

/** A longer pause is not believed: it is an instant in place of a delay, or nonsense. As the dialects have it: 366 days. */
const PAUSE_MAX_MS = 366 * 86_400_000;

/** `retry-after-ms`, else `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); undefined if neither says so clearly: 0 does not. */
function pauseOf(headers: unknown, now: number): number | undefined {
  const [ms, seconds] = [headerOf(headers, 'retry-after-ms'), headerOf(headers, 'retry-after')];
  // That of C, which ends with the year, names no zone.
  const date = TIME_OF_DAY.test(seconds) ? Date.parse(seconds.replace(/ \d{4}$/, '$& GMT')) : NaN;
  return [amount(ms), amount(seconds) * 1000, date - now].find((pause) => pause > 0 && pause <= PAUSE_MAX_MS);
}

const amount = (text: string): number => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN);

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

/**
 * Status and pause of a response, or of an error that carries those of one (as those of the SDKs do). Never throws.
 *
 * @param now the time in ms, for a pause that is given as a date
 */
export function answered(answer: unknown, now: number): Answered {
  try {
    const { status, headers } = answer as { status?: unknown; headers?: unknown };
    if (typeof status !== 'number' || !(status >= 100 && status < 600)) return {};
    const retryAfterMs = pauseOf(headers, now);
    return retryAfterMs === undefined ? { status } : { status, retryAfterMs };
  } catch {
    return {}; // Not an object, or one whose properties throw.
  }
}

/** `retry-after-ms`, else `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); undefined if neither says so clearly. */
function pauseOf(headers: unknown, now: number): number | undefined {
  const found = (name: string): string => {
    const { get } = headers as { get?: (name: string) => unknown };
    return String((typeof get === 'function' ? get.call(headers, name) : (headers as never)[name]) ?? '').trim();
  };
  const [ms, seconds] = [found('retry-after-ms'), found('retry-after')];
  const pause = [amount(ms), amount(seconds) * 1000, Date.parse(seconds) - now].find((pause) => pause >= 0);
  return pause !== undefined && pause <= Number.MAX_SAFE_INTEGER ? pause : undefined;
}

const amount = (text: string): number => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN);

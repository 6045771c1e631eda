/** OpenAI's wire formats outside the answers themselves: durations, rate limit headers, error bodies. */
import type { Admission, Gauge } from './admission.ts';

/** A duration as Go prints it, which is what `x-ratelimit-reset-*` holds: `12ms`, `1s`, `2m59.56s`, `1h0m0s`. */
export function goDuration(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms));
  if (whole < 1000) return whole === 0 ? '0s' : `${whole}ms`;
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor((whole % 3_600_000) / 60_000);
  const seconds = (whole % 60_000) / 1000;
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

/** The `x-ratelimit-*` headers of one answer. `reset` is the time to full replenishment, as at OpenAI. */
export function rateHeaders(gauges: { requests?: Gauge; tokens?: Gauge }): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [unit, gauge] of Object.entries(gauges) as [string, Gauge][]) {
    headers[`x-ratelimit-limit-${unit}`] = String(gauge.limit);
    headers[`x-ratelimit-remaining-${unit}`] = String(gauge.remaining);
    headers[`x-ratelimit-reset-${unit}`] = goDuration(gauge.resetMs);
  }
  return headers;
}

/** OpenAI's error body. */
export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

export function errorBody(message: string, type: string, code: string | null, param: string | null = null): ErrorBody {
  return { error: { message, type, param, code } };
}

const UNIT = { requests: 'requests per min (RPM)', tokens: 'tokens per min (TPM)', concurrency: 'concurrent requests' };

/** Status 429: its headers and its body. */
export function refusal(
  model: string,
  asked: number,
  refused: Admission & { admitted: false },
): {
  headers: Record<string, string>;
  body: ErrorBody;
} {
  const { by, retryMs, used, limit } = refused;
  const amount = by === 'tokens' ? asked : 1;
  if (retryMs === Infinity) {
    const text = `Request too large for ${model} on ${UNIT[by]}: Limit ${limit}, Requested ${amount}.`;
    return { headers: {}, body: errorBody(text, by, 'rate_limit_exceeded') };
  }
  const ms = Math.max(1, Math.ceil(retryMs));
  const text =
    `Rate limit reached for ${model} on ${UNIT[by]}: Limit ${limit}, Used ${used}, Requested ${amount}. ` +
    `Please try again in ${goDuration(ms)}.`;
  return {
    headers: { 'retry-after': String(Math.ceil(ms / 1000)), 'retry-after-ms': String(ms) },
    body: errorBody(text, by === 'concurrency' ? 'requests' : by, 'rate_limit_exceeded'),
  };
}

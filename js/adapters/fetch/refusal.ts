/** What the governor says to a call, as a provider would say it, so that SDKs raise the errors and keep the pauses that their users know. */
import type { AcquireDenied } from '../../core/types.ts';
import { denialBody, retryAfter } from '../internal/denial.ts';
import type { AdapterGovernor } from '../internal/types.ts';
import { web, type WebResponse } from '../internal/web.ts';

interface SaidError {
  readonly message: string;
  readonly type: string;
  readonly code: string;
  readonly status?: string;
}

/** The answer to a call that was denied. */
export function refusalOf(governor: AdapterGovernor, decision: AcquireDenied): WebResponse {
  const { reason, retryAfterMs, recommendation } = denialBody(decision);
  const error = { message: recommendation, type: 'rate_limit_error', code: 'throttled', status: 'RESOURCE_EXHAUSTED' };
  return answerOf(429, retryAfter(governor, decision), error, { reason, retryAfterMs, recommendation });
}

/** The answer to a call that cannot be counted. @param message what is wrong with it */
export function rejectionOf(message: string): WebResponse {
  return answerOf(400, undefined, { message, type: 'invalid_request_error', code: 'uncountable' });
}

/**
 * The body speaks to all of them: OpenAI, Groq and Mistral read `error.message`, Anthropic `type`, Google `error.status`.
 *
 * @param seconds after which to come back; undefined: never
 */
function answerOf(status: number, seconds: number | undefined, error: SaidError, more?: object): WebResponse {
  const body = JSON.stringify({ type: 'error', message: error.message, error: { ...error, param: null }, ...more });
  const headers = {
    'content-type': 'application/json',
    // SDKs made by Stainless (OpenAI, Anthropic, Groq) do not repeat then what can never be granted.
    ...(seconds === undefined ? { 'x-should-retry': 'false' } : { 'retry-after': seconds }),
  };
  return new web.Response(body, { status, headers }) as WebResponse;
}

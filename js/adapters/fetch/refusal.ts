/** A denial as a provider would say it, so that SDKs raise the errors and keep the pauses that their users know. */
import type { AcquireDenied } from '../../core/types.ts';
import { denialBody, retryAfter } from '../internal/denial.ts';
import type { AdapterGovernor } from '../internal/types.ts';
import { web, type WebResponse } from '../internal/web.ts';

/** The body speaks to all of them: OpenAI, Groq and Mistral read `error.message`, Anthropic `type`, Google `error.status`. */
export function refusalOf(governor: AdapterGovernor, decision: AcquireDenied): WebResponse {
  const { reason, retryAfterMs, recommendation } = denialBody(decision);
  const error = {
    message: recommendation,
    type: 'rate_limit_error',
    code: 'throttled',
    param: null,
    status: 'RESOURCE_EXHAUSTED',
  };
  const seconds = retryAfter(governor, decision);
  const headers = {
    'content-type': 'application/json',
    // SDKs made by Stainless (OpenAI, Anthropic, Groq) do not repeat then what can never be granted.
    ...(seconds === undefined ? { 'x-should-retry': 'false' } : { 'retry-after': seconds }),
  };
  const body = JSON.stringify({ type: 'error', message: recommendation, error, reason, retryAfterMs, recommendation });
  return new web.Response(body, { status: 429, statusText: 'Too Many Requests', headers }) as WebResponse;
}

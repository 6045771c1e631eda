/** What the governor says to a call, as a provider would say it, so that SDKs raise the errors and keep the pauses that their users know. */
import type { AcquireDenied } from '../../core/types.ts';
import { denialBody, retryAfter } from '../internal/denial.ts';
import type { AdapterGovernor } from '../internal/types.ts';
import { web, type WebResponse } from '../internal/web.ts';

/** SDKs made by Stainless (OpenAI, Anthropic, Groq) do not repeat then what can never be granted. */
const NEVER = { 'x-should-retry': 'false' };

/** The answer to a call that was denied. */
export function refusalOf(governor: AdapterGovernor, decision: AcquireDenied): WebResponse {
  const { reason, retryAfterMs, recommendation } = denialBody(decision);
  const seconds = retryAfter(governor, decision);
  return answerOf(
    {
      status: 429,
      statusText: 'Too Many Requests',
      headers: seconds === undefined ? NEVER : { 'retry-after': seconds },
    },
    { message: recommendation, type: 'rate_limit_error', code: 'throttled', status: 'RESOURCE_EXHAUSTED' },
    { reason, retryAfterMs, recommendation },
  );
}

/** The answer to a call that cannot be counted. @param message what is wrong with it */
export function rejectionOf(message: string): WebResponse {
  return answerOf(
    { status: 400, statusText: 'Bad Request', headers: NEVER },
    { message, type: 'invalid_request_error', code: 'uncountable', status: 'INVALID_ARGUMENT' },
  );
}

/** The body speaks to all of them: OpenAI, Groq and Mistral read `error.message`, Anthropic `type`, Google `error.status`. */
function answerOf(
  { status, statusText, headers }: { status: number; statusText: string; headers: object },
  error: { message: string; type: string; code: string; status: string },
  more?: object,
): WebResponse {
  const body = JSON.stringify({ type: 'error', message: error.message, error: { ...error, param: null }, ...more });
  const json = { 'content-type': 'application/json', ...headers };
  return new web.Response(body, { status, statusText, headers: json }) as WebResponse;
}

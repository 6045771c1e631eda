/** One HTTP call under a lease: from before its request to the end of its bytes. */
import type { Call } from '../../core/call.ts';
import { holdResponse, type HoldResponse } from '../internal/response.ts';
import type { AdapterGovernor } from '../internal/types.ts';
import { watchUnread, type Silence } from '../internal/unread.ts';
import type { FetchInit, FetchInput, ResponseLike, WebResponse } from '../internal/web.ts';

/** A function like the platform's `fetch`. */
export type FetchFn = (input: FetchInput, init?: FetchInit) => Promise<WebResponse>;

/** What the adapters for `fetch` need of a governor: a `Governor`, or any object with `acquire` and `release`. */
export interface FetchGovernor extends AdapterGovernor {
  /** Follows what providers answer; used where it exists. */
  observe?(answer: never, about?: { leaseId?: string; model?: string }): unknown;
}

/** What a provider answered, as a governor observes it. */
export interface Answer {
  readonly status: number;
  readonly headers: ResponseLike['headers'];
  readonly url: string;
  /** Only of a refusal: what has come of it, if it is JSON. */
  readonly body?: string;
}

export interface FetchUnder extends Pick<HoldResponse, 'extractUsage'> {
  readonly silence: Required<Silence>;
  /** Told what the provider answered: at once, but a refusal, whose reason is in its body, when the call ends. Must not throw. */
  readonly observe?: ((answer: Answer) => void) | undefined;
}

/** @param send makes the call */
export async function fetchUnder(
  call: Call,
  send: () => Promise<WebResponse>,
  { silence, extractUsage, observe }: FetchUnder,
): Promise<WebResponse> {
  const unread = watchUnread(call, silence);
  const response = await send();
  const { status, headers, url } = response as ResponseLike;
  const refused = status >= 400;
  if (!refused) observe?.({ status, headers, url });
  const ended = refused && observe ? (body: string) => observe({ status, headers, url, body }) : undefined;
  return holdResponse(response, { call, idleMs: silence.idleMs, unread, extractUsage, ended });
}

/** Tells a governor that wants to know what a provider answered; what it makes of that is no matter of the call's. */
export function observer(
  governor: FetchGovernor,
  { leaseId }: Call,
  model: string | null | undefined,
): ((answer: Answer) => void) | undefined {
  if (typeof governor.observe !== 'function') return undefined;
  const about = model == null ? { leaseId } : { leaseId, model };
  return (answer) => {
    try {
      governor.observe!(answer as never, about);
    } catch {
      // A closed governor, or a dialect of the user's that cannot be used.
    }
  };
}

/** What the adapters ask for, and the running of a call under the grant. */
import { openCall, type Call } from '../../core/call.ts';
import { abortReason } from '../../core/timers.ts';
import type { AcquireRequest, DeniedBy, SignalLike } from '../../core/types.ts';
import { unitsThatFit } from '../../core/utf8.ts';
import { acquireWith } from '../../core/waiting.ts';
import { idBytesOf } from './options.ts';
import type { AdapterGovernor, AdapterOptions, AdapterResult } from './types.ts';

/** The default action of a call, cut to what the governor takes: a label of anybody's making must not fail the call. */
export function defaultAction(governor: AdapterGovernor, text: string): string {
  return text.slice(0, unitsThatFit(text, idBytesOf(governor)));
}

/**
 * Asks, and on a grant runs `run`, which must end the call, or have it ended later; what it throws ends it too.
 *
 * @throws what `run` throws; the reason of `signal` when it is aborted before the grant (then nothing is consumed)
 */
export async function governed<T, G extends AdapterGovernor>(
  { governor, wait }: AdapterOptions<G>,
  request: AcquireRequest,
  signal: SignalLike | null | undefined,
  run: (call: Call) => PromiseLike<T> | T,
): Promise<AdapterResult<T, DeniedBy<G>>> {
  if (signal?.aborted) throw abortReason(signal);
  const answer = acquireWith(governor, request, wait && (signal ? { ...wait, signal } : wait));
  // Not a tick later than the grant: until its hold is taken, another call could end a shared lease.
  const decision = 'then' in answer ? await answer : answer;
  if (!decision.granted) return { ok: false, decision: decision as DeniedBy<G> };
  const call = openCall(governor, request, decision, signal);
  try {
    const result = await run(call);
    return { ok: true, result, latencyMs: call.elapsed() };
  } catch (error) {
    call.fail(error);
    throw error;
  }
}

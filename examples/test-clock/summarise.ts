// What is tested: a function of ours that works under a governor.
import { withLease, type Governor } from 'throttleai';

export type Model = (text: string) => Promise<string>;

/** Summarises a text, waiting up to a minute for its turn; `undefined` if the turn did not come. */
export async function summarise(governor: Governor, model: Model, text: string): Promise<string | undefined> {
  const answer = await withLease(governor, { actorId: 'ann', action: 'summarise' }, () => model(text), {
    strategy: 'wait',
    maxWaitMs: 60_000,
  });
  return answer.granted ? answer.result : undefined;
}

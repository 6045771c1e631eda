/** Many calls at once through `governedFetch` that end at random points; the transport is in memory and takes random turns. */
import { createGovernor } from 'throttleai';
import { governedFetch } from 'throttleai/adapters/fetch';
import type { Random } from '../../testing/random.ts';

/** What is left of a storm, and how its calls ended. */
export interface Storm {
  readonly endings: Readonly<Record<string, number>>;
  readonly granted: number;
  readonly released: number;
  readonly activeLeases: number;
  readonly waiting: number;
}

const AT_ONCE = 64;
const event = new TextEncoder().encode('data: {"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n');

/** Lets a few microtasks go by. */
async function turns(random: Random, most = 6): Promise<void> {
  for (let left = Math.floor(random() * most); left > 0; left--) await undefined;
}

/** A transport that obeys the signal before its headers and between chunks, and sometimes fails by itself. */
function transport(random: Random): typeof fetch {
  return async (_input, init) => {
    const signal = init?.signal;
    await turns(random);
    signal?.throwIfAborted();
    if (random() < 0.05) throw new TypeError('fetch failed');
    if (random() < 0.05) return new Response(null, { status: 204 });
    let left = Math.floor(random() * 4);
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      await turns(random);
      if (signal?.aborted) controller.error(signal.reason);
      else if (random() < 0.02) controller.error(new TypeError('terminated'));
      else if (left-- > 0) controller.enqueue(event.slice());
      else controller.close();
    };
    const headers = { 'content-type': random() < 0.5 ? 'text/event-stream' : 'application/json' };
    return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers });
  };
}

/** One call, left at a random point. @returns how it ended for its caller */
async function one(governed: typeof fetch, random: Random): Promise<string> {
  const abort = new AbortController();
  const leave = random() < 0.5 ? turns(random, 60).then(() => abort.abort()) : undefined;
  try {
    const response = await governed('https://model.example/v1/chat', { signal: abort.signal });
    if (response.status === 429) return 'denied';
    const reader = response.body?.getReader();
    if (reader === undefined) return 'empty';
    for (let reads = Math.floor(random() * 6); reads > 0; reads--) if ((await reader.read()).done) return 'read';
    await reader.cancel();
    return 'cancelled';
  } catch {
    return abort.signal.aborted ? 'aborted' : 'failed';
  } finally {
    await leave;
  }
}

/** @param calls how many; 64 at once, for 16 places, so that some wait */
export async function abortStorm(calls: number, random: Random): Promise<Storm> {
  const counts = { granted: 0, released: 0 };
  const governor = createGovernor({
    concurrency: { maxInFlight: 16 },
    onEvent({ type }) {
      if (type === 'acquire') counts.granted++;
      else if (type === 'release') counts.released++;
    },
  });
  const governed = governedFetch(governor, { fetch: transport(random) });
  const endings: Record<string, number> = {};
  let left = calls;
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const ending = await one(governed, random);
      endings[ending] = (endings[ending] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  const { activeLeases } = governor;
  const waiting = governor.snapshot().waiting ?? 0;
  governor.close();
  return { endings, ...counts, activeLeases, waiting };
}

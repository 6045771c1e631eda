/** Plays one run: every user keeps its calls going until the time is over; what was finished by then counts. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MockProvider, MockProviderStats } from 'throttleai/testing';
import { attempt, type Ask } from './clients.ts';
import { RUN_MS, taskOf, USERS, type User } from './scenario.ts';

export interface Outcome {
  /** Answers read to their end. */
  done: number;
  /** Calls given up after the last retry. */
  givenUp: number;
  /** From asking to the start of the attempt that was answered, in ms. */
  waits: number[];
  doneBy: Map<string, number>;
  /** The provider's counts at the end of the run. */
  provider: MockProviderStats;
}

export interface Progress {
  (elapsedMs: number, done: number, refused: number): void;
}

/** How often progress is shown, in ms. */
const TICK_MS = 200;

/** Users who got nothing after all retries pause before they ask for the next thing, in ms. */
const DISCOURAGED_MS = 500;

/** The calls in flight, so that the end of the run can end them. Each has a signal of its own, as in a real program. */
class InFlight {
  over = false;
  readonly #calls = new Set<AbortController>();

  async run(call: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const abort = new AbortController();
    this.#calls.add(abort);
    try {
      await call(abort.signal);
    } finally {
      this.#calls.delete(abort);
    }
  }

  end(): void {
    this.over = true;
    for (const abort of this.#calls) abort.abort();
  }
}

export async function play(
  provider: MockProvider,
  prompts: readonly string[],
  clientOf: (user: User) => Ask,
  progress: Progress,
): Promise<Outcome> {
  const inFlight = new InFlight();
  const outcome: Outcome = { done: 0, givenUp: 0, waits: [], doneBy: new Map(), provider: provider.stats() };
  const start = performance.now();

  const once = async (user: User, ask: Ask, nth: number): Promise<void> => {
    const asked = performance.now();
    const call = { sentAt: asked };
    try {
      await inFlight.run((signal) => attempt.run(call, () => ask(taskOf(prompts, user, nth), signal)));
    } catch {
      if (inFlight.over) return;
      outcome.givenUp++;
      await inFlight.run((signal) => sleep(DISCOURAGED_MS, undefined, { signal })).catch(() => {});
      return;
    }
    if (inFlight.over) return;
    outcome.done++;
    outcome.doneBy.set(user.name, (outcome.doneBy.get(user.name) ?? 0) + 1);
    outcome.waits.push(call.sentAt - asked);
  };

  const workers = USERS.flatMap((user) => {
    const ask = clientOf(user);
    let calls = 0;
    return Array.from({ length: user.workers }, async () => {
      while (!inFlight.over) await once(user, ask, calls++);
    });
  });
  const ticker = setInterval(
    () => progress(performance.now() - start, outcome.done, provider.stats().refused),
    TICK_MS,
  );
  await sleep(RUN_MS);
  outcome.provider = provider.stats();
  inFlight.end();
  clearInterval(ticker);
  await Promise.all(workers);
  return outcome;
}

/** Plays one run: every user keeps its calls going until the time is over; what was finished by then counts. */
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

export async function play(
  provider: MockProvider,
  prompts: readonly string[],
  clientOf: (user: User) => Ask,
  progress: Progress,
): Promise<Outcome> {
  const over = new AbortController();
  const outcome: Outcome = { done: 0, givenUp: 0, waits: [], doneBy: new Map(), provider: provider.stats() };
  const start = performance.now();

  const work = async (user: User, ask: Ask, next: () => number): Promise<void> => {
    while (!over.signal.aborted) {
      const asked = performance.now();
      const call = { sentAt: asked };
      try {
        await attempt.run(call, () => ask(taskOf(prompts, user, next()), over.signal));
        if (over.signal.aborted) return;
        outcome.done++;
        outcome.doneBy.set(user.name, (outcome.doneBy.get(user.name) ?? 0) + 1);
        outcome.waits.push(call.sentAt - asked);
      } catch {
        if (!over.signal.aborted) outcome.givenUp++;
      }
    }
  };

  const workers = USERS.flatMap((user) => {
    const ask = clientOf(user);
    let calls = 0;
    return Array.from({ length: user.workers }, () => work(user, ask, () => calls++));
  });
  const ticker = setInterval(
    () => progress(performance.now() - start, outcome.done, provider.stats().refused),
    TICK_MS,
  );
  await new Promise((resolve) => setTimeout(resolve, RUN_MS));
  outcome.provider = provider.stats();
  over.abort();
  clearInterval(ticker);
  await Promise.all(workers);
  return outcome;
}

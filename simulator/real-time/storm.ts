/** W5, in real time: waiters that come and are aborted, so many at once; what each costs, and what is left of them. */
import v8 from 'node:v8';
import vm from 'node:vm';
import { createGovernor, type Governor } from 'throttleai';
import { quantile } from 'throttleai/testing';

export const SIZES = [10_000, 100_000] as const;
const ACTORS = 1000;
const ROUNDS = 4;

/** What a size came to. */
export interface Storm {
  readonly waiters: number;
  /** Of a promise that an abort rejects and nothing else: what the engine asks for so many of them. */
  readonly bare: number;
  /** Microseconds each: median over the rounds. */
  readonly enqueue: number;
  readonly cancel: number;
  /** Bytes of the heap and of all buffers that a round leaves behind, from the second to the last, for each waiter of one. */
  readonly left: number;
}

/** A collection of everything that can be collected. */
function collector(): () => void {
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc') as () => void;
}

const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

async function round(governor: Governor, waiters: number): Promise<{ enqueue: number; cancel: number }> {
  const controllers = Array.from({ length: waiters }, () => new AbortController());
  const rejected = (): boolean => true;
  const begun = performance.now();
  const waits = controllers.map(({ signal }, index) =>
    governor
      .acquireAsync({ actorId: `actor-${index % ACTORS}`, action: 'task' }, { signal })
      .then(() => false, rejected),
  );
  const queued = performance.now();
  for (const controller of controllers) controller.abort();
  const cancelled = performance.now();
  if (!(await Promise.all(waits)).every(Boolean)) throw new Error('a waiter was granted what was not there');
  return { enqueue: (1000 * (queued - begun)) / waiters, cancel: (1000 * (cancelled - queued)) / waiters };
}

/** Microseconds for a promise that is made and aborted. */
async function bareRound(waiters: number): Promise<number> {
  const controllers = Array.from({ length: waiters }, () => new AbortController());
  const begun = performance.now();
  const waits = controllers.map(({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })).catch(
      () => true,
    ),
  );
  for (const controller of controllers) controller.abort();
  const took = performance.now() - begun;
  await Promise.all(waits);
  return (1000 * took) / waiters;
}

export async function storm(waiters: number): Promise<Storm> {
  const collect = collector();
  const governor = createGovernor({ concurrency: { maxInFlight: 1 }, fairness: true, queue: { max: waiters } });
  const held = governor.acquire({ actorId: 'holder', action: 'task' });
  const rounds = [];
  const bare: number[] = [];
  const memory: number[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    bare.push(await bareRound(waiters));
    rounds.push(await round(governor, waiters));
    collect();
    const { heapUsed, external } = process.memoryUsage();
    memory.push(heapUsed + external);
  }
  if (held.granted) governor.release(held.leaseId);
  if (governor.activeLeases > 0 || (governor.snapshot().waiting ?? 0) > 0) throw new Error('something was left over');
  governor.close();
  return {
    waiters,
    bare: median(bare),
    enqueue: median(rounds.map((made) => made.enqueue)),
    cancel: median(rounds.map((made) => made.cancel)),
    left: ((memory.at(-1) ?? NaN) - (memory[1] ?? NaN)) / (ROUNDS - 2) / waiters,
  };
}

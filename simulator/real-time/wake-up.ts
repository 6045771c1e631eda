/** W3, in real time: how soon after a slot comes free the next task runs. Judged on request only, since machines differ. */
import { createGovernor, withLease } from 'throttleai';
import { quantile } from 'throttleai/testing';
import { SLOT_LIBRARIES, type Run } from '../../bench/libraries/slots.ts';

export const TASKS = 2000;
export const TASK_MS = 5;
export const SLOTS = 5;
const ACTORS = 10;
const RUNS = 3;

/** What a run came to. */
export interface WakeUp {
  readonly contender: string;
  /** Time until all was done over that of the tasks themselves, divided by the slots. */
  readonly makespan: number;
  /** From the end of a task to the start of the next, in ms. */
  readonly p50: number;
  readonly p99: number;
}

type Start = (task: number, work: () => Promise<void>) => Promise<unknown>;

function throughGovernor(): Start {
  const governor = createGovernor({ concurrency: { maxInFlight: SLOTS }, fairness: true });
  return (task, work) =>
    withLease(governor, { actorId: `actor-${task % ACTORS}`, action: 'task' }, work, {
      strategy: 'wait',
      maxWaitMs: Infinity,
    });
}

const contenders: readonly { name: string; load: () => Promise<() => Start> }[] = [
  { name: 'throttleai', load: () => Promise.resolve(throughGovernor) },
  ...SLOT_LIBRARIES.map(({ name, load }) => ({
    name,
    async load() {
      const make: (slots: number) => Run = await load();
      return (): Start => {
        const run = make(SLOTS);
        return (_, work) => run(work);
      };
    },
  })),
];

async function measure(contender: string, start: Start): Promise<WakeUp> {
  const ended: number[] = [];
  const wakes: number[] = [];
  let worked = 0;
  const work = async (): Promise<void> => {
    const begun = performance.now();
    const free = ended.shift();
    if (free !== undefined) wakes.push(begun - free);
    await new Promise((resolve) => setTimeout(resolve, TASK_MS));
    const end = performance.now();
    worked += end - begun;
    ended.push(end);
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: TASKS }, (_, task) => start(task, work)));
  const took = performance.now() - begun;
  wakes.sort((a, b) => a - b);
  return { contender, makespan: took / (worked / SLOTS), p50: quantile(wakes, 0.5), p99: quantile(wakes, 0.99) };
}

/** Each contender several times, after a run that only warms up; medians. */
export async function* wakeUps(): AsyncGenerator<WakeUp> {
  for (const { name, load } of contenders) {
    const make = await load();
    await measure(name, make());
    const runs: WakeUp[] = [];
    while (runs.length < RUNS) runs.push(await measure(name, make()));
    const median = (figure: 'makespan' | 'p50' | 'p99'): number =>
      quantile(
        runs.map((run) => run[figure]).sort((a, b) => a - b),
        0.5,
      );
    yield { contender: name, makespan: median('makespan'), p50: median('p50'), p99: median('p99') };
  }
}

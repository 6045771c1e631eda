/** What can only be measured in real time. Runs on request, beside the scenarios in virtual time. */
import type { Verdict } from '../targets.ts';
import { SIZES, storm, type Storm } from './storm.ts';
import { SLOTS, TASK_MS, TASKS, wakeUps } from './wake-up.ts';

/** A table, made a row at a time. */
export interface RealTime {
  readonly name: string;
  readonly about: string;
  readonly heads: readonly string[];
  /** Yields the cells of each row, and ends with what they say of the targets. */
  readonly rows: () => AsyncGenerator<readonly string[], Verdict[]>;
}

/** Of the targets. */
const WAKE_MS_MOST = 1;
/** The logarithm of 100,000 over that of 10,000 is 1.25; caches do the rest. */
const GROWTH_MOST = 2;
const LEFT_BYTES_MOST = 8;

const verdict = (target: string, value: number, most: number): Verdict => ({
  target: `${target} at most ${most}`,
  holds: value <= most,
  found: value.toFixed(3),
});

export const REAL_TIME: readonly RealTime[] = [
  {
    name: 'W3',
    about: `${TASKS} tasks of ${TASK_MS} ms through ${SLOTS} slots`,
    heads: ['scheduler', 'makespan', 'wake-up p50 ms', 'p99 ms'],
    async *rows() {
      const verdicts: Verdict[] = [];
      for await (const { contender, makespan, p50, p99 } of wakeUps()) {
        if (contender === 'throttleai') verdicts.push(verdict('W3: wake-up p99 ms', p99, WAKE_MS_MOST));
        yield [contender, makespan.toFixed(3), p50.toFixed(3), p99.toFixed(3)];
      }
      return verdicts;
    },
  },
  {
    name: 'W5',
    about: `${SIZES.join(' and ')} waiters of 1000 actors that are aborted`,
    heads: ['waiters', 'enqueue us', 'abort us', 'bytes left of each'],
    async *rows() {
      const storms: Storm[] = [];
      for (const size of SIZES) {
        const found = await storm(size);
        storms.push(found);
        yield [`${size}`, found.enqueue.toFixed(2), found.cancel.toFixed(2), found.left.toFixed(1)];
      }
      const [few, many] = storms as [Storm, Storm];
      return [
        verdict('W5: enqueueing one of 100,000 over one of 10,000', many.enqueue / few.enqueue, GROWTH_MOST),
        verdict('W5: aborting one of 100,000 over one of 10,000', many.cancel / few.cancel, GROWTH_MOST),
        verdict('W5: bytes left of each waiter', many.left, LEFT_BYTES_MOST),
      ];
    },
  },
];

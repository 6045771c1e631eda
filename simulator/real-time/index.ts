/** What can only be measured in real time. Runs on request, beside the scenarios in virtual time. */
import type { Measured } from '../measured.ts';
import type { Verdict } from '../targets.ts';
import { SIZES, storm, type Storm } from './storm.ts';
import { SLOTS, TASK_MS, TASKS, wakeUps } from './wake-up.ts';

/** Of the targets. */
const WAKE_MS_MOST = 1;
/** The logarithm of 100,000 over that of 10,000 is 1.25; the rest is noise. What caches and collections cost, bare promises pay too. */
const GROWTH_MOST = 1.5;
const LEFT_BYTES_MOST = 8;

const verdict = (target: string, value: number, most: number): Verdict => ({
  target: `${target} at most ${most}`,
  holds: value <= most,
  found: value.toFixed(3),
});

export const REAL_TIME: readonly Measured[] = [
  {
    name: 'W3',
    time: 'real',
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
    time: 'real',
    about: `${SIZES.join(' and ')} waiters of 1000 actors that are aborted`,
    heads: ['waiters', 'enqueue us', 'abort us', 'bare promise us', 'bytes left of each'],
    async *rows() {
      const storms: Storm[] = [];
      for (const size of SIZES) {
        const found = await storm(size);
        const { enqueue, cancel, bare, left } = found;
        storms.push(found);
        yield [`${size}`, ...[enqueue, cancel, bare].map((us) => us.toFixed(2)), left.toFixed(1)];
      }
      const [few, many] = storms as [Storm, Storm];
      const growth = (figure: (found: Storm) => number): number => figure(many) / figure(few);
      const ours = growth(({ enqueue, cancel }) => enqueue + cancel);
      return [
        verdict(
          'W5: growth from 10,000 to 100,000 waiters over that of bare promises',
          ours / growth(({ bare }) => bare),
          GROWTH_MOST,
        ),
        verdict('W5: bytes left of each waiter', many.left, LEFT_BYTES_MOST),
      ];
    },
  },
];

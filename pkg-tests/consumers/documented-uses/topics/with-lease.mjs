/** `withLease` with each strategy. */
import { asked, full } from '../full-governor.mjs';

const POLLING = { maxAttempts: 3, initialBackoffMs: 250 };
/** Pauses of 250 and 500 ms lie between three attempts. */
const POLLED_MS = 750;

const said = async () => 'said';
const answerOf = ({ granted, result, decision }) =>
  granted ? result : `429 ${decision.reason} ${decision.retryAfterMs}`;

export function withLeaseUses({ throttleai }) {
  const { createGovernor, createStatsCollector, withLease } = throttleai;
  return {
    'deny, without options': async () => answerOf(await withLease(full(throttleai).governor, asked, said)),
    'deny, by name': async () =>
      answerOf(await withLease(full(throttleai).governor, asked, said, { strategy: 'deny' })),
    'wait until a slot is free': async () => {
      const { governor, free } = full(throttleai);
      const answer = withLease(governor, asked, said, { strategy: 'wait', maxWaitMs: 10_000, initialBackoffMs: 250 });
      free();
      return answerOf(await answer);
    },
    'wait, given up after maxWaitMs': async () => {
      const { clock, governor } = full(throttleai);
      const answer = withLease(governor, asked, said, { strategy: 'wait', maxWaitMs: 1_000 });
      clock.advance(1_000);
      return `${(await answer).decision.reason} after ${clock.time - throttleai.createTestClock().time} ms`;
    },
    'wait-then-deny until a slot is free': async () => {
      const { clock, governor, free } = full(throttleai);
      const answer = withLease(governor, asked, said, { strategy: 'wait-then-deny', maxWaitMs: 5_000, ...POLLING });
      clock.advance(POLLED_MS - 1);
      free();
      return answerOf(await answer);
    },
    'wait-then-deny, given up after the attempts': async () => {
      const { clock, governor } = full(throttleai);
      const answer = withLease(governor, asked, said, { strategy: 'wait-then-deny', maxWaitMs: 5_000, ...POLLING });
      clock.advance(POLLED_MS);
      return (await answer).decision.reason;
    },
    'what the function throws': async () => {
      const stats = createStatsCollector();
      const governor = createGovernor({ onEvent: stats.handler });
      const failing = withLease(governor, asked, () => Promise.reject(new Error('no model')));
      const message = await failing.catch((error) => error.message);
      return `${message}, ${stats.snapshot().outcomes.error} error, ${governor.activeLeases} leases`;
    },
  };
}

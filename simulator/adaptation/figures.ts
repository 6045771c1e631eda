/** What a run comes to beside that of the oracle, and what the runs of a cell come to together. */
import { jainIndex, maxMinFair } from 'throttleai/testing';
import { WARM_UP_MS, type Measured } from './meter.ts';
import { goodOf, total } from './run.ts';
import type { Setting } from './scenario.ts';

/** Each a number a run; NaN where a setting has no such thing. Times in s. */
export interface Figures {
  /** Answers in time, over those of the oracle. */
  readonly part: number;
  /** Part of the sent calls that the provider refused. */
  readonly refused: number;
  /** From a change of the capacity until the goodput is the oracle's, but for a fifth. */
  readonly drop: number;
  readonly back: number;
  /** Calls sent in the outage, and their part of what was asked for. */
  readonly sent: number;
  readonly sentPart: number;
  /** From the end of the outage to the first answer. */
  readonly first: number;
  /** The busiest second of the half minute after the outage over the busiest one before it. */
  readonly burst: number;
  /** Jain's index over what clients got / should have got. */
  readonly jain: number;
  /** From the start until the limit was the ceiling for good. */
  readonly ceiling: number;
}

/** Goodput is compared over so many mean durations, and at least so long. */
const SPAN = { services: 5, leastMs: 5000 };
/** Of fifty calls that end in a span of 10 slots, a fifth more or less is chance. */
const CONVERGED = 0.8;

export function figures(own: Measured, oracle: Measured, setting: Setting): Figures {
  const { seconds } = own;
  const sent = total(seconds.sent, WARM_UP_MS);
  const { changes, outage } = setting;
  const settled = (fromMs: number, toMs: number): number => convergence(own, oracle, setting, fromMs, toMs);
  return {
    part: goodOf(own) / goodOf(oracle),
    refused: total(seconds.refused, WARM_UP_MS) / sent,
    drop: changes === undefined || changes.dropMs < WARM_UP_MS ? NaN : settled(changes.dropMs, changes.backMs),
    back: changes === undefined ? NaN : settled(changes.backMs, setting.endMs),
    jain: setting.actors.length > 1 ? fairness(own) : NaN,
    ceiling: setting.limits === 'nothing' ? reached(own.limits, setting.ceiling) : NaN,
    ...(outage === undefined ? NO_OUTAGE : afterOutage(own, outage)),
  };
}

const NO_OUTAGE = { sent: NaN, sentPart: NaN, first: NaN, burst: NaN };

/** Seconds until the goodput of a span is the oracle's but for a fifth; to the end if it never is. */
function convergence(own: Measured, oracle: Measured, { serviceMs }: Setting, fromMs: number, toMs: number): number {
  const spanMs = Math.ceil(Math.max(SPAN.leastMs, SPAN.services * serviceMs) / 1000) * 1000;
  for (let at = fromMs; at + spanMs <= toMs; at += 1000) {
    const good = total(own.seconds.good, at, at + spanMs);
    if (good >= CONVERGED * total(oracle.seconds.good, at, at + spanMs)) return (at - fromMs) / 1000;
  }
  return (toMs - fromMs) / 1000;
}

function afterOutage({ seconds, backAt }: Measured, { fromMs, toMs }: { fromMs: number; toMs: number }) {
  const sent = total(seconds.sent, fromMs, toMs);
  const most = (from: number, to: number): number => Math.max(...seconds.sent.slice(from / 1000, to / 1000));
  return {
    sent,
    sentPart: sent / total(seconds.asked, fromMs, toMs),
    first: backAt === undefined ? Infinity : (backAt - toMs) / 1000,
    burst: most(toMs, toMs + 30_000) / most(WARM_UP_MS, fromMs),
  };
}

/** Clients should have got the max-min fair parts of what they got together. */
function fairness({ clients }: Measured): number {
  const all = [...clients.values()];
  const ideal = maxMinFair(
    all.reduce((sum, { good }) => sum + good, 0),
    all.map(({ asked }) => ({ demand: asked, share: 1 })),
  );
  return jainIndex(all.map(({ good }, index) => good / ideal[index]!));
}

/** Since when a limit has been the ceiling. */
function reached(limits: readonly number[], ceiling: number): number {
  const last = limits.reduce((found, limit, second) => (limit < ceiling ? second : found), -1);
  return last + 1;
}

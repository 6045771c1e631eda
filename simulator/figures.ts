/** What a run comes to, and what the runs of a cell come to together. */
import { jainIndex, quantile, type ActorResult, type SimulationResult } from 'throttleai/testing';
import { spread, type Spread } from '../bench/statistics.ts';
import type { Setting, Terms } from './scenarios/scenario.ts';

/** Each a number a run. NaN where a scenario has no such thing. */
export interface Figures {
  /** Jain's index over what actors received / should have. */
  readonly jain: number;
  /** Part of the slots in use. */
  readonly used: number;
  /** Time until all was done, in parts of the shortest possible. */
  readonly makespan: number;
  /** Waits in ms of the actors that are watched. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly longest: number;
  /** Attempts after the first, and timers armed, for each call that was let through. */
  readonly polls: number;
  readonly timers: number;
  readonly inversions: number;
  readonly late: number;
  /** The longest time in ms from a deadline to the refusal. */
  readonly overdue: number;
}

export type Summary = { readonly [Name in keyof Figures]: Spread };

const sum = (actors: readonly ActorResult[], value: (actor: ActorResult) => number): number =>
  actors.reduce((total, actor) => total + value(actor), 0);

export function figures(result: SimulationResult, setting: Setting, { slots }: Terms): Figures {
  const { actors, makespanMs, timers } = result;
  const { simulation, watched, ideal, idealMs } = setting;
  const granted = sum(actors, (actor) => actor.granted);
  const waits = actors.filter(({ id }) => watched(id)).flatMap(({ waitsMs }) => waitsMs);
  waits.sort((a, b) => a - b);
  const right = ideal?.(result);
  const windowMs = (simulation.durationMs ?? makespanMs) - (simulation.warmUpMs ?? 0);
  return {
    jain: right === undefined ? NaN : jainIndex(actors.map(({ received }, index) => received / right[index]!)),
    used: sum(actors, ({ received }) => received) / (slots * windowMs),
    makespan: idealMs === undefined ? NaN : makespanMs / idealMs,
    p50: quantile(waits, 0.5),
    p95: quantile(waits, 0.95),
    p99: quantile(waits, 0.99),
    longest: waits.at(-1) ?? NaN,
    polls: sum(actors, ({ polls }) => polls) / granted,
    timers: timers / granted,
    inversions: sum(actors, ({ inversions }) => inversions),
    late: sum(actors, ({ late }) => late),
    overdue: Math.max(...actors.map(({ overdueMs }) => overdueMs)),
  };
}

/** Medians with the lowest and the highest. */
export function summary(runs: readonly Figures[]): Summary {
  const names = Object.keys(runs[0]!) as (keyof Figures)[];
  return Object.fromEntries(names.map((name) => [name, spread(runs.map((run) => run[name]))])) as unknown as Summary;
}

/** What times and sizes are drawn from. */
import { bad } from '../../core/input.ts';
import { normal } from '../random.ts';
import type { Distribution, Schedule } from './types.ts';

/** Always the same. */
export const constant =
  (value: number): Distribution =>
  () =>
    value;

/**
 * Memoryless: most are short, some are long.
 *
 * @throws InputError for a mean that is not above 0: of a rate, times would stand still or go back
 */
export function exponential(mean: number): Distribution {
  if (!(mean > 0)) throw bad('mean', mean, 'a number above 0');
  return (random) => -mean * Math.log(1 - random());
}

/** With this mean. Times of calls to models look so: sigma 0.5 is usual, 1 has a heavy tail. */
export function lognormal(mean: number, sigma: number): Distribution {
  const mu = Math.log(mean) - (sigma * sigma) / 2;
  return (random) => Math.exp(mu + sigma * normal(random));
}

/** Whole numbers from `low` to `high`, each as likely. */
export const whole =
  (low: number, high: number): Distribution =>
  (random) =>
    low + Math.floor(random() * (high - low + 1));

/** What a schedule says at an instant. */
export function valueAt(schedule: Schedule, ms: number): number {
  if (typeof schedule === 'number') return schedule;
  let value = NaN;
  for (const [from, next] of schedule) if (from <= ms) value = next;
  return value;
}

/** The instants at which a schedule changes. */
export function changesOf(schedule: Schedule): number[] {
  return typeof schedule === 'number' ? [] : schedule.map(([from]) => from).filter((from) => from > 0);
}

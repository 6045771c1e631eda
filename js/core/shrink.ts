/**
 * Shortens what a call may answer until it fits: for requests that say `canShrink`. The core says what each limit has room
 * for; what that is in output tokens is worked out here, as prices are known here only.
 */
import { type CoreDiagnosis } from './binding.ts';
import { dollarsOf, type Ask } from './input.ts';
import { estimatedCost } from './prices.ts';

/**
 * Shortens the output of `ask` to what fits now; else, where it is too large to fit ever, to what could. Else it stays as it is.
 *
 * @param diagnose what the core says to `ask` as it stands
 * @param metricAt the metric of the limit at a place
 * @returns whether it was shortened
 */
export function shrink(ask: Ask, diagnose: () => CoreDiagnosis, metricAt: (place: number) => string): boolean {
  const { granted, limits } = diagnose();
  if (granted) return false;
  const full = ask.outputTokens;
  const refusing = limits.filter(({ fits }) => !fits);
  const shorten = (rooms: readonly (readonly [place: number, room: number])[]): boolean => {
    const output = Math.min(...rooms.map(([place, room]) => outputIn(ask, metricAt(place), room)));
    return output >= 1 && output < full && set(ask, output, output);
  };
  if (shorten(refusing.map(({ place, limit, used }) => [place, limit - used]))) {
    // Slots may be lacking too.
    if (diagnose().granted) return true;
    set(ask, full, 0);
  }
  return shorten(refusing.filter(({ freeAt }) => freeAt === null).map(({ place, limit }) => [place, limit]));
}

function set(ask: Ask, outputTokens: number, shrunk: number): true {
  ask.outputTokens = outputTokens;
  ask.shrunk = shrunk;
  if (ask.priced) ask.amounts.list[0] = dollarsOf(costOf(ask, outputTokens));
  return true;
}

/** The most output tokens with which a call takes no more than `room` of a metric; 0: they are not what it lacks. */
function outputIn(ask: Ask, metric: string, room: number): number {
  if (metric === 'outputTokens') return Math.floor(room);
  if (metric === 'tokens') return Math.floor(room) - Math.ceil(ask.promptTokens);
  if (metric !== 'costUsd' || !ask.priced) return 0;
  const micros = Math.round(room * 1e6);
  let fits = 0;
  let above = Math.ceil(ask.outputTokens);
  while (above - fits > 1) {
    const middle = Math.floor((fits + above) / 2);
    if (costOf(ask, middle) <= micros) fits = middle;
    else above = middle;
  }
  return fits;
}

function costOf(ask: Ask, outputTokens: number): number {
  return estimatedCost(ask.family!.prices!, { ...ask, outputTokens }, 'request.estimate');
}

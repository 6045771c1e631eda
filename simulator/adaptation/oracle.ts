/**
 * Who knows the capacity at every instant, and the best that the known controllers are measured by. Where calls may wait at the
 * provider, some multiple of the capacity in flight is best: each is tried, and the best of a run counts.
 */
import { valueAt } from '../../js/testing/simulator/distributions.ts';
import type { Controller } from '../controllers/controller.ts';
import type { Setting } from './scenario.ts';

const MULTIPLES = [1, 1.25, 1.6, 2] as const;
/** Seconds of its rate that a provider's bucket holds: `rateLimitedServer`. */
const BURST_S = 2;

/** Those of which the best is the oracle. */
export function oraclesOf(setting: Setting): (() => Controller)[] {
  if (setting.limits === 'calls a second') return [() => bucket(setting)];
  if (setting.limits === 'nothing') return [() => slots(setting, 1)];
  return MULTIPLES.map((times) => () => slots(setting, times));
}

function slots({ capacity, ceiling }: Setting, times: number): Controller {
  let at = 0;
  return {
    asked: (now) => void (at = now),
    limit: () => Math.min(ceiling, times * valueAt(capacity, at)),
    ended: () => {},
  };
}

/** The provider's own bucket: nothing is sent that it would refuse. */
function bucket({ capacity, serviceMs, ceiling }: Setting): Controller {
  const rateAt = (now: number): number => (valueAt(capacity, now) * 1000) / serviceMs;
  let [tokens, at] = [BURST_S * rateAt(0), 0];
  return {
    limit: () => ceiling,
    take(now) {
      const rate = rateAt(now);
      tokens = Math.min(tokens + ((now - at) / 1000) * Math.min(rate, rateAt(at)), BURST_S * rate);
      at = now;
      if (tokens < 1) return false;
      tokens--;
      return true;
    },
    ended: () => {},
  };
}

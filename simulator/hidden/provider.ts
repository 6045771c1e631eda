/** Providers that refuse what is above so much a minute and tell nothing of it, each with a way of its own to count. */
import type { ServerMaker, SimulatedCall } from 'throttleai/testing';

export const MINUTE_MS = 60_000;

/** Counts amounts at instants in ms; whether one is let in. What is refused counts nothing. */
type Count = (now: number, amount: number) => boolean;

/** Where fixed windows begin, as a part of one: not when the run does. */
const PHASE = 0.37;

export const WAYS: Readonly<Record<string, (perMinute: number) => Count>> = {
  'sliding window'(perMinute) {
    const log: (readonly [at: number, amount: number])[] = [];
    let [gone, used] = [0, 0];
    return (now, amount) => {
      for (; gone < log.length && log[gone]![0] <= now - MINUTE_MS; gone++) used -= log[gone]![1];
      if (used + amount > perMinute) return false;
      log.push([now, amount]);
      used += amount;
      return true;
    };
  },
  'fixed window'(perMinute) {
    let [window, used] = [-1, 0];
    return (now, amount) => {
      const current = Math.floor(now / MINUTE_MS + PHASE);
      if (current !== window) [window, used] = [current, 0];
      if (used + amount > perMinute) return false;
      used += amount;
      return true;
    };
  },
  bucket(perMinute) {
    let [level, at] = [perMinute, 0];
    return (now, amount) => {
      level = Math.min(level + ((now - at) / MINUTE_MS) * perMinute, perMinute);
      at = now;
      if (level < amount) return false;
      level -= amount;
      return true;
    };
  },
};

/** A limit that nobody is told. */
export interface HiddenLimit {
  readonly way: string;
  readonly metric: 'requests' | 'tokens';
  readonly perMinute: number;
  /** How long it takes to refuse, in ms. */
  readonly refusalMs: number;
}

export const amountOf = ({ metric }: HiddenLimit, { tokens }: SimulatedCall): number =>
  metric === 'tokens' ? tokens : 1;

/** Works on every call at once, but for those that it refuses. */
export const hiddenServer =
  (hidden: HiddenLimit): ServerMaker =>
  ({ now, after }) => {
    const letsIn = WAYS[hidden.way]!(hidden.perMinute);
    return {
      start(call, end) {
        if (letsIn(now(), amountOf(hidden, call))) after(call.serviceMs, () => end({ outcome: 'success' }));
        else after(hidden.refusalMs, () => end({ outcome: 'refused' }));
      },
    };
  };

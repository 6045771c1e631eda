/** What works calls off: models of providers and of one's own machines. */
import { Line } from './line.ts';
import { changesOf, valueAt } from './distributions.ts';
import type { CallEnd, Schedule, ServerMaker, SimulatedCall } from './types.ts';

type End = (end: CallEnd) => void;
const SUCCESS: CallEnd = { outcome: 'success' };
const REFUSED: CallEnd = { outcome: 'refused' };

/** How quickly a server refuses, in ms. */
const REFUSAL_MS = 50;

/** Works on every call at once, at full speed. */
export const unlimitedServer: ServerMaker = ({ after }) => ({
  start: ({ serviceMs }, end) => after(serviceMs, () => end(SUCCESS)),
});

/**
 * A queue in front of workers, in order of arrival. Where their number falls, those at work end what they do.
 *
 * @param workers how many
 */
export const queueingServer =
  (workers: Schedule): ServerMaker =>
  ({ now, after }) => {
    const queue = new Line<[SimulatedCall, End]>();
    let busy = 0;
    const work = (): void => {
      while (busy < valueAt(workers, now()) && queue.first !== undefined) {
        const [{ serviceMs }, end] = queue.shift()!;
        busy++;
        after(serviceMs, () => {
          busy--;
          end(SUCCESS);
          work();
        });
      }
    };
    for (const change of changesOf(workers)) after(change, work);
    return {
      start(call, end) {
        queue.push([call, end]);
        work();
      },
    };
  };

/**
 * Processor sharing, as a batched GPU: with more calls than capacity all slow down alike.
 *
 * @param capacity how many calls it works on at full speed
 */
export const sharingServer =
  (capacity: Schedule): ServerMaker =>
  ({ now, after }) => {
    /** Service that a call present since the start would have had, in ms; and of each present one, at which it ends. */
    let attained = 0;
    let at = 0;
    const present = new Map<End, number>();
    let plan = 0;

    const speed = (): number => Math.min(1, valueAt(capacity, at) / present.size);
    const advance = (): void => {
      // Called at every change of the capacity, so that it is constant in between.
      if (present.size > 0) attained += (now() - at) * speed();
      at = now();
    };
    const next = (): void => {
      const planned = ++plan;
      if (present.size === 0) return;
      let first: [End, number] | undefined;
      for (const entry of present) if (first === undefined || entry[1] < first[1]) first = entry;
      const [end, due] = first!;
      after(Math.max(0, due - attained) / speed(), () => {
        if (planned !== plan) return;
        advance();
        present.delete(end);
        next();
        end(SUCCESS);
      });
    };
    const change = (): void => {
      advance();
      next();
    };
    for (const instant of changesOf(capacity)) after(instant, change);
    return {
      start({ serviceMs }, end) {
        advance();
        present.set(end, attained + serviceMs);
        next();
      },
    };
  };

/**
 * No queue: above its capacity it refuses after 50 ms.
 *
 * @param capacity most calls in flight
 */
export const refusingServer =
  (capacity: Schedule): ServerMaker =>
  ({ now, after }) => {
    let busy = 0;
    return {
      start({ serviceMs }, end) {
        if (busy >= valueAt(capacity, now())) return after(REFUSAL_MS, () => end(REFUSED));
        busy++;
        after(serviceMs, () => {
          busy--;
          end(SUCCESS);
        });
      },
    };
  };

/** A bucket holds requests of so many seconds, and owes at most as many. */
const BURST_S = 2;

/**
 * A hidden limit of requests: a bucket that holds those of two seconds. Above it calls are refused after 50 ms, and a refused
 * one counts as well, down to a debt of two seconds.
 *
 * @param perSecond requests a second
 */
export const rateLimitedServer =
  (perSecond: Schedule): ServerMaker =>
  ({ now, after }) => {
    let level = valueAt(perSecond, 0) * BURST_S;
    let at = 0;
    const refill = (): number => {
      const rate = valueAt(perSecond, at);
      level = Math.min(level + ((now() - at) / 1000) * rate, rate * BURST_S);
      at = now();
      return valueAt(perSecond, at);
    };
    for (const change of changesOf(perSecond)) after(change, () => void refill());
    return {
      start({ serviceMs }, end) {
        const rate = refill();
        const fits = level >= 1;
        level = Math.max(level - 1, -rate * BURST_S);
        if (fits) after(serviceMs, () => end(SUCCESS));
        else after(REFUSAL_MS, () => end(REFUSED));
      },
    };
  };

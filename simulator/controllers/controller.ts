/** What finds out how much a provider bears: the controllers that are compared with the governor's, in one form. */
import type { CallEnd, Random, Scheduler, SimulatedCall, Surroundings } from 'throttleai/testing';

/** A call that has ended. Times in ms. */
export interface Ended {
  readonly now: number;
  readonly sentAt: number;
  readonly latencyMs: number;
  readonly outcome: CallEnd['outcome'];
  /** Calls in flight when it was sent, with it. */
  readonly inFlight: number;
}

export interface Controller {
  /** Calls in flight, at most; a fraction does not count, and one is always allowed. */
  limit(): number;
  /** Somebody asks. Called before the others. */
  asked?(now: number): void;
  /** Whether a call may be sent as far as its rate goes; takes its part of it. Default: yes. */
  take?(now: number): boolean;
  /** Somebody was refused, by `limit` or `take`. */
  denied?(now: number): void;
  /** A call has ended. */
  ended(call: Ended): void;
}

/** What a controller is given. */
export interface ControllerTerms {
  /** Calls in flight to begin with, and at most. */
  readonly start: number;
  readonly ceiling: number;
  readonly random: Random;
}

export type MakeController = (terms: ControllerTerms) => Controller;

/** Lets calls through as a controller says; what does not fit is refused. */
export function controlled(controller: Controller, { now }: Pick<Surroundings, 'now'>): Scheduler {
  const flying = new Map<SimulatedCall, { readonly sentAt: number; readonly inFlight: number }>();
  return {
    ask(call, answer) {
      controller.asked?.(now());
      const fits = flying.size < Math.max(1, Math.floor(controller.limit()));
      if (!fits || controller.take?.(now()) === false) {
        controller.denied?.(now());
        return answer({ granted: false, retryAfterMs: null });
      }
      flying.set(call, { sentAt: now(), inFlight: flying.size + 1 });
      answer({ granted: true });
    },
    end(call, { outcome }) {
      const { sentAt, inFlight } = flying.get(call)!;
      flying.delete(call);
      controller.ended({ now: now(), sentAt, latencyMs: now() - sentAt, outcome, inFlight });
    },
  };
}

/** Keeps a number within bounds. */
export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** What is written down of a run, second by second. */
import type { Scheduler, ServerMaker, SimulatedCall, Surroundings } from 'throttleai/testing';
import type { Setting } from './scenario.ts';

/** Each entry a second. */
export interface Seconds {
  readonly asked: number[];
  readonly sent: number[];
  readonly refused: number[];
  /** Answers in time, by when they came. */
  readonly good: number[];
}

export interface Measured {
  readonly seconds: Seconds;
  /** Answers in time of each client since the warm-up, and what it asked for. */
  readonly clients: ReadonlyMap<string, { readonly good: number; readonly asked: number }>;
  /** First success of a call that was sent at the end of the outage or later, in ms; undefined if there was none. */
  readonly backAt: number | undefined;
  /** The limit in force, once a second. */
  readonly limits: readonly number[];
}

/** What happens before this does not count. */
export const WARM_UP_MS = 30_000;

/** Watches a run from both ends of the scheduler. */
export class Meter {
  readonly seconds: Seconds = { asked: [], sent: [], refused: [], good: [] };
  readonly limits: number[] = [];
  readonly clients = new Map<string, { good: number; asked: number }>();
  backAt: number | undefined;
  readonly #setting: Setting;

  constructor(setting: Setting) {
    this.#setting = setting;
    const { actors, endMs } = setting;
    for (const list of Object.values(this.seconds)) list.push(...Array.from({ length: endMs / 1000 }, () => 0));
    for (const { id } of actors) this.clients.set(id, { good: 0, asked: 0 });
  }

  /** The scheduler, with what is asked of it written down. */
  scheduler(inner: Scheduler, { now, after }: Surroundings, limit: () => number): Scheduler {
    const { seconds, clients } = this;
    const sample = (): void => {
      this.limits.push(limit());
      after(1000, sample);
    };
    sample();
    return {
      ...inner,
      ask(call, answer) {
        seconds.asked[Math.floor(now() / 1000)]!++;
        if (now() >= WARM_UP_MS) clients.get(call.actor.id)!.asked++;
        return inner.ask(call, answer);
      },
    };
  }

  /** The server of the setting, with what is sent to it written down. */
  readonly server: ServerMaker = (surroundings) => {
    const inner = this.#setting.server(surroundings);
    const { now } = surroundings;
    return {
      start: (call, end) => {
        const sentAt = now();
        this.seconds.sent[Math.floor(sentAt / 1000)]!++;
        inner.start(call, (answer) => {
          if (answer.outcome === 'refused') this.seconds.refused[Math.floor(now() / 1000)]!++;
          if (answer.outcome === 'success') this.#succeeded(call, sentAt, now());
          end(answer);
        });
      },
    };
  };

  #succeeded({ actor }: SimulatedCall, sentAt: number, now: number): void {
    const { worthMs, outage } = this.#setting;
    if (outage !== undefined && sentAt >= outage.toMs) this.backAt ??= now;
    if (now - sentAt > worthMs(sentAt)) return;
    this.seconds.good[Math.floor(now / 1000)]!++;
    if (now >= WARM_UP_MS) this.clients.get(actor.id)!.good++;
  }
}

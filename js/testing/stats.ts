/** Counts what happened at the provider. */
import type { Refusal } from './admission.ts';

/** What one user (the `user` field of the calls) got. */
export interface MockUserStats {
  /** Calls that reached the provider. */
  received: number;
  /** Calls answered to the end with status 200. */
  done: number;
  /** Calls refused with status 429. */
  refused: number;
  /** Tokens of calls answered, prompt and output. */
  tokens: number;
}

/** What happened so far. A plain copy. */
export interface MockProviderStats extends MockUserStats {
  /** Calls refused with status 429, by the limit that refused them. */
  refusedBy: Record<Refusal, number>;
  /** Calls that ended by a fault: 500, 503, a cut connection. */
  failed: number;
  /** Calls whose client left before the end. */
  abandoned: number;
  /** Tokens charged at the door. */
  tokensAdmitted: number;
  inFlight: number;
  peakInFlight: number;
  users: Record<string, MockUserStats>;
}

/** How an admitted call ended. */
export type Ending = 'done' | 'failed' | 'abandoned';

const none = (): MockUserStats => ({ received: 0, done: 0, refused: 0, tokens: 0 });

export class Counters {
  readonly #total: Omit<MockProviderStats, 'users'> = {
    ...none(),
    refusedBy: { requests: 0, tokens: 0, concurrency: 0 },
    failed: 0,
    abandoned: 0,
    tokensAdmitted: 0,
    inFlight: 0,
    peakInFlight: 0,
  };
  readonly #users = new Map<string, MockUserStats>();

  received(user: string): void {
    this.#total.received++;
    this.#user(user).received++;
  }

  refused(user: string, by: Refusal): void {
    this.#total.refused++;
    this.#total.refusedBy[by]++;
    this.#user(user).refused++;
  }

  admitted(charge: number): void {
    this.#total.tokensAdmitted += charge;
    this.#total.inFlight++;
    this.#total.peakInFlight = Math.max(this.#total.peakInFlight, this.#total.inFlight);
  }

  ended(user: string, ending: Ending, tokens: number): void {
    this.#total.inFlight--;
    this.#total[ending]++;
    if (ending !== 'done') return;
    this.#total.tokens += tokens;
    const own = this.#user(user);
    own.done++;
    own.tokens += tokens;
  }

  /** `Object.fromEntries` makes own properties of any name, so no user name can reach a prototype. */
  view(): MockProviderStats {
    const users = Object.fromEntries([...this.#users].map(([name, own]) => [name, { ...own }]));
    return { ...this.#total, refusedBy: { ...this.#total.refusedBy }, users };
  }

  #user(name: string): MockUserStats {
    let own = this.#users.get(name);
    if (!own) this.#users.set(name, (own = none()));
    return own;
  }
}

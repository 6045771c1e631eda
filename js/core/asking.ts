/**
 * A request on its way to the core: read into flat numbers, with what counts it, and shortened if it may be. What the core
 * answers is for `answers.ts`.
 *
 * `ask` is written anew by each call, when nobody else's code can run before it is read.
 */
import type { Answers } from './answers.ts';
import { FLAG_AMOUNTS, FLAG_KEYS, FLAG_SHARE, View, type CoreDiagnosis } from './binding.ts';
import type { Counting } from './counting.ts';
import { newAsk, readRequest, type Ask } from './input.ts';
import type { LeaseRef } from './lease-table.ts';
import type { Port } from './port.ts';
import type { Shares } from './shares.ts';
import { shrink } from './shrink.ts';
import type { AcquireRequest } from './types.ts';

export class Asking {
  readonly ask: Ask = newAsk();
  /** Longest id in UTF-8 bytes. */
  idBytes = 0;
  counting: Counting;
  shares: Shares | undefined;
  #share = 1;
  readonly #port: Port;
  readonly #answers: Answers;

  constructor(port: Port, answers: Answers, counting: Counting) {
    this.counting = counting;
    this.#port = port;
    this.#answers = answers;
  }

  /**
   * Reads the clock and a request, and finds what counts it. Where that asked a function of the user's, everything is read
   * again.
   *
   * @param cost in dollars, where it is known
   * @returns the time in ms
   * @throws InputError, ConfigError; nothing has changed then
   */
  read(request: AcquireRequest, cost?: number): number {
    let known: string | undefined;
    for (;;) {
      const now = this.#answers.time.read();
      readRequest(request, this.idBytes, this.ask, cost);
      const { ask, counting, shares } = this;
      if ((counting.active || (counting.named && ask.model !== '')) && !counting.look(ask)) continue;
      if (shares === undefined) return now;
      const { actorId } = ask;
      if (known === undefined && this.#answers.actors.wantsShare(actorId)) {
        known = actorId;
        this.#share = shares(actorId);
        continue;
      }
      if (known === actorId) ask.flags |= FLAG_SHARE;
      return now;
    }
  }

  /** Writes what a command about the request reads beside its arguments. */
  hand(flags: number): void {
    if ((flags & FLAG_AMOUNTS) !== 0) this.#port.hand(this.ask.amounts.list);
    if ((flags & FLAG_SHARE) !== 0) this.#port.look()[View.IN_SHARE] = Math.round(this.#share * 1000);
    if ((flags & FLAG_KEYS) !== 0) this.counting.write(this.#port.look());
  }

  /** The core's `acquire`. @param claim the lease that holds the idempotency key. @param until as there */
  acquire(now: number, actor: number, claim: LeaseRef | undefined, until: number): number {
    const { ask } = this;
    const core = this.#port.use();
    this.hand(ask.flags);
    try {
      return core.acquire(
        now,
        actor | 0,
        ask.flags | 0,
        ask.weight,
        ask.promptTokens,
        ask.outputTokens,
        claim === undefined ? -1 : claim.slot | 0,
        claim === undefined ? 0 : claim.generation | 0,
        until,
      );
    } catch (error) {
      throw this.#answers.lose(error);
    }
  }

  /** What the core says to the request, which takes nothing. @param reserved whether to look through the leases for that */
  diagnose(now: number, actor: number, reserved: boolean): CoreDiagnosis {
    const { ask } = this;
    return this.#answers.callBefore((core) => {
      this.hand(ask.flags);
      return core.diagnose(now, actor | 0, ask.flags | 0, ask.weight, ask.promptTokens, ask.outputTokens, reserved);
    });
  }

  /** Shortens the request's output, if that is what it is refused for. */
  shrink(now: number, actor: number): boolean {
    const metricAt = (place: number): string => this.#answers.places.at(place)?.metric ?? '';
    return shrink(this.ask, () => this.diagnose(now, actor, false), metricAt);
  }
}

/** What is done to limits by hand, beside leases: another amount, and calls that were made elsewhere. The core counts. */
import type { Answers } from './answers.ts';
import type { Asking } from './asking.ts';
import { FLAG_AMOUNTS, FLAG_KEYS } from './binding.ts';
import { known, settle } from './costs.ts';
import { coreRefusal } from './config.ts';
import { InputError } from './errors.ts';
import { bad, readReport, type Told } from './input.ts';
import type { Port } from './port.ts';
import type { AcquireRequest, TokenUsage } from './types.ts';

export class Ledger {
  readonly #port: Port;
  readonly #answers: Answers;
  readonly #asking: Asking;
  readonly #told: Told;

  /** @param told that of the governor, written anew by each call */
  constructor(port: Port, answers: Answers, asking: Asking, told: Told) {
    this.#port = port;
    this.#answers = answers;
    this.#asking = asking;
    this.#told = told;
  }

  /** See `Governor.setLimit`. */
  setLimit(name: string, limit: number): void {
    const limits = this.#answers.places.all;
    const place = limits.findIndex((known) => known.name === name);
    if (place < 0) {
      const names = limits.map((known) => `"${known.name}"`).join(', ');
      throw bad('name', name, names === '' ? 'the name of a limit, and there is none' : `one of ${names}`);
    }
    const now = this.#answers.time.read();
    const money = limits[place]!.metric === 'costUsd';
    const amount = typeof limit === 'number' ? limit : NaN;
    const core = this.#port.use();
    let refusal: InputError | undefined;
    try {
      core.set_limit(now, place, amount, money);
    } catch (error) {
      const refused = coreRefusal(error);
      if (refused === undefined) throw this.#answers.lose(error);
      refusal = bad('limit', limit, refused.allowed);
    }
    this.#answers.finish(now);
    if (refusal !== undefined) throw refusal;
    this.#asking.counting.setAmount(name, limit);
  }

  /** See `Governor.record`. */
  record(request: AcquireRequest, usage: TokenUsage | null | undefined): void {
    const told = this.#told;
    const asking = this.#asking;
    // A model that is named for the first time may bring limits, and metrics that the usage has; what it costs is read then.
    asking.read(request, 0);
    const problem = readReport({ usage }, told);
    if (problem !== undefined) {
      const [field, allowed] = [problem.field, problem.allowed].map((text) => text.replace('report.', ''));
      throw new InputError({ field: field!, value: problem.value, allowed: allowed! });
    }
    const now = asking.read(request, told.flags === 0 ? NaN : told.amounts.list[0]);
    const { ask } = asking;
    const { promptTokens: prompt, outputTokens: output } = told;
    const wrong = settle(ask, told, asking.counting.money);
    if (wrong !== undefined) throw wrong;
    const flags = ask.flags | told.flags;
    asking.hand(flags);
    if ((flags & FLAG_AMOUNTS) !== 0) {
      const of = (from: number, list: readonly number[], at: number): number => (from & FLAG_AMOUNTS ? list[at]! : NaN);
      const { list } = ask.amounts;
      this.#port.hand(list.map((_, at) => known(of(told.flags, told.amounts.list, at), of(ask.flags, list, at))));
    }
    const promptTokens = known(told.promptTokens, ask.promptTokens || known(prompt, 0));
    const outputTokens = known(told.outputTokens, ask.outputTokens || known(output, 0));
    this.#answers.call((core) => core.record(now, flags, promptTokens, outputTokens));
    if ((flags & FLAG_KEYS) !== 0) asking.counting.learn(this.#port.look());
    this.#answers.finish(now);
  }
}

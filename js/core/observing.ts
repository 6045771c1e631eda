/**
 * Answers of providers on their way to the core: whose they are, with limits that are made where they are new. What they
 * change, the core decides.
 */
import {
  answeredBy,
  discoveredIn,
  kindOf,
  readingOf,
  readModel,
  readObserveOptions,
  writeObserved,
  type Discovered,
  type PlacedLimit,
} from './answer.ts';
import type { Answers } from './answers.ts';
import type { Asking } from './asking.ts';
import { COUNTS_AT_END, OBSERVED_KEYS } from './binding.ts';
import type { ReadConfig } from './config.ts';
import type { Port } from './port.ts';
import type { AnswerReader, Observation, ObserveOptions } from './types.ts';

/** The last kind that closes a gate. */
const TERMINAL = 3;

export class Observing {
  /** What of the configuration is about answers. */
  config: Pick<ReadConfig, 'readAnswer' | 'discovery'>;
  readonly #port: Port;
  readonly #answers: Answers;
  readonly #asking: Asking;

  constructor(port: Port, answers: Answers, asking: Asking, config: ReadConfig) {
    this.#port = port;
    this.#answers = answers;
    this.#asking = asking;
    this.config = config;
  }

  /** See `Governor.observe`. */
  observe(answer: object, options: ObserveOptions | null | undefined): Observation {
    const { leaseId, model } = readObserveOptions(options);
    this.#port.use();
    const { leases } = this.#answers;
    const slot = leaseId === undefined ? -1 : leases.find(leaseId);
    const { generation } = leases;
    const about = slot < 0 ? undefined : leases.about(slot, leaseId);
    const family = this.#asking.counting.familyOf(model === '' ? (about?.name ?? '') : model);
    const now = this.#answers.time.read();
    const { readAnswer, discovery } = this.config;
    const reading = readingOf(answer, now, family.dialect, readAnswer);
    // The user's code has run: what follows is one piece.
    const { counting } = this.#asking;
    const kind = kindOf(reading);
    const told = family.unlimited ? [] : discoveredIn(reading, now, discovery.margin);
    const limits = this.#find(family.name, told, now);
    const matters = limits.length > 0 || (kind > 0 && kind <= TERMINAL);
    const gate = counting.gateOf(family.name, !matters);
    if (about !== undefined) about.answered = answeredBy(reading, about.promptTokens);
    const view = this.#port.look();
    counting.noteFollowing(family.name);
    counting.write(view);
    const count = writeObserved(view, limits);
    const flags = kind | (reading.counts?.settle === 'headers' ? COUNTS_AT_END : 0) | OBSERVED_KEYS;
    this.#answers.call((core) =>
      core.observe(now, gate, flags, slot | 0, generation | 0, reading.retryAt ?? NaN, count),
    );
    counting.learn(this.#port.look());
    // One of which nothing was told but its size does not follow yet.
    const shown = limits.map(({ place }) => this.#answers.places.now(place, now)).filter(({ used }) => used === used);
    this.#answers.finish(now);
    return { reading, family: family.name, limits: shown };
  }

  /** The limits with their places, and the amounts that the provider has told. */
  #find(family: string, told: readonly Discovered[], now: number): PlacedLimit[] {
    const limits = told.length === 0 ? [] : this.#asking.counting.discover(family, told);
    return limits.map(({ before, ...limit }) => {
      const place = this.#answers.places.ofListed(limit.place);
      const { name } = this.#answers.places.at(place)!;
      if (before !== undefined && before !== limit.limit)
        this.#answers.call((core) => core.set_limit(now, place, limit.limit, false));
      if (before !== limit.limit) this.#answers.telling.limitTold(now, name, limit.limit, before);
      return { ...limit, place };
    });
  }

  /** What reads answers of a model's provider, if the configuration brings it. @throws ConfigError as `familyOf` */
  readerFor(model: string): AnswerReader | undefined {
    const { readAnswer } = this.config;
    if (readAnswer === undefined) return undefined;
    const dialect = this.#asking.counting.familyOf(model).dialect ?? 'auto';
    return (answer, options) => {
      const withDialect = { dialect, ...options };
      return readAnswer(answer, withDialect);
    };
  }

  /** See `Governor.reopen`. */
  reopen(model: string | null | undefined): boolean {
    const { counting } = this.#asking;
    const gate = counting.gateOf(counting.familyOf(readModel(model, 'model')).name, true);
    const now = this.#answers.time.read();
    const opened = this.#answers.call((core) => core.reopen(now, gate)) === 1;
    this.#answers.finish(now);
    return opened;
  }
}

/**
 * Delivers events in the order of the calls, never recursively: a handler may call the governor, and what that causes is
 * told after what is being told. What a handler throws or rejects with goes nowhere.
 */
import type { GovernorEvent, GovernorEventHandler } from './types.ts';

export class Events {
  /** Who is told of what is told from now on. */
  handler: GovernorEventHandler;
  #waiting: GovernorEvent[] = [];
  #telling = false;

  constructor(handler: GovernorEventHandler) {
    this.handler = handler;
  }

  /** Notes an event. Nobody is called before `tell`. */
  push(event: GovernorEvent): void {
    this.#waiting.push(event);
  }

  /** Calls the handler for all that was noted. */
  tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    while (this.#waiting.length > 0) {
      const events = this.#waiting;
      this.#waiting = [];
      for (const event of events) tell(this.handler, event);
    }
    this.#telling = false;
  }
}

/** Calls a handler. What it throws or rejects with goes nowhere: the caller asked for something else than its opinion. */
export function tell<E>(handler: (event: E) => unknown, event: E): void {
  try {
    const result = handler(event);
    if (typeof result === 'object' && result !== null) Promise.resolve(result).then(undefined, ignore);
  } catch {
    // As above.
  }
}

function ignore(): void {}

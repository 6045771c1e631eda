/** One HTTP exchange: reads the body, waits on the provider's clock, writes; knows when the client has left. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClockWithTimers } from '../core/types.ts';

/** Longest request body in bytes. */
const BODY_MAX = 16 * 1024 * 1024;

export class Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #clock: ClockWithTimers;
  readonly #wakers = new Set<() => void>();
  #gone = false;

  constructor(request: IncomingMessage, response: ServerResponse, clock: ClockWithTimers) {
    this.#request = request;
    this.#response = response;
    this.#clock = clock;
    response.on('close', () => {
      this.#gone = !response.writableFinished;
      for (const wake of [...this.#wakers]) wake();
    });
    // A reset while writing arrives as an error before `close`; `close` tells all that matters.
    response.on('error', () => {});
  }

  /** Whether the connection ended before the answer did. */
  get gone(): boolean {
    return this.#gone;
  }

  /** The request's body, or `undefined` if it is too long or the client left. */
  async body(): Promise<string | undefined> {
    const parts: Buffer[] = [];
    let length = 0;
    try {
      for await (const part of this.#request as AsyncIterable<Buffer>) {
        length += part.length;
        if (length > BODY_MAX) return undefined;
        parts.push(part);
      }
    } catch {
      return undefined;
    }
    return Buffer.concat(parts).toString('utf8');
  }

  /** Waits `ms`, or until the client leaves. Infinity waits for the client to leave. */
  pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#gone) return Promise.resolve();
    return this.#until((wake) => {
      if (ms === Infinity) return () => {};
      const timer = this.#clock.setTimeout(wake, ms);
      return () => this.#clock.clearTimeout(timer);
    });
  }

  start(status: number, headers: Record<string, string>): void {
    if (!this.#gone) this.#response.writeHead(status, headers);
  }

  /** Writes a piece, and waits while the client reads slower than we write. */
  async write(piece: string): Promise<void> {
    if (this.#gone || this.#response.write(piece)) return;
    await this.#until((wake) => {
      this.#response.once('drain', wake);
      return () => this.#response.off('drain', wake);
    });
  }

  /** Ends the answer and waits until the last byte was handed to the system, or the client has left. */
  async end(piece?: string): Promise<void> {
    if (this.#gone) return;
    await this.#until((wake) => {
      this.#response.end(piece ?? '', wake);
      return () => {};
    });
  }

  /** Cuts the connection. What was written before is sent first, so that the client sees how far the answer came. */
  async cut(): Promise<void> {
    if (this.#gone) return;
    const socket = this.#response.socket;
    if (!socket) return;
    await this.#until((wake) => {
      socket.end(wake);
      return () => {};
    });
    socket.destroy();
  }

  async json(status: number, headers: Record<string, string>, body: unknown): Promise<void> {
    const text = JSON.stringify(body);
    this.start(status, {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      ...headers,
    });
    await this.end(text);
  }

  /** Resolves when `arm`'s event comes or the client leaves; takes back whatever was armed. */
  #until(arm: (wake: () => void) => () => void): Promise<void> {
    return new Promise((resolve) => {
      let disarm = (): void => {};
      const wake = (): void => {
        this.#wakers.delete(wake);
        disarm();
        resolve();
      };
      this.#wakers.add(wake);
      disarm = arm(wake);
    });
  }
}

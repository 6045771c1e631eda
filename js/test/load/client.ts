/** Clients of all kinds, most of which read their answers, while some leave: at every moment at which one can. */
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';

/** Where clients go who stay; `slow` ones go to `big`, and who leaves also to `held`, which waits for that. */
const ROUTES = ['json', 'later', 'chunks', 'throws', 'rejects', 'empty', 'moved'] as const;
/** More than the buffers of two sockets: a client that does not read holds its handler up. */
const BIG = 'big?chunks=100';

/** How a client behaves, with its share of all. */
const MANNERS = {
  /** Reads the answer, and keeps the connection. */
  reads: 73,
  /** Reads the answer a little at a time. */
  slow: 1,
  /** Leaves when it has sent its request. */
  before: 7,
  /** Leaves when half of its request's head is sent. */
  half: 3,
  /** Leaves after the first bytes of the body. */
  during: 8,
  /** Leaves in the same way, without a farewell. */
  reset: 3,
  /** Leaves when it has the whole answer. */
  after: 5,
};
type Manner = keyof typeof MANNERS;

/** What the clients saw. */
export interface Seen {
  manners: Record<string, number>;
  statuses: Record<string, number>;
  /** Requests of clients that wanted to read and got no answer. */
  lost: number;
}

const ACTORS = 300;

/** A client of one server. */
export class Client {
  readonly seen: Seen = { manners: {}, statuses: {}, lost: 0 };
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: number;
  readonly #random: () => number;

  constructor(port: number, random: () => number) {
    this.#port = port;
    this.#random = random;
  }

  /** Makes `count` requests, `atOnce` of them at a time, and closes all connections. */
  async run(count: number, atOnce: number): Promise<void> {
    let left = count;
    const worker = async (): Promise<void> => {
      while (left-- > 0) await this.#one();
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    this.#agent.destroy();
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)]!;
  }

  #manner(): Manner {
    let at = this.#below(Object.values(MANNERS).reduce((sum, share) => sum + share, 0));
    for (const [manner, share] of Object.entries(MANNERS)) if ((at -= share) < 0) return manner as Manner;
    return 'reads';
  }

  #one(): Promise<void> {
    const manner = this.#manner();
    this.seen.manners[manner] = (this.seen.manners[manner] ?? 0) + 1;
    const stays = manner === 'reads' || manner === 'after';
    const route = stays ? this.#pick(ROUTES) : manner === 'slow' ? BIG : this.#pick(['held', 'later']);
    const path = `/${this.#pick(['now', 'wait'])}/${route}`;
    // Some actors come once only.
    const actor = this.#below(10) === 0 ? `once-${this.#random()}` : `actor-${this.#below(ACTORS)}`;
    if (manner === 'half') return this.#half(path);
    const method = stays && this.#below(10) === 0 ? 'HEAD' : 'GET';
    return this.#whole(manner, { path, method, headers: { 'x-actor-id': actor } });
  }

  #half(path: string): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1', () => {
        socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nx-actor-id: ha`, () => socket.destroy());
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
  }

  #whole(manner: Manner, asked: { path: string; method: string; headers: Record<string, string> }): Promise<void> {
    return new Promise((resolve) => {
      // A connection that is shared afterwards is not ours to close.
      const agent = manner === 'after' ? new Agent({ keepAlive: true }) : this.#agent;
      const sent = request({ host: '127.0.0.1', port: this.#port, agent, ...asked });
      let answered = false;
      sent.on('response', (response) => {
        const { statusCode = 0 } = response;
        this.seen.statuses[statusCode] = (this.seen.statuses[statusCode] ?? 0) + 1;
        response.on('end', () => {
          answered = true;
          if (manner === 'after') agent.destroy();
        });
        response.on('error', () => {});
        this.#read(manner, response);
      });
      sent.on('error', () => {});
      sent.on('close', () => {
        if (!answered && (manner === 'reads' || manner === 'slow')) this.seen.lost++;
        resolve();
      });
      sent.end();
      if (manner === 'before') {
        // Some are cut off on their way, some have just arrived.
        const turns = this.#below(3);
        const leave = (left: number): unknown => (left > 0 ? setImmediate(() => leave(left - 1)) : sent.destroy());
        sent.on('finish', () => leave(turns));
      }
    });
  }

  #read(manner: Manner, response: IncomingMessage): void {
    if (manner === 'slow') {
      response.on('data', () => {
        response.pause();
        setImmediate(() => setImmediate(() => response.resume()));
      });
      return;
    }
    if (manner === 'during') response.once('data', () => response.destroy());
    else if (manner === 'reset') response.once('data', () => response.socket.resetAndDestroy());
    response.resume();
  }
}

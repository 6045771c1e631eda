/**
 * One request of a server of Node: from its question for a lease to the end of its response, or of its connection. Express,
 * Fastify and `node:http` differ in how they go on, answer and raise errors; responses are the same in all of them.
 */
import { openCall, type Call } from '../../core/call.ts';
import type { AcquireDecision, AcquireRequest, DeniedBy } from '../../core/types.ts';
import { acquireWith } from '../../core/waiting.ts';
import { badRequest, denialBody, retryAfter } from './denial.ts';
import { outcomeOfStatus } from './outcome.ts';
import type { ServerOptions } from './request.ts';
import type { AdapterGovernor } from './types.ts';
import { web } from './web.ts';

/** What is used of a response. */
export interface NodeLikeResponse {
  /** Sets `Retry-After`, and what is said of limits. */
  setHeader(name: string, value: string): unknown;
  /** Tells when the response has been sent, and when its connection is gone. */
  on(event: 'finish' | 'close', listener: () => void): unknown;
  readonly statusCode?: number;
  /** Whether the connection is gone. */
  readonly destroyed?: boolean;
  /** `null` while responses to earlier requests of the same connection are still to be sent. */
  readonly socket?: object | null;
  readonly headersSent?: boolean;
  /** HTTP/2 says "finish" of responses too that were never ended. */
  readonly writableEnded?: boolean;
  /** Followed where it is there: what is written renews the lease. */
  write?(...chunk: never[]): unknown;
  /** Followed where it is there: the option `headers` is asked when the answer begins. */
  writeHead?(...head: never[]): unknown;
}

/** What is used of a connection. */
export interface SocketLike {
  readonly remoteAddress?: string | undefined;
  readonly destroyed?: boolean;
  on?(event: 'close', listener: () => void): unknown;
}

/** A request, and how its framework goes on with it. */
export interface Visit<D> {
  readonly res: NodeLikeResponse;
  readonly socket: SocketLike | null | undefined;
  /** What is asked for; it may throw. */
  request(): AcquireRequest;
  /** Goes on to the handler. */
  proceed(): void;
  /** Hands an error to the framework. */
  raise(error: unknown): void;
  /** Answers without a handler. */
  answer(status: number, body: object): unknown;
  /** Answers a denial in the user's own way. */
  readonly onDeny: ((decision: D) => unknown) | undefined;
}

/** What is to be done when a connection is gone, by connection: one listener, however many requests are under way on it. */
const departures = new WeakMap<SocketLike, Set<() => void>>();

/** A response that waits for its turn on the connection is not told that the connection has gone. */
function onceGone(socket: SocketLike, res: NodeLikeResponse, leave: () => void): void {
  let leaving = departures.get(socket);
  if (leaving === undefined) {
    const all = (leaving = new Set());
    departures.set(socket, all);
    socket.on?.('close', () => all.forEach((each) => each()));
  }
  const own = leaving.add(leave);
  res.on('close', () => own.delete(leave));
}

/** Renews the lease as the body is written, so that a long stream keeps it. */
function renewOnWrite(res: NodeLikeResponse, call: Call): void {
  const { write } = res;
  if (!write) return;
  res.write = (...chunk) => {
    call.flow();
    return write.apply(res, chunk);
  };
}

/** Calls `set` when the head of the response is about to be written. */
function beforeHead(res: NodeLikeResponse, set: () => void): void {
  const { writeHead } = res;
  if (!writeHead) return set();
  res.writeHead = (...head) => {
    if (res.headersSent !== true) set();
    return writeHead.apply(res, head);
  };
}

/** Takes a lease, goes on, and ends the lease with the response. */
export function visit<A extends readonly unknown[], G extends AdapterGovernor>(
  options: ServerOptions<A, G>,
  { res, socket, ...framework }: Visit<DeniedBy<G>>,
): void {
  const { governor, wait, headers } = options;
  // Nobody is left to answer, and `close` will not come a second time.
  if (res.destroyed === true || socket?.destroyed === true) return;
  const left = wait ? new web.AbortController() : undefined;
  let gone = false;
  let call: Call | undefined;
  const leave = (): void => {
    gone = true;
    left?.abort();
    call?.end('cancelled');
  };
  res.on('finish', () => call?.end(res.writableEnded === false ? 'cancelled' : outcomeOfStatus(res.statusCode)));
  res.on('close', leave);
  if (res.socket === null && socket) onceGone(socket, res, leave);

  // Without an error the framework would go on to the handler, with no lease.
  const raise = (error: unknown): void => framework.raise(error || new Error('Rejected without a reason'));
  const refuse = (error: unknown): void => {
    if (gone) return;
    const body = badRequest(error);
    if (body) framework.answer(400, body);
    else raise(error);
  };
  const tell = (seconds?: number): void =>
    headers?.(governor, request, seconds).forEach(([name, value]) => res.setHeader(name, value));
  // Async, so that an error of `onDeny` is a rejection, whatever kind of function it is.
  const deny = async (decision: DeniedBy<G>): Promise<unknown> => {
    const seconds = retryAfter(governor, decision);
    tell(seconds);
    if (framework.onDeny) return framework.onDeny(decision);
    if (seconds !== undefined) res.setHeader('Retry-After', String(seconds));
    return framework.answer(429, denialBody(decision));
  };
  const settle = (decision: AcquireDecision): void => {
    if (decision.granted) {
      call = openCall(governor, request, decision);
      if (gone) return call.end('cancelled');
      renewOnWrite(res, call);
      if (headers) beforeHead(res, tell);
      framework.proceed();
    } else if (!gone) {
      deny(decision as DeniedBy<G>).catch(raise);
    }
  };
  let request: AcquireRequest;
  let answer: ReturnType<typeof acquireWith>;
  try {
    request = framework.request();
  } catch (error) {
    return raise(error);
  }
  try {
    answer = acquireWith(governor, request, left && { ...wait, signal: left.signal });
  } catch (error) {
    return refuse(error);
  }
  // What goes on throws is the framework's; after a wait nobody else is there to catch it.
  if ('then' in answer) answer.then(settle, refuse).catch(raise);
  else settle(answer);
}

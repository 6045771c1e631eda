/**
 * One request of a server that speaks the web's `Request` and `Response`: from its question for a lease to the end of its
 * response's body. Hono and bare handlers differ in how the handler is called, and how an answer is made without one.
 */
import { openCall } from '../../core/call.ts';
import { workEndsWithRequest } from '../../core/timers.ts';
import type {
  AcquireDecision,
  AcquireGranted,
  AcquireRequest,
  DeniedBy,
  LeaseOutcome,
  SignalLike,
} from '../../core/types.ts';
import { acquireWith } from '../../core/waiting.ts';
import { holdBody } from './body.ts';
import { badRequest, denialBody, retryAfter } from './denial.ts';
import type { RateLimitHeaders } from './limit-headers.ts';
import type { ServerOptions } from './request.ts';
import type { AdapterGovernor } from './types.ts';
import { canBuild, web, type BodyLike, type ResponseLike } from './web.ts';

type Headers = ReturnType<RateLimitHeaders>;

/** Status for the log of a request whose client left while it waited. Source: nginx, "client closed request". */
const CLIENT_GONE = 499;

/** A request of a Worker. */
export interface WorkerContext {
  /** Keeps the request alive until the promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

/** A request, and how its framework goes on with it. */
export interface WebVisit<D> {
  readonly signal: SignalLike | null | undefined;
  /** `HEAD` has no body that is read. */
  readonly method: string | undefined;
  readonly idleMs: number;
  /** What is asked for; it may throw. */
  request(): AcquireRequest;
  /** It may throw. */
  context(): WorkerContext | undefined;
  /** Calls the handler. */
  handle(grant: AcquireGranted): Promise<ResponseLike>;
  outcomeOf(response: ResponseLike): LeaseOutcome;
  /** Answers without a handler; without a body when nobody is left to read it. */
  answer(status: number, body: object | undefined, headers: Record<string, string>): ResponseLike;
  /** Answers a denial in the user's own way. */
  readonly onDeny: ((decision: D) => ResponseLike | Promise<ResponseLike>) | undefined;
}

/**
 * On Workers all that a request has left to do is dropped when its client leaves, giving back its lease too: keeps the
 * request until what is returned is called.
 */
function outliveClient(visit: Pick<WebVisit<never>, 'context'>): () => void {
  let done = (): void => {};
  try {
    if (workEndsWithRequest()) visit.context()?.waitUntil(new Promise<void>((resolve) => (done = resolve)));
  } catch {
    // A test's request, which has no such context.
  }
  return done;
}

/** What is used of the platform's streams of bytes. */
interface WorkerStreams {
  readonly IdentityTransformStream?: new () => { readable: BodyLike; writable: object };
}

/**
 * On Workers a stream of JavaScript's whose request `waitUntil` keeps is read on when its client has left; who writes to a stream of
 * the platform's is told.
 */
function noticingClient(body: BodyLike): BodyLike {
  const { IdentityTransformStream } = globalThis as WorkerStreams;
  if (IdentityTransformStream === undefined || !workEndsWithRequest()) return body;
  const { readable, writable } = new IdentityTransformStream();
  (body as BodyLike & Piped).pipeTo(writable).catch(() => {}); // The body has been cancelled then.
  return readable;
}

interface Piped {
  pipeTo(writable: object): Promise<void>;
}

/** Whether a response has to be passed on as it is, such as a switch of protocols, or one that somebody reads. */
const isFixed = (response: ResponseLike): boolean => response.body?.locked === true || !canBuild(response);

/** The response with another body, and these headers too: redirections and other servers' answers let none be added. */
function rebuilt(response: ResponseLike, body: BodyLike | null, headers: Headers): ResponseLike {
  if (body === response.body && headers.length === 0) return response;
  const built = new web.Response(body, response);
  for (const [name, value] of headers) built.headers.set(name, value);
  return built;
}

/** Takes a lease, calls the handler, and ends the lease with the response. Throws what the handler throws. */
export async function serve<A extends readonly unknown[], G extends AdapterGovernor>(
  options: ServerOptions<A, G>,
  visit: WebVisit<DeniedBy<G>>,
): Promise<ResponseLike> {
  const { governor, wait, headers } = options;
  const { signal, method, idleMs, onDeny } = visit;
  // Nobody is left to answer: what the runtime makes of this status, no client sees.
  const leave = (): ResponseLike => visit.answer(CLIENT_GONE, undefined, {});
  if (signal?.aborted) return leave();
  const request = visit.request();
  const done = outliveClient(visit);
  let decision: AcquireDecision;
  try {
    const answer = acquireWith(governor, request, wait && { ...wait, ...(signal && { signal }) });
    decision = 'then' in answer ? await answer : answer;
  } catch (error) {
    done();
    if (signal?.aborted) return leave();
    const body = badRequest(error);
    if (!body) throw error;
    return visit.answer(400, body, {});
  }
  if (!decision.granted) {
    done();
    const seconds = retryAfter(governor, decision);
    const told = headers?.(governor, request, seconds) ?? [];
    const after: Record<string, string> = seconds === undefined ? {} : { 'Retry-After': String(seconds) };
    const answer = onDeny ? await onDeny(decision as DeniedBy<G>) : visit.answer(429, denialBody(decision), after);
    return isFixed(answer) ? answer : rebuilt(answer, answer.body, told);
  }
  const call = openCall(governor, request, decision, null, done);
  try {
    const response = await visit.handle(decision);
    if (signal?.aborted) {
      call.end('cancelled');
      return response;
    }
    const outcome = visit.outcomeOf(response);
    // A body may end because its client has left.
    const onDone = (): void => call.end(signal?.aborted ? 'cancelled' : outcome);
    const fixed = isFixed(response);
    // With the response where nobody will read a body, else when its bytes have come or are given up.
    let { body } = response;
    if (!body || fixed || method === 'HEAD') onDone();
    else body = noticingClient(holdBody(response, body, { call, idleMs, onDone }));
    return fixed ? response : rebuilt(response, body, headers?.(governor, request) ?? []);
  } catch (error) {
    call.fail(error);
    throw error;
  }
}

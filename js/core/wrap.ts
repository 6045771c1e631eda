/**
 * Functions under a governor: a wrapped function takes the same arguments and gives the same results, and each call has a
 * lease from before the function is called until its result has come, or, where that is a stream, has ended.
 *
 * A call that is denied rejects with `DeniedError`: its result has no room for a denial.
 */
import { openCall, type Call as OpenCall } from './call.ts';
import { DeniedError } from './errors.ts';
import { followResult, type Call } from './follow.ts';
import { newAsk, readFunction, readGovernor, readId, readRequest, readSignal, readWait } from './input.ts';
import { internalsOf } from './internals.ts';
import { outcomeOfError } from './outcome.ts';
import { firstChunk } from './part.ts';
import { refuseOthers } from './properties.ts';
import { abortReason } from './timers.ts';
import type { AcquireRequest, TokenUsage } from './types.ts';
import type { Fixed, Governed, OutputOf, PerCall, WrapGovernor, FunctionOptions, WrapOptions } from './types/wrap.ts';
import { acquireWith, requestOf } from './waiting.ts';

type Options = FunctionOptions<readonly unknown[], never>;
const OPTIONS: readonly (keyof WrapOptions)[] = [
  'key',
  'actorId',
  'model',
  'tenant',
  'priority',
  'estimate',
  'idempotencyKey',
  'wait',
  'signal',
  'usage',
  'generator',
  'limits', // Read by `Governor.wrap`, which hands them on with the rest.
];
type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Puts a function under a governor.
 *
 * A generator function (`async function*`) stays one: it asks when it is read first, and its lease lasts until the iteration
 * has ended, failed or been left. Of any other function the wrapped one returns a promise. If that is for a `ReadableStream`,
 * an async iterable or a readable stream of Node, the lease lasts until that has ended, failed or been cancelled, and is renewed
 * while it is read; a `ReadableStream` is handed on as one with the same chunks, everything else as the very same object. A
 * stream inside of a result, as the body of a `Response`, is not looked for: `wrapFetch` does that.
 *
 * @throws InputError for an option that cannot be used. A call rejects with `DeniedError`, with InputError for what an option
 * makes of its arguments, with the reason of an aborted signal, and with what the function throws, after the lease has ended
 * @example
 * const ask = wrapFunction(governor, (question: string) => callMyModel(question), {
 *   key: 'chat',
 *   estimate: (question) => ({ promptTokens: question.length / 4, maxOutputTokens: 500 }),
 * });
 * console.log(await ask('What is a lease?'));
 */
export function wrapFunction<This, A extends unknown[], R>(
  governor: WrapGovernor,
  fn: (this: This, ...args: A) => R,
  options: FunctionOptions<Fixed<A>, OutputOf<Awaited<R>>>,
): (this: This, ...args: A) => Governed<R> {
  return wrap(governor, fn as AnyFunction, options as Options) as (this: This, ...args: A) => Governed<R>;
}

function wrap(governor: WrapGovernor, fn: AnyFunction, options: Options): AnyFunction {
  readGovernor(governor, 'governor');
  readFunction(fn, 'fn');
  checkOptions(governor, options);
  options = { ...options };
  const { generator = isGenerator(fn) } = options;
  const wrapped = generator ? wrapGenerator(governor, fn, options) : wrapOther(governor, fn, options);
  const { name, length } = fn;
  return Object.defineProperties(wrapped, {
    name: { value: name, configurable: true },
    length: { value: length, configurable: true },
  });
}

/** Bound ones too: they take over the prototype. */
function isGenerator(fn: AnyFunction): boolean {
  return Object.prototype.toString.call(fn) === '[object AsyncGeneratorFunction]';
}

function wrapGenerator(governor: WrapGovernor, fn: AnyFunction, options: Options): AnyFunction {
  return async function* (this: unknown, ...args) {
    const call = await open(governor, options, args);
    try {
      return yield* followResult(fn.apply(this, args), call) as AsyncGenerator;
    } catch (error) {
      call.fail(error);
      throw error;
    }
  };
}

function wrapOther(governor: WrapGovernor, fn: AnyFunction, options: Options): AnyFunction {
  return async function (this: unknown, ...args) {
    const call = await open(governor, options, args);
    try {
      return followResult(await fn.apply(this, args), call);
    } catch (error) {
      call.fail(error);
      throw error;
    }
  };
}

/** @throws InputError naming the option, or the field of the request that it ends up in */
function checkOptions(governor: WrapGovernor, options: Options): void {
  const { key, wait, usage, idempotencyKey, signal } = options ?? {};
  readId(key, 'options.key', 1, idBytesOf(governor));
  refuseOthers(options, 'options', OPTIONS);
  if (wait !== false) readWait(wait);
  if (usage != null) readFunction(usage, 'options.usage');
  if (idempotencyKey != null) readFunction(idempotencyKey, 'options.idempotencyKey');
  if (typeof signal !== 'function') readSignal(signal);
  // A trial tells what the governor would refuse every call for.
  const fixed = Object.entries(options).filter(([, value]) => typeof value !== 'function');
  readRequest(requestFor(Object.fromEntries(fixed) as Options & object, []), idBytesOf(governor), newAsk([]));
}

/** Longest id in UTF-8 bytes; objects of the user's have no such bound. */
function idBytesOf(governor: WrapGovernor): number {
  return internalsOf(governor)?.idBytes ?? Infinity;
}

/** What an option is for a call of these arguments. */
function valueFor<T>(option: PerCall<readonly unknown[], T>, args: readonly unknown[]): T {
  return typeof option === 'function' ? (option as (...args: readonly unknown[]) => T)(...args) : option;
}

function requestFor(options: Options, args: readonly unknown[]): AcquireRequest {
  const model = valueFor(options.model, args);
  const tenant = valueFor(options.tenant, args);
  const priority = valueFor(options.priority, args);
  const estimate = valueFor(options.estimate, args);
  const idempotencyKey = valueFor(options.idempotencyKey, args);
  const actorId = valueFor(options.actorId ?? 'default', args);
  return requestOf({ actorId, model, tenant, priority }, options.key, estimate, idempotencyKey);
}

/** Waits for the lease of a call. */
async function open(governor: WrapGovernor, options: Options, args: readonly unknown[]): Promise<Call> {
  const request = requestFor(options, args);
  const wait = options.wait === false ? undefined : (options.wait ?? {});
  const signal = readSignal(valueFor(options.signal, args)) ?? wait?.signal;
  const aborted = (): boolean => signal?.aborted === true;
  if (aborted()) throw abortReason(signal!);
  const answer = acquireWith(governor, request, wait && { ...wait, signal: signal ?? null });
  // Not a tick later than the grant: until its hold is taken, another call could end a shared lease.
  const decision = 'then' in answer ? await answer : answer;
  if (!decision.granted) throw new DeniedError(decision);
  const call = callOf(openCall(governor, request, decision), options.usage);
  if (!aborted()) return call;
  call.end('cancelled');
  throw abortReason(signal!);
}

/** The call that streams report to: what they show is asked for its usage, the last that said something counts. */
function callOf(
  opened: OpenCall,
  usageOf: ((output: never) => TokenUsage | null | undefined | void) | undefined,
): Call {
  let usage: TokenUsage | undefined;
  const says = firstChunk();
  return {
    sees(output) {
      try {
        usage = usageOf?.(output as never) ?? usage;
      } catch {
        // The call stands; its estimate too.
      }
    },
    flows: (chunk) => opened.flow(says(chunk)),
    end: (outcome) => opened.end(outcome, usage),
    fail: (error) => opened.end(outcomeOfError(error), usage),
  };
}

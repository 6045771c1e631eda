/**
 * Keeps a call open until its result is over: a plain value at once; a stream when it has ended, failed or been left. What
 * flows is seen, never changed.
 *
 * A stream that nobody reads to its end, nor leaves, keeps its lease until that expires.
 */
import type { LeaseOutcome } from './types.ts';

/** A call that has its lease. */
export interface Call {
  /** The result, or a chunk of it, has come: it may tell what was used. Never throws. */
  sees(output: unknown): void;
  /** A chunk has come: prolongs the lease when half of its time is over; the first that says something is noted. Never throws. */
  flows(chunk: unknown): void;
  /** Ends the lease. Idempotent, never throws. */
  end(outcome: LeaseOutcome): void;
  /** Ends the lease with the outcome that `error` stands for. */
  fail(error: unknown): void;
}

interface Reader {
  read(): Promise<{ done: boolean; value?: unknown }>;
  cancel(reason?: unknown): Promise<void>;
}
/** What is used of a `ReadableStream`. */
interface WebStream {
  readonly locked: boolean;
  getReader(): Reader;
}
interface Source {
  pull(controller: { enqueue(chunk: unknown): void; close(): void; error(error: unknown): void }): Promise<void>;
  cancel(reason: unknown): Promise<void>;
}
const web = globalThis as unknown as {
  ReadableStream: new (source: Source, strategy: { highWaterMark: number }) => WebStream;
};

type Result = IteratorResult<unknown>;
/** What is used of a readable stream of Node: it is iterable too, but not only read that way. */
interface NodeStream {
  on?: (event: 'close', listener: () => void) => unknown;
  readonly readableEnded?: boolean;
  readonly errored?: unknown;
}

/** @returns what to hand on in place of `result`: itself, but for a `ReadableStream` */
export function followResult(result: unknown, call: Call): unknown {
  if (typeof result === 'object' && result !== null) {
    const stream = result as Partial<WebStream & AsyncGenerator>;
    if (typeof stream.getReader === 'function') return followWebStream(stream as WebStream, call);
    if (typeof stream[Symbol.asyncIterator] === 'function') {
      followIterable(stream as AsyncIterable<unknown>, call);
      return result;
    }
  }
  call.sees(result);
  call.end('success');
  return result;
}

/** A stream with the same chunks, read at its reader's pace. One that is being read already is somebody else's. */
function followWebStream(stream: WebStream, call: Call): WebStream {
  if (stream.locked) {
    call.end('success');
    return stream;
  }
  const reader = stream.getReader();
  return new web.ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            call.end('success');
            controller.close();
            return;
          }
          call.flows(value);
          call.sees(value);
          controller.enqueue(value);
        } catch (error) {
          call.fail(error);
          controller.error(error);
        }
      },
      cancel(reason) {
        call.end('cancelled');
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Iterations of the object tell the call. It stays the function's own: it may be more than an iterable. */
function followIterable(stream: AsyncIterable<unknown> & NodeStream, call: Call): void {
  // A generator is its own iterator; of other objects each iteration is one.
  const methods =
    typeof (stream as Partial<AsyncGenerator>).next === 'function'
      ? followIterator(stream as unknown as AsyncIterator<unknown>, call)
      : { [Symbol.asyncIterator]: followIterate(stream[Symbol.asyncIterator], call) };
  const followed = Reflect.ownKeys(methods).every((key) =>
    Reflect.defineProperty(stream, key, { ...Reflect.getOwnPropertyDescriptor(methods, key), enumerable: false }),
  );
  if (typeof stream.on === 'function') {
    stream.on('close', () => {
      if (stream.errored != null) call.fail(stream.errored);
      else call.end(stream.readableEnded === true ? 'success' : 'cancelled');
    });
  } else if (!followed) call.end('success'); // A frozen object: nobody sees its end.
}

function followIterate(iterate: () => AsyncIterator<unknown>, call: Call): () => AsyncIterator<unknown> {
  return function (this: AsyncIterable<unknown>) {
    const self: AsyncIterator<unknown> = { ...followIterator(iterate.call(this), call) };
    return Object.assign(self, { [Symbol.asyncIterator]: () => self });
  };
}

/** The methods of an iterator, which tell the call how the iteration goes. */
function followIterator(inner: AsyncIterator<unknown>, call: Call): AsyncIterator<unknown> {
  const { next, return: leave, throw: fail } = inner;
  const tell = async (step: () => Result | PromiseLike<Result>, ended: LeaseOutcome): Promise<Result> => {
    try {
      const result = await step();
      if (result.done === true) {
        call.end(ended);
      } else {
        call.flows(result.value);
        call.sees(result.value);
      }
      return result;
    } catch (error) {
      call.fail(error);
      throw error;
    }
  };
  return {
    next: (...args) => tell(() => next.apply(inner, args), 'success'),
    return: (value) => tell(async () => leave?.call(inner, value) ?? { done: true, value: await value }, 'cancelled'),
    ...(fail && { throw: (error) => tell(() => fail.call(inner, error), 'success') }),
  };
}

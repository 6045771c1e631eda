/** Keeps a lease until a stream of chunks has ended, failed or been left. The stream stays the SDK's own object. */
import type { SignalLike } from '../../core/types.ts';
import type { Call } from '../../core/call.ts';
import { firstChunk } from '../../core/part.ts';
import type { ProviderUsage } from './types.ts';
import type { Unread } from './unread.ts';
import { mergeUsage, usageOf } from './usage.ts';

type Iterate = () => AsyncIterator<unknown>;

/** The `Stream` of the `openai` SDK as far as it is used: `tee()` and iteration both go through `iterator`. */
interface StreamLike extends AsyncIterable<unknown> {
  iterator?: unknown;
  next?: unknown;
  controller?: { signal?: SignalLike };
}

/** Whether `value` can be read with `for await`. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof (value as StreamLike | null | undefined)?.[Symbol.asyncIterator] === 'function';
}

/** The same stream, whose end ends the call with the usage that its chunks reported, the later ones replacing the earlier. */
export function holdIterable(stream: StreamLike, call: Call, unread: Unread): unknown {
  unread.resting();
  const signal = stream.controller?.signal;
  let usage: ProviderUsage | undefined;
  let reading = false;
  const says = firstChunk();
  call.known = () => usage;
  const cancelled = (): void => call.end('cancelled');
  // An abort reaches the reader as a silent end, and without a reader not at all. While a read is pending its end tells
  // more: the SDK aborts its own request also when the read fails.
  signal?.addEventListener('abort', () => {
    if (!reading) cancelled();
  });

  const track = (inner: AsyncIterator<unknown>): AsyncIterableIterator<unknown> => {
    const step = async (advance: () => Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> => {
      unread.reading();
      reading = true;
      try {
        const result = await advance();
        if (result.done) {
          call.end(signal?.aborted ? 'cancelled' : 'success');
        } else {
          call.flow(says(result.value));
          usage = mergeUsage(usage, usageOf(result.value));
          unread.resting();
        }
        return result;
      } catch (error) {
        call.fail(error);
        throw error;
      } finally {
        reading = false;
      }
    };
    const leave = (value?: unknown): Promise<IteratorResult<unknown>> => {
      cancelled();
      return inner.return?.(value) ?? Promise.resolve({ done: true, value });
    };
    const tracked: AsyncIterableIterator<unknown> = {
      next: () => step(() => inner.next()),
      return: leave,
      throw: (error) => (inner.throw ? step(() => inner.throw!(error)) : leave().then(() => Promise.reject(error))),
      [Symbol.asyncIterator]: () => tracked,
    };
    return tracked;
  };

  // A generator is its own iterator; of other streams each iteration is one, and may outlive the stream object.
  if (typeof stream.next === 'function') {
    const self = stream as unknown as AsyncGenerator<unknown>;
    const { next, return: leave, throw: fail } = self;
    const own = track({
      next: () => next.call(self),
      return: (value) => leave.call(self, value),
      throw: (error) => fail.call(self, error),
    });
    Object.assign(stream, { next: own.next, return: own.return, throw: own.throw });
    unread.follow(stream);
    return stream;
  }
  const name = typeof stream.iterator === 'function' ? 'iterator' : Symbol.asyncIterator;
  const iterate = (stream as unknown as Record<PropertyKey, Iterate>)[name]!;
  const tracking = function (this: StreamLike): AsyncIterator<unknown> {
    const tracked = track(iterate.call(this));
    unread.follow(tracked);
    return tracked;
  };
  Object.defineProperty(stream, name, { value: tracking });
  unread.follow(stream);
  return stream;
}

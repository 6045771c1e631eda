/**
 * Keeps a lease until the bytes of a body have arrived, failed or been cancelled. A body that is no event stream is read
 * ahead, so that one nobody reads comes to its end as well; beyond that the reader's pace is kept.
 */
import type { Call } from '../../core/call.ts';
import type { Says } from '../../core/part.ts';
import { watchUnread, type Unread } from './unread.ts';
import { web, type BodyLike, type ResponseLike } from './web.ts';

/** Bytes that are taken from the provider before anybody reads them: 1 MiB, and then its end is still looked for. */
const READ_AHEAD = 1024 * 1024 + 1;

export interface HoldBody<Chunk = Uint8Array> {
  call: Call;
  idleMs: number;
  /** What watches over the call already. Default: a watch over pauses of the reader alone. */
  unread?: Unread;
  /** Whether a chunk says something, for the time to the first that does. Default: none does. */
  says?: Says<Chunk> | undefined;
  /** Sees each chunk. */
  onChunk?: ((chunk: Chunk) => void) | undefined;
  /** Ends the call, when all bytes have arrived and before the reader hears of it. */
  onDone: () => Promise<void> | void;
}

/** Whether it is one of server-sent events. */
export function isEventStream({ headers }: ResponseLike): boolean {
  return /^\s*text\/event-stream\b/i.test(headers.get('content-type') ?? '');
}

/** Whether its body comes piece by piece, as the model makes it. */
export function isStreamed({ headers }: ResponseLike): boolean {
  return /^\s*(?:text\/event-stream|application\/(?:x-)?ndjson)\b/i.test(headers.get('content-type') ?? '');
}

/** A body with the same bytes, whose end ends the call. */
export function holdBody(response: ResponseLike, body: BodyLike, how: HoldBody): BodyLike {
  return holdStream(body, isEventStream(response) ? 0 : READ_AHEAD, how);
}

/** A stream with the same chunks, whose end ends the call. @param highWaterMark bytes that are read ahead */
export function holdStream<Chunk extends object>(
  body: BodyLike<Chunk>,
  highWaterMark: number,
  { call, idleMs, unread = watchUnread(call, { idleMs }), says, onChunk, onDone }: HoldBody<Chunk>,
): BodyLike<Chunk> {
  const reader = body.getReader();
  unread.resting();
  // An abort, or a lost connection, while nobody reads.
  reader.closed?.catch(call.fail);
  // Nothing the registry holds may lead to `stream`, or it would never be collected: closures below must not use it.
  const stream = new web.ReadableStream<Chunk>(
    {
      async pull(controller) {
        unread.reading();
        try {
          const { done, value } = await reader.read();
          if (!done) {
            call.flow(says?.(value!));
            onChunk?.(value!);
            controller.enqueue(value!);
            unread.resting();
            return;
          }
          await onDone();
          controller.close();
        } catch (error) {
          call.fail(error);
          // First the reader gets what has arrived: each of its reads comes here again, to the same error.
          if (controller.desiredSize === highWaterMark) controller.error(error);
        }
      },
      cancel(reason) {
        call.end('cancelled');
        return reader.cancel(reason);
      },
    },
    { highWaterMark, size: (chunk) => (chunk as { byteLength?: number }).byteLength ?? 1 },
  );
  unread.follow(stream, () => void reader.cancel().catch(() => {}));
  return stream;
}

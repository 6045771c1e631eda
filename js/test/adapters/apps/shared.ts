/** What the governed apps of all frameworks share: how a test follows them, and what their handlers do. */
import type { Governor } from 'throttleai';
import { rateLimitHeaders } from 'throttleai/adapters/node';

/** What a test may follow or hold up. */
export interface Hooks {
  /** A handler runs. */
  reached?: () => void;
  /** Called between chunks of `/chunks`, and before `/breaks` breaks. Default: other requests run meanwhile. */
  pace?: () => Promise<void>;
  /** A chunk of `/big` was asked for. */
  produced?: () => void;
}

/** Chunks of `/chunks`. */
export const CHUNKS = 8;
/** Bytes of a chunk of `/big`. */
export const BIG_CHUNK: number = 64 * 1024;
export const WAIT = { timeoutMs: 120_000 };
/** Under `/told` clients are told of all limits. */
export const TOLD: ReturnType<typeof rateLimitHeaders> = rateLimitHeaders({ limits: 'all' });

/** Lets other requests run. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** `/big?chunks=N`, at the pace of the reader. */
export function* big(chunks: number, { produced }: Hooks): Generator<Uint8Array> {
  const chunk = new Uint8Array(BIG_CHUNK);
  for (let i = 0; i < chunks; i++) {
    produced?.();
    yield chunk;
  }
}

export const thrown = (): never => {
  throw new Error('thrown');
};
export const rejected = (): Promise<never> => turns(1).then(thrown);

/** What a deny handler may do that asks the governor again, from within the refusal. */
export function askAgain(governor: Governor): string {
  const again = governor.acquire({ actorId: 'deny-handler', action: 'again' });
  if (again.granted) governor.release(again.leaseId);
  return `again ${again.granted}`;
}

/** The mounts: their middleware differs, their routes are the same. */
export const MOUNTS = ['now', 'wait', 'told', 'deny-throws', 'deny-rejects', 'deny-asks'] as const;

/** `/mount/route` of a path. */
export function placeOf(path: string): [mount: string, route: string] {
  const [, mount = '', route = ''] = path.split('/');
  return [mount, route];
}

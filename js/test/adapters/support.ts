/** What the tests of the adapters share: a governor that notes its releases, servers on real sockets, forced collection. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  createGovernor,
  type AcquireRequest,
  type Governor,
  type GovernorConfig,
  type ReleaseReport,
} from 'throttleai';

/** A release as the governor was told of it. */
export interface Released {
  leaseId: string;
  report: ReleaseReport | null | undefined;
}

/** A governor that notes what it is asked and told. Closed when the test ends. */
export interface Noted {
  governor: Governor;
  asked: AcquireRequest[];
  released: Released[];
  /** Resolves when there have been `count` releases. */
  untilReleased(count: number): Promise<Released[]>;
}

/** `acquire` must stay untouched for the queue to be used, so only releases are noted by replacing a method. */
export function notedGovernor(t: TestContext, config: GovernorConfig = {}): Noted {
  const asked: AcquireRequest[] = [];
  const released: Released[] = [];
  const watchers = new Set<() => void>();
  const governor = createGovernor({
    ...config,
    onEvent(event) {
      if (event.type === 'acquire') asked.push({ actorId: event.actorId, action: event.action });
    },
  });
  const release = governor.release.bind(governor);
  governor.release = (leaseId, report) => {
    released.push({ leaseId, report });
    try {
      release(leaseId, report);
    } finally {
      for (const watch of watchers) watch();
    }
  };
  t.after(() => governor.close());
  const untilReleased = (count: number): Promise<Released[]> =>
    new Promise((resolve) => {
      const watch = (): void => {
        if (released.length < count) return;
        watchers.delete(watch);
        resolve(released);
      };
      watchers.add(watch);
      watch();
    });
  return { governor, asked, released, untilReleased };
}

/** Headers of a body that is read ahead. */
export const JSON_TYPE = { 'content-type': 'application/json' };

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Listens on a free port of 127.0.0.1 until the test ends; resolves to its origin. */
export async function listen(t: TestContext, handler: Handler | Server): Promise<string> {
  const server = typeof handler === 'function' ? createServer(handler) : handler;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A promise that a test resolves by hand. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open!: (value: T) => void;
  const promise = new Promise<T>((resolve) => (open = resolve));
  return { promise, open };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/**
 * Collects garbage until `done` says so. Finalizers run as tasks, so the event loop turns after each collection; and before
 * it, because looking at a `WeakRef` keeps its target for the rest of the task.
 */
export async function collectUntil(done: () => boolean): Promise<void> {
  for (let round = 0; round < 200 && !done(); round++) {
    await settle(1);
    collect();
    await settle(1);
  }
  if (!done()) throw new Error('It was not collected.');
}

/** Lets everything that is ready run: promises, and events of sockets that have arrived. */
export async function settle(turns = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

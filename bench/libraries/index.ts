/**
 * The libraries that the governor is compared with, each set up for what is nearest to a governor's job. None of them
 * does all of it; `does` and `leavesOut` are said beside the numbers.
 */

/** How much a guard admits. */
export interface Limits {
  readonly concurrency: number;
  readonly perWindow: number;
  readonly windowMs: number;
}

/** What limits calls, as its users call it. */
export interface Guard {
  /** Runs the function once there is room; waits in order while there is none. */
  readonly call?: <T>(work: () => Promise<T>) => Promise<T>;
  /** Takes room if there is some now, and says whether there was. */
  readonly take?: () => boolean;
  /** `take` of what answers by promise only; a refusal rejects. */
  readonly takeAsync?: () => Promise<unknown>;
  /** Gives back what was taken last. Missing where there is nothing to give back. */
  readonly giveBack?: () => void;
  /** Ends timers. */
  readonly close?: () => void;
}

/** How a library is called: a member of `Guard`. */
export type Way = 'call' | 'take' | 'takeAsync';

export type LibraryName =
  'p-limit' | 'p-queue' | 'bottleneck' | 'cockatiel' | 'async-sema' | 'rate-limiter-flexible' | 'limiter';

export interface Library {
  readonly name: LibraryName;
  /** What is limited, for the governor beside it to limit the same. */
  readonly limits: { readonly concurrency: boolean; readonly rate: boolean };
  /** The ways in which it is called, each as its users write it. */
  readonly ways: Partial<Record<Way, string>>;
  readonly does: string;
  readonly leavesOut: string;
  /** Loaded on demand: the list is known without the libraries. */
  readonly load: () => Promise<(limits: Limits) => Guard>;
}

export const LIBRARIES: readonly Library[] = [
  {
    name: 'p-limit',
    limits: { concurrency: true, rate: false },
    ways: { call: 'limit(work)' },
    does: 'at most N functions at once, in order of arrival',
    leavesOut: 'weights, priorities, a bound on the queue, cancelling a wait',
    load: async () => {
      const { default: pLimit } = await import('p-limit');
      return ({ concurrency }) => {
        const limit = pLimit(concurrency);
        return { call: (work) => limit(work) };
      };
    },
  },
  {
    name: 'p-queue',
    limits: { concurrency: true, rate: true },
    ways: { call: 'queue.add(work)' },
    does: 'at most N functions at once and M starts in any rolling window (`strict`)',
    leavesOut: 'weights, tokens, a bound on the queue',
    load: async () => {
      const { default: PQueue } = await import('p-queue');
      return ({ concurrency, perWindow, windowMs }) => {
        const queue = new PQueue({ concurrency, intervalCap: perWindow, interval: windowMs, strict: true });
        return { call: (work) => queue.add(work), close: () => queue.clear() };
      };
    },
  },
  {
    name: 'bottleneck',
    limits: { concurrency: true, rate: true },
    ways: { call: 'limiter.schedule(work)' },
    does: 'at most N functions at once and M in a fixed window (`reservoir`); each goes through several timers',
    leavesOut: 'a rolling window',
    load: async () => {
      const { default: Bottleneck } = await import('bottleneck');
      return ({ concurrency, perWindow, windowMs }) => {
        const limiter = new Bottleneck({
          maxConcurrent: concurrency,
          reservoir: perWindow,
          reservoirRefreshAmount: perWindow,
          reservoirRefreshInterval: windowMs,
        });
        return { call: (work) => limiter.schedule(work), close: () => void limiter.disconnect() };
      };
    },
  },
  {
    name: 'cockatiel',
    limits: { concurrency: true, rate: false },
    ways: { call: 'policy.execute(work)' },
    does: 'at most N functions at once (`bulkhead`), in order of arrival',
    leavesOut: 'weights, priorities',
    load: async () => {
      const { bulkhead } = await import('cockatiel');
      return ({ concurrency }) => {
        const policy = bulkhead(concurrency, Number.POSITIVE_INFINITY);
        return { call: (work) => policy.execute(work) };
      };
    },
  },
  {
    name: 'async-sema',
    limits: { concurrency: true, rate: false },
    ways: { call: 'acquire, work, release', take: 'tryAcquire + release' },
    does: 'a semaphore of N, in order of arrival',
    leavesOut: 'weights, priorities, a bound on the queue, cancelling a wait',
    load: async () => {
      const { Sema } = await import('async-sema');
      return ({ concurrency }) => {
        const sema = new Sema(concurrency);
        return {
          call: async (work) => {
            await sema.acquire();
            try {
              return await work();
            } finally {
              sema.release();
            }
          },
          take: () => sema.tryAcquire() !== undefined,
          giveBack: () => sema.release(),
        };
      };
    },
  },
  {
    name: 'rate-limiter-flexible',
    limits: { concurrency: false, rate: true },
    ways: { takeAsync: 'consume' },
    does: 'M points of one key in a fixed window (`RateLimiterMemory`)',
    leavesOut: 'a rolling window',
    load: async () => {
      const { RateLimiterMemory } = await import('rate-limiter-flexible');
      return ({ perWindow, windowMs }) => {
        const limiter = new RateLimiterMemory({ points: perWindow, duration: windowMs / 1000 });
        return { takeAsync: () => limiter.consume('actor-0') };
      };
    },
  },
  {
    name: 'limiter',
    limits: { concurrency: false, rate: true },
    ways: { take: 'tryRemoveTokens' },
    does: 'a bucket of M tokens, refilled over the window, and at most M in a fixed window',
    leavesOut: 'a rolling window, keys',
    load: async () => {
      const { RateLimiter } = await import('limiter');
      return ({ perWindow, windowMs }) => {
        const limiter = new RateLimiter({ tokensPerInterval: perWindow, interval: windowMs });
        return { take: () => limiter.tryRemoveTokens(1) };
      };
    },
  },
];

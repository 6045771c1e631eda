/** Libraries that run at most so many functions at once and queue the others, set up for nothing but that. */
import type { LibraryName } from './index.ts';

/** Runs a function when it is its turn. */
export type Run = (work: () => Promise<void>) => Promise<unknown>;

export interface SlotLibrary {
  readonly name: LibraryName;
  /** Loaded on demand: the list is known without the libraries. */
  readonly load: () => Promise<(slots: number) => Run>;
}

export const SLOT_LIBRARIES: readonly SlotLibrary[] = [
  {
    name: 'p-limit',
    load: async () => {
      const { default: pLimit } = await import('p-limit');
      return (slots) => pLimit(slots);
    },
  },
  {
    name: 'p-queue',
    load: async () => {
      const { default: PQueue } = await import('p-queue');
      return (slots) => {
        const queue = new PQueue({ concurrency: slots });
        return (work) => queue.add(work);
      };
    },
  },
  {
    name: 'bottleneck',
    load: async () => {
      const { default: Bottleneck } = await import('bottleneck');
      return (slots) => {
        const limiter = new Bottleneck({ maxConcurrent: slots });
        return (work) => limiter.schedule(work);
      };
    },
  },
];

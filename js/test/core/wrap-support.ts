/** What the tests of wrapped functions share. */
import type { TestContext } from 'node:test';
import type { AcquireRequest, GovernorConfig, ReleaseReport } from 'throttleai';
import { bench, type Bench } from './support.ts';

/** A governor that notes what it was asked and told. */
export function noted(
  t: TestContext,
  config: GovernorConfig = {},
): Bench & { asked: AcquireRequest[]; told: ReleaseReport[] } {
  const made = bench(t, config);
  const { governor } = made;
  const asked: AcquireRequest[] = [];
  const told: ReleaseReport[] = [];
  const { acquire, release } = governor;
  // Replaced, so it is polled: what is not denied is granted at the first attempt.
  governor.acquire = (request) => {
    asked.push(request);
    return acquire.call(governor, request);
  };
  governor.release = (id, report) => {
    told.push(report!);
    release.call(governor, id, report);
  };
  return { ...made, asked, told };
}

export const outcomes = (told: readonly ReleaseReport[]): unknown[] => told.map(({ outcome }) => outcome);
export async function* count(to: number): AsyncGenerator<number, string, void> {
  for (let i = 1; i <= to; i++) yield i;
  return 'done';
}
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Something that can be iterated and more, as a stream of an SDK. */
export class Chunks implements AsyncIterable<number> {
  readonly controller = new AbortController();
  readonly #make: () => AsyncIterator<number>;
  constructor(make: () => AsyncIterator<number>) {
    this.#make = make;
  }
  [Symbol.asyncIterator](): AsyncIterator<number> {
    return this.#make();
  }
}

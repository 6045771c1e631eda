/**
 * That the compared libraries, and the governor beside them, do what is said beside their numbers: N are admitted and not
 * one more, and a place that is given back goes to the next.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { governorLike, ourGuard } from '../cases/our-guard.ts';
import { LIBRARIES, type Guard, type Limits, type Way } from '../libraries/index.ts';
import { installLibraries } from '../libraries/install.ts';

type Make = (limits: Limits) => Guard;
type Check = (make: Make, way: Way) => Promise<void>;

const N = 3;
const CALLS = 2 * N + 1;
const AMPLE: Limits = { concurrency: 1000, perWindow: 1000, windowMs: 3_600_000 };

const callsAtOnce: Check = async (make) => {
  const guard = make({ ...AMPLE, concurrency: N });
  const ends: (() => void)[] = [];
  let running = 0;
  const work = async (): Promise<void> => {
    running += 1;
    await new Promise<void>((end) => ends.push(end));
    running -= 1;
  };
  const calls = Array.from({ length: CALLS }, () => called(guard, work));
  for (let left = CALLS; left > 0; left--) {
    const expected = Math.min(N, left);
    await until(() => ends.length >= expected);
    await whatIsAboutToStart(make);
    assert.equal(running, expected);
    ends.shift()?.();
  }
  await Promise.all(calls);
  guard.close?.();
};

const callsInWindow: Check = async (make) => {
  const guard = make({ ...AMPLE, perWindow: N });
  let started = 0;
  // What waits for the next window is given up when the guard is closed.
  for (let k = 0; k < CALLS; k++) called(guard, async () => (started += 1)).catch(() => {});
  await until(() => started >= N);
  await whatIsAboutToStart(make);
  assert.equal(started, N);
  guard.close?.();
};

const takesAtOnce: Check = async (make, way) => {
  const guard = make({ ...AMPLE, concurrency: N });
  for (let k = 0; k < N; k++) assert.equal(await taken(guard, way), true);
  assert.equal(await taken(guard, way), false);
  guard.giveBack?.();
  assert.equal(await taken(guard, way), true);
  assert.equal(await taken(guard, way), false);
  guard.close?.();
};

/** What was admitted is over and given back at once: only the window refuses. */
const takesInWindow: Check = async (make, way) => {
  const guard = make({ ...AMPLE, perWindow: N });
  for (let k = 0; k < N; k++) {
    assert.equal(await taken(guard, way), true);
    guard.giveBack?.();
  }
  assert.equal(await taken(guard, way), false);
  guard.close?.();
};

/** As many calls through a twin with room for all, handed in later, are over: nothing is still about to start. */
async function whatIsAboutToStart(make: Make): Promise<void> {
  const twin = make(AMPLE);
  await Promise.all(Array.from({ length: CALLS }, () => called(twin, async () => {})));
  twin.close?.();
}

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await turn();
}

function called<T>({ call }: Guard, work: () => Promise<T>): Promise<T> {
  assert.ok(call);
  return call(work);
}

async function taken({ take, takeAsync }: Guard, way: Way): Promise<boolean> {
  if (way === 'take') return take?.() ?? assert.fail('cannot take');
  const answer = takeAsync?.() ?? assert.fail('cannot take');
  return answer.then(
    () => true,
    () => false,
  );
}

installLibraries();

for (const library of LIBRARIES) {
  const guards: [string, Make][] = [
    [library.name, await library.load()],
    [`the governor beside ${library.name}`, (limits) => ourGuard(governorLike(library, limits))],
  ];
  for (const [name, make] of guards) {
    describe(name, () => {
      for (const way of Object.keys(library.ways) as Way[]) {
        const [atOnce, inWindow] = way === 'call' ? [callsAtOnce, callsInWindow] : [takesAtOnce, takesInWindow];
        if (library.limits.concurrency) it(`${way}: ${N} at once`, () => atOnce(make, way));
        if (library.limits.rate) it(`${way}: ${N} in a window`, () => inWindow(make, way));
      }
    });
  }
}

/**
 * The governor against libraries, each at what is nearest in both. The governor is limited by the same things as the
 * library and by nothing else; it still makes a lease that expires, checks its arguments and reads the clock.
 */
import type { Governor } from 'throttleai';
import { asyncLoop, loop, type Batch, type Candidates } from '../harness.ts';
import { LIBRARIES, type Guard, type Library, type Limits } from '../libraries/index.ts';
import { installLibraries } from '../libraries/install.ts';
import type { Case } from './case.ts';
import { AMPLE } from './governor.ts';

const CONCURRENCY = 10;
/** Calls handed in together, of which all but `CONCURRENCY` wait. */
const AT_ONCE = 100;
const ROOMY: Limits = { concurrency: CONCURRENCY, perWindow: AMPLE, windowMs: 1000 };
const ROOM_FOR_ONE: Limits = { concurrency: 1, perWindow: 1, windowMs: 3_600_000 };

export const LIBRARY_CASES: readonly Case[] = LIBRARIES.flatMap((library) => [
  ...(library.ways.includes('call') ? callCases(library) : []),
  ...(library.ways.includes('take') ? takeCases(library) : []),
  ...(library.ways.includes('takeAsync') ? takeAsyncCases(library) : []),
]);

/** Makes the batch of one side: the governor's or the library's guard. */
type Side = (guard: Guard, governor: Governor) => Batch;

interface Comparison {
  readonly limits: Limits;
  readonly ours: Side;
  readonly theirs: (guard: Guard) => Batch;
  readonly operationsPerPass?: number;
}

function against(library: Library, what: string, compares: string, comparison: Comparison): Case {
  const { limits, ours, theirs, operationsPerPass = 1 } = comparison;
  return {
    name: `${library.name}-${what}`,
    compares: `${compares} / ${library.name}`,
    candidates: async (): Promise<Candidates> => {
      installLibraries();
      const { governorLike, ourGuard } = await import('./our-guard.ts');
      const make = await library.load();
      return {
        subject: () => {
          const governor = governorLike(library, limits);
          return ours(ourGuard(governor), governor);
        },
        reference: () => theirs(make(limits)),
        operationsPerPass,
      };
    },
  };
}

function callCases(library: Library): Case[] {
  const atOnce = `${AT_ONCE} calls at once through ${CONCURRENCY}`;
  return [
    against(library, 'call', 'one call after the other: withLease with wait', {
      limits: ROOMY,
      ours: calling,
      theirs: calling,
    }),
    against(library, 'call-sync', 'one call after the other: acquire, call, release', {
      limits: ROOMY,
      ours: (_guard, governor) => callingSync(governor),
      theirs: calling,
    }),
    against(library, 'queued', `${atOnce}: withLease with wait`, {
      limits: ROOMY,
      ours: callingTogether,
      theirs: callingTogether,
      operationsPerPass: AT_ONCE,
    }),
  ];
}

function calling({ call }: Guard): Batch {
  return asyncLoop('await call(work);', ['call', 'work'], [call, work]);
}

function callingSync(governor: Governor): Batch {
  const body = `
    const decision = governor.acquire({ actorId: 'actor-0', action: 'chat' });
    if (!decision.granted) throw new Error(decision.recommendation);
    try { await work(); } finally { governor.release(decision.leaseId); }`;
  return asyncLoop(body, ['governor', 'work'], [governor, work]);
}

function callingTogether({ call }: Guard): Batch {
  const body = `
    const calls = [];
    for (let k = 0; k < ${AT_ONCE}; k++) calls.push(call(work));
    await Promise.all(calls);`;
  return asyncLoop(body, ['call', 'work'], [call, work]);
}

function takeCases(library: Library): Case[] {
  return [
    against(library, 'take', 'acquire + release', { limits: ROOMY, ours: taking, theirs: taking }),
    against(library, 'refusal', 'refused acquire', { limits: ROOM_FOR_ONE, ours: refused, theirs: refused }),
  ];
}

function takeAsyncCases(library: Library): Case[] {
  return [
    against(library, 'take', 'acquireAsync + release', { limits: ROOMY, ours: takingAsync, theirs: takingAsync }),
    against(library, 'take-sync', 'acquire + release', { limits: ROOMY, ours: taking, theirs: takingAsync }),
    against(library, 'refusal', 'refused acquire', { limits: ROOM_FOR_ONE, ours: refused, theirs: refusedAsync }),
  ];
}

function taking({ take, giveBack }: Guard): Batch {
  const body = `if (!take()) throw new Error('refused'); ${giveBack === undefined ? '' : 'giveBack();'}`;
  return loop(body, ['take', 'giveBack'], [take, giveBack]);
}

function takingAsync({ takeAsync, giveBack }: Guard): Batch {
  const body = `await takeAsync(); ${giveBack === undefined ? '' : 'giveBack();'}`;
  return asyncLoop(body, ['takeAsync', 'giveBack'], [takeAsync, giveBack]);
}

/** The first call takes the only place, before anything is measured; all others are refused. */
const ADMITTED = "if (admitted++ > 0) throw new Error('admitted one too many');";

function refused({ take }: Guard): Batch {
  return loop(`if (take()) { ${ADMITTED} }`, ['take', 'admitted'], [take, 0]);
}

function refusedAsync({ takeAsync }: Guard): Batch {
  const body = `
    let taken = true;
    try { await takeAsync(); } catch { taken = false; }
    if (taken) { ${ADMITTED} }`;
  return asyncLoop(body, ['takeAsync', 'admitted'], [takeAsync, 0]);
}

async function work(): Promise<number> {
  return 42;
}

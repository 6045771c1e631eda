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

export const LIBRARY_CASES: readonly Case[] = LIBRARIES.flatMap((library) => {
  const { call, take, takeAsync } = library.ways;
  return [
    ...(call === undefined ? [] : callCases(library, call)),
    ...(take === undefined ? [] : takeCases(library, take)),
    ...(takeAsync === undefined ? [] : takeAsyncCases(library, takeAsync)),
  ];
});

/** Makes the batch of one side: the governor's or the library's guard. */
type Side = (guard: Guard, governor: Governor) => Batch;

interface Comparison {
  /** What either does, as the table says it. */
  readonly says: readonly [ours: string, theirs: string];
  readonly limits: Limits;
  readonly ours: Side;
  readonly theirs: (guard: Guard) => Batch;
  readonly operationsPerPass?: number;
}

function against(library: Library, what: string, comparison: Comparison): Case {
  const { says, limits, ours, theirs, operationsPerPass = 1 } = comparison;
  return {
    name: `${library.name}-${what}`,
    compares: `${says[0]} / ${library.name}: ${says[1]}`,
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

function callCases(library: Library, theirs: string): Case[] {
  const sync: Side = (_guard, governor) => callingSync(governor);
  return [
    against(library, 'call', {
      says: ['one call after the other, withLease with wait', theirs],
      limits: ROOMY,
      ours: calling,
      theirs: calling,
    }),
    against(library, 'call-sync', {
      says: ['one call after the other, acquire, work, release', theirs],
      limits: ROOMY,
      ours: sync,
      theirs: calling,
    }),
    against(library, 'queued', {
      says: [`${AT_ONCE} calls at once through ${CONCURRENCY}, withLease with wait`, theirs],
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

function takeCases(library: Library, theirs: string): Case[] {
  return [
    against(library, 'take', { says: ['acquire + release', theirs], limits: ROOMY, ours: taking, theirs: taking }),
    refusal(library, theirs, refused),
  ];
}

function takeAsyncCases(library: Library, theirs: string): Case[] {
  const rest = { limits: ROOMY, theirs: takingAsync };
  return [
    against(library, 'take', { says: ['acquireAsync + release', theirs], ours: takingAsync, ...rest }),
    against(library, 'take-sync', { says: ['acquire + release', theirs], ours: taking, ...rest }),
    refusal(library, theirs, refusedAsync),
  ];
}

function refusal(library: Library, theirs: string, batch: (guard: Guard) => Batch): Case {
  const [first = theirs] = theirs.split(' + ');
  const says = ['refused acquire', `refused ${first}`] as const;
  return against(library, 'refusal', { says, limits: ROOM_FOR_ONE, ours: refused, theirs: batch });
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

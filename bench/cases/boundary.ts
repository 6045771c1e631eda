/**
 * What the shell adds: a governor's call against the same call into the wasm, with numbers only. The bare calls make the
 * same decisions; the shell reads the clock, checks arguments, keeps the strings, and makes ids and answers.
 */
import { readFileSync } from 'node:fs';
import { DENIED, DUE, NO_HANDLE, SLOT_SHIFT, View, type CoreHandle } from '../../js/core/binding.ts';
import { readConfig } from '../../js/core/config.ts';
import { createLoader, type Instance } from '../../js/core/loader.ts';
import { loop, type Batch } from '../harness.ts';
import type { Case } from './case.ts';
import { configFor, pair, refused, SLOTS_TAKEN } from './governor.ts';

export const BOUNDARY_CASES: readonly Case[] = [
  {
    name: 'boundary-pair',
    compares: 'acquire + release: governor / bare wasm calls',
    candidates: ({ subject }) => ({ subject: () => pair(subject, 1, 0), reference: barePair }),
  },
  {
    name: 'boundary-refusal',
    compares: 'refusal by slots: governor / bare wasm call',
    candidates: ({ subject }) => ({
      subject: () => refused(subject, 'concurrency', SLOTS_TAKEN),
      reference: bareRefusal,
    }),
  },
];

/** The instant of the first call in ms. It moves on by 1 ms about as often as it does under a governor at full speed. */
const START_MS = 1_000_000;
const TICK = 'if ((i & 2047) === 0) now += 1;';

interface Bare {
  readonly core: CoreHandle;
  /** What the core says besides the number that it returns. */
  readonly view: Float64Array;
}

/** A governor without its shell. @param config as for `createGovernor` */
function bare(config: object): Bare {
  // An instance of its own: a second governor could grow the memory, which would detach the first one's view.
  const instance = instantiate();
  const core = new instance.glue.Core(readConfig(config).plain);
  const look = (): Float64Array => new Float64Array(instance.memory.buffer, core.view_ptr(), View.LENGTH);
  // Full windows take what memory they ever need: when it grows later on, the view is detached.
  for (let now = START_MS - 2_000; now < START_MS; now++) {
    const warm = core.acquire(now, NO_HANDLE | 0, 0, 1, 100, 200, -1, 0, NaN);
    core.release(now, warm >> SLOT_SHIFT, (look()[View.GENERATION] as number) | 0, 0, 800, 90, 120);
  }
  const code = core.acquire(START_MS, NO_HANDLE | 0, 0, 1, 100, 200, -1, 0, NaN);
  const view = look();
  if (code >> SLOT_SHIFT !== 0) throw new Error('the core did not grant a first lease');
  return { core, view };
}

function instantiate(): Instance {
  // As the package exports it; the compiler knows no `WebAssembly` without DOM types.
  const { Module } = (globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } })
    .WebAssembly;
  const bytes = readFileSync(new URL('../../dist/throttleai.wasm', import.meta.url));
  return createLoader(() => new Module(bytes)).current();
}

function barePair(): Batch {
  const { core, view } = bare(configFor(0));
  const actor = view[View.ACTOR] as number;
  core.release(START_MS, 0, (view[View.GENERATION] as number) | 0, 0, 800, 90, 120);
  const body = `
    ${TICK}
    const code = core.acquire(now, actor, 0, 1, 100, 200, -1, 0, NaN);
    if (code < 0) throw new Error('refused');
    core.release(now, code >> ${SLOT_SHIFT}, view[${View.GENERATION}] | 0, 0, 800, 90, 120);`;
  return loop(body, ['core', 'view', 'actor', 'now'], [core, view, actor | 0, START_MS]);
}

function bareRefusal(): Batch {
  const { core } = bare({ ...configFor(0), ...SLOTS_TAKEN });
  const body = `
    ${TICK}
    const code = core.acquire(now, ${NO_HANDLE | 0}, 0, 1, 100, 200, -1, 0, NaN);
    if ((code & ${~DUE}) !== ${DENIED}) throw new Error('expected a refusal');`;
  return loop(body, ['core', 'now'], [core, START_MS]);
}

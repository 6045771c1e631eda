/** Measures one memory case in this process, which must have been started with `--expose-gc`. */
import type { Makers } from '../governors.ts';
import type { MemoryCase } from './cases.ts';

/** Bytes each. */
export interface Bytes {
  /** Growth of linear memory. It never shrinks, so this is a high-water mark. */
  readonly linear: number;
  /** Growth of what JavaScript holds after a collection: objects, strings, buffers. */
  readonly heap: number;
  readonly total: number;
}

export interface MemoryMeasurement extends Bytes {
  /** The largest total of any checkpoint on the way from a quarter of the count on: tables double. */
  readonly worst: number;
}

const CHECKPOINTS = 40;

/** What is used of the platform; the compiler knows no `WebAssembly` without DOM types. */
interface Platform {
  WebAssembly: { Instance: new (module: object, imports: object) => Instance };
  gc?: () => void;
}
interface Instance {
  readonly exports: { readonly memory?: { readonly buffer: ArrayBuffer } };
}
const platform = globalThis as unknown as Platform;

export async function measureMemory(item: MemoryCase, makers: Makers): Promise<MemoryMeasurement> {
  const linear = watchLinearMemory();
  const grow = await item.prepare(makers, item.count);
  grow(item.start);
  const before = { linear: linear(), heap: heap() };
  const each = (made: number): Bytes => {
    const inLinear = (linear() - before.linear) / made;
    const inHeap = (heap() - before.heap) / made;
    return { linear: inLinear, heap: inHeap, total: inLinear + inHeap };
  };
  let worst = 0;
  let last = { linear: 0, heap: 0, total: 0 };
  for (let step = 1; step <= CHECKPOINTS; step++) {
    const wanted = Math.round(((item.count - item.start) * step) / CHECKPOINTS);
    last = each(grow(item.start + wanted) - item.start);
    if (step >= CHECKPOINTS / 4) worst = Math.max(worst, last.total);
  }
  return { ...last, worst };
}

/** Counts the linear memory of every instance made from now on. */
function watchLinearMemory(): () => number {
  const instances: Instance[] = [];
  const { Instance } = platform.WebAssembly;
  platform.WebAssembly.Instance = class extends Instance {
    constructor(module: object, imports: object) {
      super(module, imports);
      instances.push(this);
    }
  };
  return () => instances.reduce((sum, { exports }) => sum + (exports.memory?.buffer.byteLength ?? 0), 0);
}

/** Bytes that JavaScript holds, and nothing that is only waiting to be collected. */
function heap(): number {
  if (platform.gc === undefined) throw new Error('memory is measured with --expose-gc');
  platform.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * Measures candidates against each other in one process: rounds in which each candidate runs one batch, in a new random
 * order every round, so that heat, frequency changes and collections meet all of them alike. The reference runs as two
 * candidates made alike; the ratio of the second to the first (A/A) is what the harness itself cannot tell apart.
 */
import { generator, shuffled, spread, type Spread } from './statistics.ts';

/** Runs `count` operations. */
export type Batch = (count: number) => void;

export interface Candidates {
  readonly subject: () => Batch;
  readonly reference: () => Batch;
}

export interface Measurement {
  /** Nanoseconds an operation. */
  readonly subject: Spread;
  readonly reference: Spread;
  /** Subject to reference, round by round. */
  readonly ratio: Spread;
  /** The reference's twin to the reference, round by round. */
  readonly control: Spread;
  readonly rounds: number;
  readonly operationsPerBatch: number;
}

export interface Effort {
  readonly rounds: number;
  /** Aim for the length of one batch, in milliseconds. */
  readonly batchMs: number;
  /** Time each candidate runs before anything counts, in milliseconds. */
  readonly warmUpMs: number;
  readonly seed: number;
}

export function measure(candidates: Candidates, effort: Effort): Measurement {
  const batches = { subject: candidates.subject(), reference: candidates.reference(), twin: candidates.reference() };
  const names = ['subject', 'reference', 'twin'] as const;
  const count = warmUp(Object.values(batches), effort);
  const times = { subject: [] as number[], reference: [] as number[], twin: [] as number[] };
  const random = generator(effort.seed);
  for (let round = 0; round < effort.rounds; round++) {
    for (const name of shuffled(names, random)) times[name].push(nanosecondsPerOperation(batches[name], count));
  }
  return {
    subject: spread(times.subject),
    reference: spread(times.reference),
    ratio: spread(ratios(times.subject, times.reference)),
    control: spread(ratios(times.twin, times.reference)),
    rounds: effort.rounds,
    operationsPerBatch: count,
  };
}

/**
 * The loop that calls one candidate, as code of its own: shared between candidates the engine would compile one call
 * site for all of them, and each would pay for the others.
 *
 * @param body statements of one operation; `i` counts
 * @param names what the body uses, handed in as `values`
 */
export function loop(body: string, names: readonly string[], values: readonly unknown[]): Batch {
  loops += 1;
  const source = `// ${loops}\nreturn function batch(count) { for (let i = 0; i < count; i++) { ${body} } }`;
  return new Function(...names, source)(...values) as Batch;
}
let loops = 0;

/** Warms the candidates up in turns and returns how many operations make a batch of about `batchMs`. */
function warmUp(batches: readonly Batch[], effort: Effort): number {
  let count = 100;
  const until = performance.now() + effort.warmUpMs * batches.length;
  let fastest = Number.POSITIVE_INFINITY;
  while (performance.now() < until) {
    for (const batch of batches) fastest = Math.min(fastest, nanosecondsPerOperation(batch, count));
    count = Math.max(100, Math.min(count * 2, Math.round((effort.batchMs * 1e6) / fastest)));
  }
  return count;
}

function nanosecondsPerOperation(batch: Batch, count: number): number {
  const start = process.hrtime.bigint();
  batch(count);
  return Number(process.hrtime.bigint() - start) / count;
}

function ratios(over: readonly number[], under: readonly number[]): number[] {
  return over.map((value, round) => value / (under[round] ?? Number.NaN));
}

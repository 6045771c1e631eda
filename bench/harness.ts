/**
 * Measures candidates against each other in one process: rounds in which each candidate runs one batch, in a new random
 * order every round, so that heat, frequency changes and collections meet all of them alike. The reference runs as two
 * candidates made alike; the ratio of the second to the first (A/A) is what the harness itself cannot tell apart.
 */
import { generator, shuffled, spread, type Spread } from './statistics.ts';

/** Runs its operation, or its group of operations, `count` times. */
export type Batch = (count: number) => void | Promise<void>;

export interface Candidates {
  readonly subject: () => Batch;
  readonly reference: () => Batch;
  /** Operations in one pass of the loops. Default 1. */
  readonly operationsPerPass?: number;
}

export interface Measurement {
  /** Nanoseconds an operation. */
  readonly subject: Spread;
  readonly reference: Spread;
  /** Subject to reference, round by round. */
  readonly ratio: Spread;
  /** Subject less reference in nanoseconds, round by round. */
  readonly difference: Spread;
  /** The reference's twin to the reference, round by round. */
  readonly control: Spread;
  readonly rounds: number;
  readonly operationsPerBatch: { readonly subject: number; readonly reference: number };
}

const ROUNDS_MIN = 10;

interface Candidate {
  readonly batch: Batch;
  /** Operations in one pass. */
  readonly unit: number;
  /** Passes in one batch. */
  count: number;
  /** Nanoseconds an operation, so far. */
  fastest: number;
  readonly times: number[];
}

export interface Effort {
  /** At most. */
  readonly rounds: number;
  /** No further round begins after this time, in milliseconds: some libraries take a second a batch. */
  readonly caseMs: number;
  /** Aim for the length of one batch, in milliseconds. */
  readonly batchMs: number;
  /** Time each candidate runs before anything counts, in milliseconds. */
  readonly warmUpMs: number;
  readonly seed: number;
}

export async function measure(candidates: Candidates, effort: Effort): Promise<Measurement> {
  const unit = candidates.operationsPerPass ?? 1;
  const [subject, reference, twin] = [candidates.subject, candidates.reference, candidates.reference].map(
    (make): Candidate => ({ batch: make(), unit, count: 1, fastest: Number.POSITIVE_INFINITY, times: [] }),
  ) as [Candidate, Candidate, Candidate];
  const all = [subject, reference, twin];
  await warmUp(all, effort);
  twin.count = reference.count;
  const random = generator(effort.seed);
  const until = performance.now() + effort.caseMs;
  for (let round = 0; round < effort.rounds && (round < ROUNDS_MIN || performance.now() < until); round++) {
    for (const candidate of shuffled(all, random)) candidate.times.push(await nanosecondsPerOperation(candidate));
  }
  const times = { subject: subject.times, reference: reference.times, twin: twin.times };
  return {
    subject: spread(times.subject),
    reference: spread(times.reference),
    ratio: spread(times.subject.map((value, round) => value / at(times.reference, round))),
    difference: spread(times.subject.map((value, round) => value - at(times.reference, round))),
    control: spread(times.twin.map((value, round) => value / at(times.reference, round))),
    rounds: times.subject.length,
    operationsPerBatch: { subject: subject.count * unit, reference: reference.count * unit },
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
  return compile('function', body, names, values);
}

/** `loop` for a body that awaits. */
export function asyncLoop(body: string, names: readonly string[], values: readonly unknown[]): Batch {
  return compile('async function', body, names, values);
}

let loops = 0;

function compile(kind: string, body: string, names: readonly string[], values: readonly unknown[]): Batch {
  loops += 1;
  const source = `// ${loops}\nreturn ${kind} batch(count) { for (let i = 0; i < count; i++) { ${body} } }`;
  return new Function(...names, source)(...values) as Batch;
}

/** Warms the candidates up in turns and finds how many passes of each make a batch of about `batchMs`. */
async function warmUp(candidates: readonly Candidate[], effort: Effort): Promise<void> {
  const until = performance.now() + effort.warmUpMs * candidates.length;
  while (performance.now() < until) {
    for (const candidate of candidates) {
      candidate.fastest = Math.min(candidate.fastest, await nanosecondsPerOperation(candidate));
      const wanted = Math.round((effort.batchMs * 1e6) / (candidate.fastest * candidate.unit));
      candidate.count = Math.max(1, Math.min(candidate.count * 2, wanted));
    }
  }
}

async function nanosecondsPerOperation({ batch, count, unit }: Candidate): Promise<number> {
  const start = process.hrtime.bigint();
  const running = batch(count);
  if (running !== undefined) await running;
  return Number(process.hrtime.bigint() - start) / (count * unit);
}

const at = (values: readonly number[], index: number): number => values[index] ?? Number.NaN;

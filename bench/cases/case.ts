/** What a case is. Each is measured in a process of its own, so that none inherits what the engine learnt from another. */
import type { Makers } from '../governors.ts';
import type { Candidates } from '../harness.ts';

/** A comparison of two candidates by time. */
export interface Case {
  readonly name: string;
  /** Subject / reference, as the table says them. */
  readonly compares: string;
  readonly candidates: (makers: Makers) => Candidates | Promise<Candidates>;
  /** The ratio may be at most this. Cases without one are there for comparison. */
  readonly budget?: number;
}

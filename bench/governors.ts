/** What the benchmark runs: the built package, and the yardstick. */
import {
  Baseline,
  type BaselineConfig,
  type BaselineDecision,
  type BaselineReport,
  type BaselineRequest,
} from './yardstick/baseline.ts';

export interface GovernorUnderTest {
  acquire(request: BaselineRequest): BaselineDecision;
  release(leaseId: string, report?: BaselineReport): void;
}

export type Maker = (config: BaselineConfig) => GovernorUnderTest;

export interface Makers {
  /** The governor of the package, or the yardstick itself with `--subject baseline`. */
  readonly subject: Maker;
  readonly baseline: Maker;
}

export const SUBJECTS = ['throttleai', 'baseline'] as const;
export type SubjectName = (typeof SUBJECTS)[number];

export async function loadMakers(subject: SubjectName): Promise<Makers> {
  const baseline: Maker = (config) => new Baseline(config);
  return { subject: subject === 'baseline' ? baseline : await packageMaker(), baseline };
}

async function packageMaker(): Promise<Maker> {
  // By its own name, so that what is measured is what users import.
  const name = 'throttleai';
  try {
    const { createGovernor } = (await import(name)) as { createGovernor: Maker };
    return createGovernor;
  } catch (cause) {
    throw new Error('The package is not built: run `npm run build` first.', { cause });
  }
}

/** Tables of their own, beside those of the scenarios. */
import type { Verdict } from './targets.ts';

/** A table, made a row at a time. */
export interface Measured {
  readonly name: string;
  /** Real time differs from machine to machine. */
  readonly time: 'real' | 'virtual';
  readonly about: string;
  readonly heads: readonly string[];
  /** Yields the cells of each row, and ends with what they say of the targets. */
  readonly rows: () => AsyncGenerator<readonly string[], Verdict[]>;
}

/** What came of it. */
export interface MeasuredTable extends Omit<Measured, 'rows'> {
  readonly rows: readonly (readonly string[])[];
  readonly verdicts: readonly Verdict[];
}

export const measuredRow = (cells: readonly string[]): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(18) : cell.padStart(20))).join('');

/** Decides whether a call goes wrong, and how. */
import type { MockFaults } from './options.ts';
import type { Random } from './random.ts';

/** How a call goes wrong. */
export type Fault = keyof MockFaults;

/** One draw decides, so the rates are parts of the calls and faults exclude each other. */
export function drawFault(rates: Required<MockFaults>, random: Random): Fault | undefined {
  let left = random();
  for (const fault of Object.keys(rates) as Fault[]) {
    left -= rates[fault];
    if (left < 0) return fault;
  }
  return undefined;
}

/**
 * Fields that do not exist, in the objects that every call hands over: what they say would not count.
 *
 * Known names are cases of a switch, which compares them by address: looks into sets of them took a tenth of a call. What is
 * missing in a list or among the cases the compiler says.
 */
import { refuseOthers } from './properties.ts';
import type { ReleaseReport, TokenEstimate, TokenUsage } from './types.ts';

/** With what an estimate of `throttleai/estimate` says of itself; it is handed over whole. */
type Estimated = TokenEstimate & Record<'shape' | 'rule' | 'outputRule', string>;

const namesOf = <T>(fields: Readonly<Record<keyof T, 0>>): readonly string[] => Object.keys(fields);
const ESTIMATED = namesOf<Estimated>({
  promptTokens: 0,
  maxOutputTokens: 0,
  weight: 0,
  metrics: 0,
  images: 0,
  shape: 0,
  rule: 0,
  outputRule: 0,
});
const USED = namesOf<TokenUsage>({ promptTokens: 0, outputTokens: 0, cachedTokens: 0, images: 0, metrics: 0 });
const REPORTED = namesOf<ReleaseReport>({
  outcome: 0,
  latencyMs: 0,
  firstTokenMs: 0,
  status: 0,
  retryAfterMs: 0,
  usage: 0,
  actualCostCents: 0,
});

/** @throws InputError for a field of an estimate that does not exist */
export function refuseMisestimated(estimate: object): void {
  for (const field in estimate) {
    const name = field as keyof Estimated;
    switch (name) {
      case 'promptTokens':
      case 'maxOutputTokens':
      case 'weight':
      case 'metrics':
      case 'images':
      case 'shape':
      case 'rule':
      case 'outputRule':
        continue;
      default:
        name satisfies never;
        return refuseOthers(estimate, 'request.estimate', ESTIMATED);
    }
  }
}

/** @throws InputError for a field of the usage in a report that does not exist */
export function refuseMisused(usage: object): void {
  for (const field in usage) {
    const name = field as keyof TokenUsage;
    switch (name) {
      case 'promptTokens':
      case 'outputTokens':
      case 'cachedTokens':
      case 'images':
      case 'metrics':
        continue;
      default:
        name satisfies never;
        return refuseOthers(usage, 'report.usage', USED);
    }
  }
}

/** @throws InputError for a field of a report that does not exist */
export function refuseMisreported(report: object): void {
  for (const field in report) {
    const name = field as keyof ReleaseReport;
    switch (name) {
      case 'outcome':
      case 'latencyMs':
      case 'firstTokenMs':
      case 'status':
      case 'retryAfterMs':
      case 'usage':
      case 'actualCostCents':
        continue;
      default:
        name satisfies never;
        return refuseOthers(report, 'report', REPORTED);
    }
  }
}

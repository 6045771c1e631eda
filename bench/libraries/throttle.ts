/** p-throttle, which limits how many functions start in a time, and not how many run at once. */
import type { Run } from './slots.ts';

/** Loaded on demand. What it gives lets at most `limit` start in any `intervalMs`. */
export async function throttle(): Promise<(limit: number, intervalMs: number) => Run> {
  const { default: pThrottle } = await import('p-throttle');
  return (limit, interval) => pThrottle({ limit, interval, strict: true })((work: () => Promise<void>) => work());
}

/** What happens to servers. */
import type { ServerMaker } from './types.ts';

/** What an outage does to the calls that start in it. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
  /** When its calls fail: 50 ms is a quick failure, 30,000 ms a call that hangs. */
  readonly failsAfterMs: number;
  /** How they fail. Default `error`; a call that hangs is a `timeout` to who calls. */
  readonly outcome?: 'error' | 'timeout';
}

/** A server with an outage. */
export const withOutage =
  ({ fromMs, toMs, failsAfterMs, outcome = 'error' }: Outage, server: ServerMaker): ServerMaker =>
  (surroundings) => {
    const { now, after } = surroundings;
    const inner = server(surroundings);
    return {
      start(call, end) {
        if (now() < fromMs || now() >= toMs) inner.start(call, end);
        else after(failsAfterMs, () => end({ outcome }));
      },
    };
  };

/** A server whose calls take `factor` times as long at the end of `overMs`, and grow evenly until then. */
export const withDrift =
  (factor: number, overMs: number, server: ServerMaker): ServerMaker =>
  (surroundings) => {
    const inner = server(surroundings);
    return {
      start(call, end) {
        const part = Math.min(1, surroundings.now() / overMs);
        inner.start({ ...call, serviceMs: call.serviceMs * (1 + (factor - 1) * part) }, end);
      },
    };
  };

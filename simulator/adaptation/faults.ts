/** What may be wrong with a server, or known of its answers, beside what the package's simulator has. */
import type { ServerMaker } from 'throttleai/testing';

/** A server that fails with a part of the calls, for no reason and after the usual time. */
export const withErrors = (part: number, server: ServerMaker): ServerMaker =>
  part === 0
    ? server
    : (surroundings) => {
        const inner = server(surroundings);
        const random = surroundings.random('errors');
        return {
          start(call, end) {
            const fails = random() < part;
            inner.start(call, (answer) => end(fails && answer.outcome === 'success' ? { outcome: 'error' } : answer));
          },
        };
      };

/** A server whose answers have so many output tokens a second that they take by themselves; undefined: it does not say. */
export const withTokens = (perSecond: number | undefined, server: ServerMaker): ServerMaker =>
  perSecond === undefined
    ? server
    : (surroundings) => {
        const inner = server(surroundings);
        return {
          start(call, end) {
            const outputTokens = Math.round((call.serviceMs / 1000) * perSecond);
            inner.start(call, (answer) => end({ ...answer, outputTokens }));
          },
        };
      };

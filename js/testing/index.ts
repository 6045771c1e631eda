/**
 * For tests: a mock provider with real sockets, a clock that moves only when told, and a simulator in virtual time. Only the
 * provider needs Node, whose `http` it loads when it is made.
 *
 * @module throttleai/testing
 * @example
 * import { createMockProvider } from 'throttleai/testing';
 *
 * const provider = await createMockProvider({ limits: { maxInFlight: 2 } });
 * const response = await fetch(`${provider.baseURL}/chat/completions`, {
 *   method: 'POST',
 *   body: JSON.stringify({ model: 'mock-small', messages: [{ role: 'user', content: 'Hello' }] }),
 * });
 * console.log(response.status); // 200
 * await provider.close();
 */
export { createTestClock, type TestClock } from '../core/test-clock.ts';
export { createMockProvider } from './server.ts';
export type { MockProvider } from './server.ts';
export type { MockFaults, MockLatency, MockLimits, MockProviderOptions } from './options.ts';
export type { MockProviderStats, MockUserStats } from './stats.ts';

export { simulate, type Simulation, type SimulationResult } from './simulator/simulate.ts';
export type { ActorResult } from './simulator/measures.ts';
export { governed, type QueueingGovernor } from './simulator/governed.ts';
export { burst, closedLoop, flippingPoisson, onOff, poisson, startingAt } from './simulator/arrivals.ts';
export { constant, exponential, lognormal, whole } from './simulator/distributions.ts';
export { askEvery, backOff, obey, shed } from './simulator/callers.ts';
export {
  queueingServer,
  rateLimitedServer,
  refusingServer,
  sharingServer,
  unlimitedServer,
} from './simulator/servers.ts';
export { withDrift, withOutage, type Outage } from './simulator/faults.ts';
export { jainIndex, maxMinFair, quantile, type Demand } from './simulator/statistics.ts';
export { createRandom, type Random } from './random.ts';
export type {
  Answer,
  Arrivals,
  CallEnd,
  Denied,
  Distribution,
  Schedule,
  Scheduler,
  SchedulerMaker,
  Server,
  ServerMaker,
  SimulatedActor,
  SimulatedCall,
  Source,
  Surroundings,
  WhenDenied,
} from './simulator/types.ts';

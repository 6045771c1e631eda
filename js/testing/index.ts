/**
 * For tests: a mock provider with real sockets, and a clock that moves only when told. Needs Node's `http`.
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

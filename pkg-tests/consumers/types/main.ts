// A consumer without DOM or Node types: every documented name, and what must not compile.
import {
  DeniedError,
  Governor,
  createGovernor,
  createStatsCollector,
  createTestClock,
  formatEvent,
  formatSnapshot,
  presets,
  retryAcquire,
  waitForRetry,
  withLease,
  withRetry,
} from 'throttleai';
import type {
  AcquireDecision,
  AcquireRequest,
  AdaptiveConfig,
  AnswerReader,
  AttemptReport,
  Clock,
  ConcurrencyConfig,
  Constraints,
  DeniedBy,
  DenyReason,
  FairnessConfig,
  GovernorConfig,
  GovernorEvent,
  GovernorEventHandler,
  GovernorEventType,
  GovernorSnapshot,
  LeaseOutcome,
  LimitsHint,
  Priority,
  RateConfig,
  ReleaseReport,
  StatsCollector,
  StatsSnapshot,
  TokenEstimate,
  WithLeaseOptions,
  WithLeaseResult,
  WithLeaseStrategy,
  WithRetryOptions,
} from 'throttleai';
import {
  wrapTool,
  classifyOutcome,
  type AdapterDenied,
  type AdapterGranted,
  type AdapterResult,
} from 'throttleai/adapters/tools';
import type { AdapterGovernor, AdapterOptions, WrapToolOptions } from 'throttleai/adapters/tools';
import { governedMiddleware, type GovernedMiddleware } from 'throttleai/adapters/ai-sdk';
import { governedFetch, type FetchFn } from 'throttleai/adapters/fetch';

const concurrency: ConcurrencyConfig = { maxInFlight: 5, interactiveReserve: 2 };
const rate: RateConfig = { requestsPerMinute: 60, tokensPerMinute: 100_000, windowMs: 60_000 };
const fairness: FairnessConfig = { softCapRatio: 0.6, starvationWindowMs: 5000 };
const adaptive: AdaptiveConfig = {
  alpha: 0.2,
  targetDenyRate: 0.05,
  latencyThreshold: 1.5,
  adjustIntervalMs: 5000,
  minConcurrency: 1,
};
const clock: Clock = () => 0;
const stats: StatsCollector = createStatsCollector();
const onEvent: GovernorEventHandler = (event: GovernorEvent) => {
  const type: GovernorEventType = event.type;
  if (event.type === 'deny') [event.cause, event.retryAt, event.limit] satisfies [unknown, unknown, string | undefined];
  event.retryAt satisfies number | null | undefined;
  stats.handler(event);
  formatEvent(event) satisfies string;
  formatEvent({ type, timestamp: 0, actorId: 'a', action: 'chat' }) satisfies string;
};
const config: GovernorConfig = {
  concurrency,
  rate,
  fairness,
  adaptive,
  leaseTtlMs: 60_000,
  reaperIntervalMs: 5000,
  strict: true,
  clock,
  onEvent,
};

const governor: Governor = createGovernor({ ...presets.balanced(), ...config, fairness: true, adaptive: true });
new Governor(presets.quiet()) satisfies Governor;
(createGovernor() instanceof Governor) satisfies boolean;
class Counting extends Governor {
  acquires = 0;
}
new Counting(presets.aggressive()).acquires satisfies number;

const priority: Priority = 'background';
const estimate: TokenEstimate = { promptTokens: 100, maxOutputTokens: 200, weight: 2 };
const request: AcquireRequest = { actorId: 'user-1', action: 'chat', priority, estimate, idempotencyKey: 'k' };
const decision = governor.acquire(request);
if (decision.granted) {
  decision.leaseId satisfies string;
  decision.expiresAt satisfies number;
  // @ts-expect-error a grant has no reason
  void decision.reason;
} else {
  const reason: DenyReason = decision.reason;
  const hint: LimitsHint | undefined = decision.limitsHint;
  decision.retryAfterMs satisfies number;
  decision.recommendation satisfies string;
  // What the governor itself returns has these for certain.
  decision.retryAt satisfies number | null;
  decision.cause satisfies string;
  void [reason, hint];
}

// Objects that users build need the documented fields only.
const constraints: Constraints = { maxOutputTokens: 10 };
const built: AcquireDecision[] = [
  { granted: true, leaseId: 'lease-1', expiresAt: 1, constraints },
  { granted: false, reason: 'rate', retryAfterMs: 25, recommendation: 'later' },
];
const outcome: LeaseOutcome = 'success';
const report: ReleaseReport = { outcome, latencyMs: 10, usage: { promptTokens: 1, outputTokens: 2 } };
governor.release('lease-1', report);
governor.release('lease-1');

const strategy: WithLeaseStrategy = 'wait-then-deny';
const options: WithLeaseOptions = { strategy, maxWaitMs: 10, maxAttempts: 2, initialBackoffMs: 5 };
export const answer: Promise<WithLeaseResult<number>> = withLease(governor, request, async () => 1, options);
// A governor's own denials keep all their fields on the way through the helpers.
export const until: Promise<number | null> = withLease(governor, request, () => 1).then((done) =>
  done.granted ? done.result : done.decision.retryAt,
);
export const cause = retryAcquire(governor, request).then((decision) => (decision.granted ? '' : decision.cause));
// So does the error of a wrapped function, for who says whose it is.
export const instant = (error: unknown): number | null | undefined =>
  DeniedError.isInstance<DeniedBy<Governor>>(error) ? error.decision.retryAt : undefined;
export const reason = (error: unknown): string | undefined =>
  DeniedError.isInstance(error) ? error.decision.cause : undefined;
export const absent: GovernorConfig = {
  rate: { requestsPerMinute: undefined, windowMs: null },
  caps: { actors: undefined },
};
export const maybe: AcquireRequest = { ...request, priority: undefined, estimate: { weight: undefined } };
export const old = withLease(governor, request, (grant) => grant.leaseId.length, { wait: true });
export const custom = withLease(
  { acquire: () => built[0] as AcquireDecision, release: () => {} },
  request,
  async () => 'text',
);
export const again: Promise<AcquireDecision> = retryAcquire({ acquire: () => built[1] as AcquireDecision }, request, {
  maxAttempts: 2,
});
export const slept: Promise<void> = waitForRetry(built[1] as AcquireDecision);
// What the function gives is what comes back; reports say by their outcome what else they have.
export const retried: Promise<number> = withRetry((attempt) => attempt + 1);
export const retriedLease = withRetry(() => withLease(governor, request, () => 'text'), { governor }).then((done) =>
  done.granted ? done.result.length : done.decision.retryAt,
);
export const reader: AnswerReader = ({ status }, { now }) => ({
  kind: status === 402 ? 'terminal' : 'transient',
  retryAt: now + 1,
});
export const retryOptions: WithRetryOptions = {
  readAnswer: reader,
  signal: null,
  model: undefined,
  onAttempt: (report: AttemptReport) =>
    report.outcome === 'retry' ? report.delayMs : report.outcome === 'failure' ? report.why : report.attempt,
};
// @ts-expect-error an option that does not exist
export const misspelt: WithRetryOptions = { retries: 3 };

const snapshot: GovernorSnapshot = governor.snapshot();
formatSnapshot(snapshot) satisfies string;
snapshot.concurrency?.inFlightWeight satisfies number | undefined;
snapshot.lastDeny?.actorId satisfies string | undefined;
const summary: StatsSnapshot = stats.snapshot();
summary.denyRate satisfies number;

const test = createTestClock(1000);
createGovernor({ clock: test }).acquire({ actorId: 'a', action: 'b' });
createGovernor({ clock: test.fn });
test.advance(5);
test.time satisfies number;

const numbers = [
  governor.activeLeases,
  governor.concurrencyActive,
  governor.concurrencyAvailable,
  governor.concurrencyEffectiveMax,
  governor.rateCount,
  governor.rateLimit,
  governor.tokenRateCount,
  governor.tokenRateLimit,
];
numbers satisfies number[];
governor.dispose();
governor.close();

const adapterOptions: AdapterOptions = { governor: governor satisfies AdapterGovernor };
const toolOptions: WrapToolOptions<[text: string]> = { ...adapterOptions, toolId: 'embed', costWeight: 2 };
const embed = wrapTool(async (text: string) => text.length, toolOptions);
export const embedded: Promise<AdapterResult<number>> = embed('text');
export const kinds = (result: AdapterGranted<number> | AdapterDenied): number =>
  result.ok ? result.result : result.decision.retryAfterMs;
classifyOutcome(new Error('x'), 500) satisfies LeaseOutcome;
// A governor's own denials keep all their fields on the way through the adapters, too.
export const searched: Promise<number | null> = wrapTool(() => 1, { governor, toolId: 'search' })().then((done) =>
  done.ok ? done.result : done.decision.retryAt,
);
const theirs = wrapTool(() => 1, {
  governor: { acquire: () => built[1] as AcquireDecision, release() {} },
  toolId: 't',
});
// @ts-expect-error an object of the user's need not say when
export const unsaid: Promise<number | null> = theirs().then((done) => (done.ok ? 1 : done.decision.retryAt));

// @ts-expect-error an action is needed
governor.acquire({ actorId: 'user-1' });
// @ts-expect-error no such priority
governor.acquire({ actorId: 'user-1', action: 'chat', priority: 'urgent' });
// @ts-expect-error no such field
createGovernor({ concurency: { maxInFlight: 1 } });
// @ts-expect-error the result is there only when granted
answer.then((result) => result.result);

// Closed at the end of the block.
export function scoped(): number {
  using governor = createGovernor(presets.quiet());
  return governor.activeLeases;
}

governedFetch(governor) satisfies FetchFn;
governedFetch(governor, {
  wait: false,
  onDenied: 'throw',
  actorId: ({ body }) => String(body?.['user']),
  estimate: ({ url }) => ({ promptTokens: url.length }),
}) satisfies FetchFn;
// @ts-expect-error there is no such answer
governedFetch(governor, { onDenied: 'later' });
const middleware: GovernedMiddleware = governedMiddleware(governor, { actorId: ({ model }) => model });
const generated = { content: ['x'], usage: { inputTokens: 1 } };
middleware.wrapGenerate({ doGenerate: async () => generated, params: {}, model: { modelId: 'm' } }) satisfies Promise<
  typeof generated
>;

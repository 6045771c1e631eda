/**
 * Every name of the main entry that needs no wasm: the explicit list. `Governor` and `createGovernor` are added by
 * `entrypoints/`, each with its own way of loading the wasm.
 */
export {
  ClosedError,
  ConfigError,
  DeniedError,
  GovernorError,
  InputError,
  LeaseLostError,
  PoisonedError,
} from './core/errors.ts';
export { formatEvent, formatSnapshot } from './core/format.ts';
export { presets } from './core/presets.ts';
export { retryAcquire, waitForRetry } from './core/retry.ts';
export { createStatsCollector } from './core/stats.ts';
export { createTestClock } from './core/test-clock.ts';
export { withLease } from './core/with-lease.ts';
export { withRetry } from './core/with-retry.ts';

export type { Lease } from './core/lease.ts';
export type { GovernorErrorCode } from './core/errors.ts';
export type { WaitForRetryOptions } from './core/retry.ts';
export type { TestClock } from './core/test-clock.ts';
export type {
  AcquireDecision,
  AcquireDenied,
  AcquireEvent,
  AcquireGranted,
  AcquireRequest,
  AdaptiveConfig,
  AnswerKind,
  AnswerReader,
  AnswerReading,
  AttemptReport,
  CapsConfig,
  Clock,
  ClockWithTimers,
  ConcurrencyConfig,
  Constraints,
  DeniedBy,
  DenyCause,
  DenyEvent,
  DenyReason,
  Diagnosis,
  DiscoveryConfig,
  Duration,
  ExpireEvent,
  FairnessConfig,
  GateEvent,
  GovernorConfig,
  GovernorDecision,
  GovernorDenied,
  GovernorEvent,
  GovernorEventFields,
  GovernorEventHandler,
  GovernorEventType,
  GovernorLike,
  GovernorOptions,
  GovernorSnapshot,
  HeadersInput,
  HiddenLimit,
  LeaseOutcome,
  Limit,
  LimitDiagnosis,
  LimitEvent,
  LimitKey,
  LimitRates,
  LimitWarnEvent,
  LimitsHint,
  Metric,
  ModelConfig,
  ModelsConfig,
  Observation,
  ObservedAnswer,
  ObservedLimit,
  ObserveOptions,
  Priority,
  Prices,
  ProviderAnswer,
  QueueConfig,
  RateConfig,
  RateString,
  ReleaseEvent,
  ReleaseReport,
  RetryBudgetConfig,
  RetryOptions,
  RetryStop,
  Scope,
  SettlePolicy,
  SignalLike,
  StatsCollector,
  StatsSnapshot,
  TokenEstimate,
  TokenUsage,
  Wait,
  WarnEvent,
  WithLeaseOptions,
  WithLeaseResult,
  WithLeaseStrategy,
  WithRetryOptions,
} from './core/types.ts';
export type { Fixed, FunctionOptions, Governed, OutputOf, PerCall, WrapOptions } from './core/types/wrap.ts';

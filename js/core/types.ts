/** The public types, by what they are about. */
export type {
  AnswerKind,
  AnswerReader,
  AnswerReading,
  HeadersInput,
  ObservedLimit,
  ProviderAnswer,
} from './types/answer.ts';
export type {
  AdaptiveConfig,
  CapsConfig,
  ConcurrencyConfig,
  FairnessConfig,
  GovernorConfig,
  GovernorOptions,
  QueueConfig,
  RateConfig,
  RetryBudgetConfig,
} from './types/config.ts';
export type { Diagnosis, LimitDiagnosis } from './types/diagnosis.ts';
export type { Duration, HiddenLimit, Limit, LimitRates, Metric, RateString, Scope } from './types/limits.ts';
export type { ModelConfig, ModelsConfig, Prices, SettlePolicy } from './types/models.ts';
export type { Clock, ClockWithTimers } from './types/clock.ts';
export type {
  AcquireRequest,
  LeaseOutcome,
  Priority,
  ReleaseReport,
  TokenEstimate,
  TokenUsage,
} from './types/request.ts';
export type {
  AcquireDecision,
  AcquireDenied,
  AcquireGranted,
  Constraints,
  DenyCause,
  DenyReason,
  GovernorDecision,
  GovernorDenied,
  LimitsHint,
} from './types/decision.ts';
export type {
  AcquireEvent,
  DenyEvent,
  ExpireEvent,
  GateEvent,
  GovernorEvent,
  GovernorEventFields,
  GovernorEventHandler,
  GovernorEventType,
  LimitEvent,
  LimitKey,
  LimitWarnEvent,
  ReleaseEvent,
  WarnEvent,
} from './types/events.ts';
export type { DiscoveryConfig, Observation, ObservedAnswer, ObserveOptions } from './types/observe.ts';
export type { GovernorSnapshot } from './types/snapshot.ts';
export type {
  DeniedBy,
  GovernorLike,
  RetryOptions,
  SignalLike,
  StatsCollector,
  StatsSnapshot,
  Wait,
  WithLeaseOptions,
  WithLeaseResult,
  WithLeaseStrategy,
} from './types/helpers.ts';
export type { AttemptReport, RetryStop, WithRetryOptions } from './types/retry.ts';

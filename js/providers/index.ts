/** What every form of `throttleai/providers` exports beside its functions. */
export { dialects } from './api.ts';
export { ConfigError, GovernorError, InputError } from '../core/errors.ts';
export type {
  AnswerKind,
  Dialect,
  DialectName,
  DialectTable,
  ErrorRow,
  HeadersInput,
  IgnoredPart,
  MeterRow,
  MomentFormat,
  ObservedLimit,
  PlaceRow,
  ProviderAnswer,
  ProviderCounts,
  ProviderLimit,
  ProviderMetric,
  ProviderReading,
  ProviderSettle,
  ProviderUsage,
  ReadOptions,
  RefusalReason,
  RetryRow,
  UsageRow,
} from './types.ts';

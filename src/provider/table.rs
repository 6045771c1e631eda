//! The dialects that come with the crate, as data. What a row says was documented by the provider, reported by its users or
//! measured; the fixtures in `vectors/providers/` name where. Providers change these often: change the row and add a fixture.

use alloc::borrow::Cow::Borrowed;

use super::date::Midnight;
use super::dialect::{
    Count, Counts, Dialect, ErrorRule, Hint, Kind, Meter, Settle, Source, Test, UsageRule, Why, Window, Word,
};
use super::moment::Format;

const MINUTE: Window = Window::Millis(60_000);
const HOUR: Window = Window::Millis(3_600_000);
const DAY: Window = Window::Millis(86_400_000);

/// The one that is spoken where no other is recognised.
pub(super) const GENERIC: &str = "generic";

const fn meter(header: &'static str, metric: &'static str, window: Window, reset: Format) -> Meter<'static> {
    Meter::new(header, metric, window, reset)
}

const fn header(name: &'static str, format: Format) -> Hint<'static> {
    Hint { source: Source::Header(name), after: "", format }
}

const fn body(path: &'static str, format: Format) -> Hint<'static> {
    Hint { source: Source::Body(path), after: "", format }
}

/// In a sentence, after these words.
const fn sentence(path: &'static str, after: &'static str, format: Format) -> Hint<'static> {
    Hint { source: Source::Body(path), after, format }
}

const fn is(path: &'static str, text: &'static str, kind: Kind, why: Why) -> ErrorRule<'static> {
    ErrorRule { status: 0, says: Some((Source::Body(path), Test::Is(text))), kind, why, until: None }
}

const fn contains(path: &'static str, text: &'static str, kind: Kind, why: Why) -> ErrorRule<'static> {
    ErrorRule { status: 0, says: Some((Source::Body(path), Test::Contains(text))), kind, why, until: None }
}

const fn header_contains(name: &'static str, text: &'static str, kind: Kind, why: Why) -> ErrorRule<'static> {
    ErrorRule { status: 0, says: Some((Source::Header(name), Test::Contains(text))), kind, why, until: None }
}

const fn until(rule: ErrorRule<'static>, midnight: Midnight) -> ErrorRule<'static> {
    ErrorRule { until: Some(midnight), ..rule }
}

const fn with(rule: ErrorRule<'static>, status: u16) -> ErrorRule<'static> {
    ErrorRule { status, ..rule }
}

const fn count(path: &'static str, count: Count) -> UsageRule<'static> {
    UsageRule { source: Source::Body(path), count, adds: false }
}

const fn plus(path: &'static str, count: Count) -> UsageRule<'static> {
    UsageRule { source: Source::Body(path), count, adds: true }
}

const fn counted_by(header: &'static str, count: Count) -> UsageRule<'static> {
    UsageRule { source: Source::Header(header), count, adds: false }
}

const COUNTS: Counts = Counts { settle: Settle::Actual, refused: false, cached_input: true };

const RETRY_AFTER: Hint = header("retry-after", Format::RETRY_AFTER);
const RETRY_AFTER_MS: Hint = header("retry-after-ms", Format::MILLIS);
const TRY_AGAIN_IN: Hint = sentence("error.message", "try again in ", Format::DURATION);

/// Errors of servers that speak like OpenAI.
const OPENAI_ERRORS: &[ErrorRule] = &[
    is("error.code", "insufficient_quota", Kind::Terminal, Why::Credit),
    is("error.type", "insufficient_quota", Kind::Terminal, Why::Credit),
    is("error.code", "credit_balance_exhausted", Kind::Terminal, Why::Credit),
    is("error.code", "organization_spend_limit_exceeded", Kind::Terminal, Why::Credit),
    is("error.code", "project_spend_limit_exceeded", Kind::Terminal, Why::Credit),
    is("error.code", "organization_usage_limit_exceeded", Kind::Terminal, Why::Quota),
    is("error.code", "billing_hard_limit_reached", Kind::Terminal, Why::Credit),
    is("error.code", "billing_not_active", Kind::Terminal, Why::Credit),
    contains("error.message", "request too large for", Kind::Other, Why::Size),
    is("error.code", "rate_limit_exceeded", Kind::Transient, Why::Rate),
];

/// Usage as OpenAI writes it: chat completions and embeddings; responses, also as an event of a stream.
const OPENAI_USAGE: &[UsageRule] = &[
    count("usage.prompt_tokens", Count::Input),
    count("usage.input_tokens", Count::Input),
    count("response.usage.input_tokens", Count::Input),
    count("x_groq.usage.prompt_tokens", Count::Input),
    count("usage.completion_tokens", Count::Output),
    count("usage.output_tokens", Count::Output),
    count("response.usage.output_tokens", Count::Output),
    count("x_groq.usage.completion_tokens", Count::Output),
    count("usage.total_tokens", Count::Total),
    count("response.usage.total_tokens", Count::Total),
    count("x_groq.usage.total_tokens", Count::Total),
    count("usage.prompt_tokens_details.cached_tokens", Count::CachedInput),
    count("usage.input_tokens_details.cached_tokens", Count::CachedInput),
    count("response.usage.input_tokens_details.cached_tokens", Count::CachedInput),
    count("x_groq.usage.prompt_tokens_details.cached_tokens", Count::CachedInput),
    count("usage.cost", Count::Cost),
    counted_by("x-ratelimit-tokens-query-cost", Count::Total),
];

/// Usage as Anthropic writes it; what touches the cache is not in `input_tokens`. In streams it is in `message_start`, and in
/// `message_delta` as in an answer.
const ANTHROPIC_USAGE: &[UsageRule] = &[
    count("usage.input_tokens", Count::Input),
    plus("usage.cache_creation_input_tokens", Count::Input),
    plus("usage.cache_read_input_tokens", Count::Input),
    count("message.usage.input_tokens", Count::Input),
    plus("message.usage.cache_creation_input_tokens", Count::Input),
    plus("message.usage.cache_read_input_tokens", Count::Input),
    count("usage.output_tokens", Count::Output),
    count("message.usage.output_tokens", Count::Output),
    count("usage.cache_read_input_tokens", Count::CachedInput),
    count("message.usage.cache_read_input_tokens", Count::CachedInput),
    count("usage.cache_creation_input_tokens", Count::CacheWrite),
    count("message.usage.cache_creation_input_tokens", Count::CacheWrite),
];

/// Usage as Google writes it; thoughts and tools are not in the counts of prompt and candidates.
const GOOGLE_USAGE: &[UsageRule] = &[
    count("usageMetadata.promptTokenCount", Count::Input),
    plus("usageMetadata.toolUsePromptTokenCount", Count::Input),
    count("usageMetadata.candidatesTokenCount", Count::Output),
    plus("usageMetadata.thoughtsTokenCount", Count::Output),
    count("usageMetadata.totalTokenCount", Count::Total),
    count("usageMetadata.cachedContentTokenCount", Count::CachedInput),
];

/// Claude in Vertex answers as it does at Anthropic.
const VERTEX_USAGE: &[UsageRule] = &[
    count("usageMetadata.promptTokenCount", Count::Input),
    count("usage.input_tokens", Count::Input),
    count("message.usage.input_tokens", Count::Input),
    plus("usageMetadata.toolUsePromptTokenCount", Count::Input),
    plus("usage.cache_creation_input_tokens", Count::Input),
    plus("usage.cache_read_input_tokens", Count::Input),
    plus("message.usage.cache_creation_input_tokens", Count::Input),
    plus("message.usage.cache_read_input_tokens", Count::Input),
    count("usageMetadata.candidatesTokenCount", Count::Output),
    count("usage.output_tokens", Count::Output),
    count("message.usage.output_tokens", Count::Output),
    plus("usageMetadata.thoughtsTokenCount", Count::Output),
    count("usageMetadata.totalTokenCount", Count::Total),
    count("usageMetadata.cachedContentTokenCount", Count::CachedInput),
    count("usage.cache_read_input_tokens", Count::CachedInput),
    count("message.usage.cache_read_input_tokens", Count::CachedInput),
    count("usage.cache_creation_input_tokens", Count::CacheWrite),
    count("message.usage.cache_creation_input_tokens", Count::CacheWrite),
];

/// Usage of Bedrock: Converse; Claude by `InvokeModel`; any model in the headers.
const BEDROCK_USAGE: &[UsageRule] = &[
    count("usage.inputTokens", Count::Input),
    plus("usage.cacheReadInputTokens", Count::Input),
    plus("usage.cacheWriteInputTokens", Count::Input),
    count("metadata.usage.inputTokens", Count::Input),
    plus("metadata.usage.cacheReadInputTokens", Count::Input),
    plus("metadata.usage.cacheWriteInputTokens", Count::Input),
    count("usage.input_tokens", Count::Input),
    plus("usage.cache_creation_input_tokens", Count::Input),
    plus("usage.cache_read_input_tokens", Count::Input),
    count("amazon-bedrock-invocationMetrics.inputTokenCount", Count::Input),
    counted_by("x-amzn-bedrock-input-token-count", Count::Input),
    count("usage.outputTokens", Count::Output),
    count("metadata.usage.outputTokens", Count::Output),
    count("usage.output_tokens", Count::Output),
    count("amazon-bedrock-invocationMetrics.outputTokenCount", Count::Output),
    counted_by("x-amzn-bedrock-output-token-count", Count::Output),
    count("usage.totalTokens", Count::Total),
    count("metadata.usage.totalTokens", Count::Total),
    count("usage.cacheReadInputTokens", Count::CachedInput),
    count("metadata.usage.cacheReadInputTokens", Count::CachedInput),
    count("usage.cache_read_input_tokens", Count::CachedInput),
    count("usage.cacheWriteInputTokens", Count::CacheWrite),
    count("metadata.usage.cacheWriteInputTokens", Count::CacheWrite),
    count("usage.cache_creation_input_tokens", Count::CacheWrite),
];

/// Usage of Cohere: its second version, the end of its streams, its first version.
const COHERE_USAGE: &[UsageRule] = &[
    count("usage.tokens.input_tokens", Count::Input),
    count("delta.usage.tokens.input_tokens", Count::Input),
    count("meta.tokens.input_tokens", Count::Input),
    count("meta.billed_units.input_tokens", Count::Input),
    count("usage.tokens.output_tokens", Count::Output),
    count("delta.usage.tokens.output_tokens", Count::Output),
    count("meta.tokens.output_tokens", Count::Output),
    count("meta.billed_units.output_tokens", Count::Output),
    count("usage.cached_tokens", Count::CachedInput),
];

const OPENAI: Dialect = Dialect {
    name: "openai",
    hosts: Borrowed(&["api.openai.com", "*.api.openai.com"]),
    signs: Borrowed(&["openai-organization", "openai-project"]),
    meters: Borrowed(&[
        // By the day or by the minute, as the account has it.
        meter("x-ratelimit-*-requests", "requests", Window::Unknown, Format::DURATION).full(),
        meter("x-ratelimit-*-tokens", "tokens", MINUTE, Format::DURATION).full(),
        meter("x-ratelimit-*-project-tokens", "tokens", MINUTE, Format::DURATION).full().in_pool("project"),
        meter("x-ratelimit-*-tokens_usage_based", "tokens", MINUTE, Format::DURATION).full().in_pool("usage-based"),
    ]),
    ietf: false,
    retry: Borrowed(&[RETRY_AFTER_MS, RETRY_AFTER, TRY_AGAIN_IN]),
    errors: Borrowed(OPENAI_ERRORS),
    usage: Borrowed(OPENAI_USAGE),
    counts: Counts { settle: Settle::Reserved, refused: true, cached_input: true },
};

const AZURE_OPENAI: Dialect = Dialect {
    name: "azure-openai",
    hosts: Borrowed(&[
        "*.openai.azure.com",
        "*.cognitiveservices.azure.com",
        "*.services.ai.azure.com",
        "*.models.ai.azure.com",
    ]),
    signs: Borrowed(&[
        "apim-request-id",
        "azureml-model-session",
        "x-ratelimit-renewalperiod-*",
        "x-ratelimit-abusepenalty-active",
    ]),
    meters: Borrowed(&[
        meter("x-ratelimit-*-requests", "requests", MINUTE, Format::SECONDS),
        meter("x-ratelimit-*-tokens", "tokens", MINUTE, Format::SECONDS),
        // Seen for a while on refusals.
        meter("x-rate-limit-*-requests", "requests", MINUTE, Format::SECONDS),
        meter("x-rate-limit-*-tokens", "tokens", MINUTE, Format::SECONDS),
    ]),
    ietf: false,
    retry: Borrowed(&[
        RETRY_AFTER_MS,
        RETRY_AFTER,
        header("x-ratelimit-timeremaining", Format::SECONDS),
        sentence("error.message", "retry after ", Format::SECONDS),
        sentence("error.message", "please wait ", Format::SECONDS),
        sentence("message", "replenished in ", Format::CLOCK),
    ]),
    // The word "quota" is in retryable refusals too: only API Management's 403 means one that is used up.
    errors: Borrowed(&[
        with(contains("message", "quota", Kind::Terminal, Why::Quota), 403),
        with(contains("error.message", "quota", Kind::Terminal, Why::Quota), 403),
        header_contains("x-ratelimit-type", "ByDay", Kind::Terminal, Why::Quota),
        is("error.code", "insufficient_quota", Kind::Terminal, Why::Credit),
        is("error.code", "NoCapacity", Kind::Overload, Why::Capacity),
    ]),
    usage: Borrowed(OPENAI_USAGE),
    counts: Counts { settle: Settle::Reserved, refused: true, cached_input: true },
};

const GITHUB_MODELS: Dialect = Dialect {
    name: "github-models",
    hosts: Borrowed(&["models.github.ai", "models.inference.ai.azure.com"]),
    signs: Borrowed(&[]),
    ..AZURE_OPENAI
};

const ANTHROPIC: Dialect = Dialect {
    name: "anthropic",
    hosts: Borrowed(&["api.anthropic.com"]),
    signs: Borrowed(&["anthropic-ratelimit-*", "anthropic-priority-*", "anthropic-organization-id"]),
    meters: Borrowed(&[
        meter("anthropic-ratelimit-requests-*", "requests", MINUTE, Format::RFC3339).full(),
        meter("anthropic-ratelimit-tokens-*", "tokens", MINUTE, Format::RFC3339).full().rounded(1000),
        meter("anthropic-ratelimit-input-tokens-*", "inputTokens", MINUTE, Format::RFC3339).full().rounded(1000),
        meter("anthropic-ratelimit-output-tokens-*", "outputTokens", MINUTE, Format::RFC3339).full().rounded(1000),
        meter("anthropic-priority-input-tokens-*", "inputTokens", MINUTE, Format::RFC3339)
            .full()
            .rounded(1000)
            .in_pool("priority"),
        meter("anthropic-priority-output-tokens-*", "outputTokens", MINUTE, Format::RFC3339)
            .full()
            .rounded(1000)
            .in_pool("priority"),
        // Subscriptions: a part of what is allowed, which is not said.
        meter("anthropic-ratelimit-unified-5h-*", "subscription", Window::Millis(18_000_000), Format::EPOCH_OR_RFC3339),
        meter(
            "anthropic-ratelimit-unified-7d-*",
            "subscription",
            Window::Millis(604_800_000),
            Format::EPOCH_OR_RFC3339,
        ),
        meter("anthropic-ratelimit-unified-*", "subscription", Window::Unknown, Format::EPOCH_OR_RFC3339),
    ]),
    ietf: false,
    retry: Borrowed(&[RETRY_AFTER]),
    errors: Borrowed(&[
        is("error.type", "overloaded_error", Kind::Overload, Why::Capacity),
        is("error.type", "billing_error", Kind::Terminal, Why::Credit),
        contains("error.message", "credit balance is too low", Kind::Terminal, Why::Credit),
        is("error.type", "enforced_spend_limit_reached", Kind::Terminal, Why::Credit),
        is("error.code", "enforced_spend_limit_reached", Kind::Terminal, Why::Credit),
        is("error.details.error_code", "enforced_spend_limit_reached", Kind::Terminal, Why::Credit),
        contains("error.message", "enforced_spend_limit_reached", Kind::Terminal, Why::Credit),
        is("error.type", "request_too_large", Kind::Other, Why::Size),
        is("error.type", "rate_limit_error", Kind::Transient, Why::Rate),
    ]),
    usage: Borrowed(ANTHROPIC_USAGE),
    counts: Counts { settle: Settle::Actual, refused: false, cached_input: false },
};

const GEMINI: Dialect = Dialect {
    name: "gemini",
    hosts: Borrowed(&["generativelanguage.googleapis.com", "cloudcode-pa.googleapis.com"]),
    signs: Borrowed(&[]),
    meters: Borrowed(&[]),
    ietf: false,
    retry: Borrowed(&[
        RETRY_AFTER,
        body("error.details[].retryDelay", Format::DURATION),
        body("error.details[].metadata.quotaResetDelay", Format::DURATION),
        body("error.details[].metadata.quotaResetTimeStamp", Format::RFC3339),
        sentence("error.message", "retry in ", Format::DURATION),
        sentence("error.message", "reset after ", Format::DURATION),
        sentence("error.message", "resets in ", Format::DURATION),
    ]),
    errors: Borrowed(&[
        // Zero: the model is not on this tier.
        contains("error.message", "limit: 0,", Kind::Terminal, Why::Quota),
        until(
            contains("error.details[].violations[].quotaId", "PerDay", Kind::Terminal, Why::Quota),
            Midnight::Pacific,
        ),
        until(
            contains("error.details[].metadata.quota_limit", "PerDay", Kind::Terminal, Why::Quota),
            Midnight::Pacific,
        ),
        is("error.details[].reason", "QUOTA_EXHAUSTED", Kind::Terminal, Why::Quota),
        is("error.details[].reason", "MODEL_CAPACITY_EXHAUSTED", Kind::Overload, Why::Capacity),
        is("error.details[].reason", "API_KEY_INVALID", Kind::Terminal, Why::Auth),
        is("error.status", "RESOURCE_EXHAUSTED", Kind::Transient, Why::Rate),
        is("error.status", "UNAVAILABLE", Kind::Overload, Why::Capacity),
    ]),
    usage: Borrowed(GOOGLE_USAGE),
    counts: Counts { settle: Settle::Input, refused: false, cached_input: true },
};

/// Its quota is shared by all: it refuses and says nothing.
const VERTEX: Dialect = Dialect {
    name: "vertex",
    hosts: Borrowed(&["aiplatform.googleapis.com", "*-aiplatform.googleapis.com", "aiplatform.*.rep.googleapis.com"]),
    usage: Borrowed(VERTEX_USAGE),
    counts: COUNTS,
    ..GEMINI
};

const BEDROCK: Dialect = Dialect {
    name: "bedrock",
    hosts: Borrowed(&["bedrock-runtime*.amazonaws.com", "bedrock-runtime*.api.aws", "bedrock-mantle*.api.aws"]),
    signs: Borrowed(&["x-amzn-bedrock-*", "x-amzn-errortype"]),
    meters: Borrowed(&[]),
    ietf: false,
    retry: Borrowed(&[RETRY_AFTER]),
    errors: Borrowed(&[
        contains("message", "per day", Kind::Terminal, Why::Quota),
        header_contains("x-amzn-errortype", "ServiceQuotaExceeded", Kind::Terminal, Why::Quota),
        header_contains("x-amzn-errortype", "ModelNotReady", Kind::Overload, Why::Capacity),
        header_contains("x-amzn-errortype", "ServiceUnavailable", Kind::Overload, Why::Capacity),
        header_contains("x-amzn-errortype", "AccessDenied", Kind::Terminal, Why::Auth),
        header_contains("x-amzn-errortype", "Throttling", Kind::Transient, Why::Rate),
        contains("__type", "Throttling", Kind::Transient, Why::Rate),
    ]),
    usage: Borrowed(BEDROCK_USAGE),
    counts: COUNTS,
};

const GROQ: Dialect = Dialect {
    name: "groq",
    hosts: Borrowed(&["api.groq.com"]),
    signs: Borrowed(&["x-groq-*"]),
    meters: Borrowed(&[
        meter("x-ratelimit-*-requests", "requests", DAY, Format::DURATION).full(),
        meter("x-ratelimit-*-tokens", "tokens", MINUTE, Format::DURATION).full(),
    ]),
    counts: Counts { settle: Settle::Headers, refused: false, cached_input: false },
    ..OPENAI
};

const MISTRAL: Dialect = Dialect {
    name: "mistral",
    hosts: Borrowed(&["api.mistral.ai", "codestral.mistral.ai"]),
    signs: Borrowed(&["x-ratelimit-limit-req-minute", "x-ratelimit-tokens-query-cost"]),
    meters: Borrowed(&[
        meter("x-ratelimit-*-req-minute", "requests", MINUTE, Format::SECONDS),
        meter("x-ratelimit-*-tokens-minute", "tokens", MINUTE, Format::SECONDS),
        meter("x-ratelimit-*-req-month", "requests", Window::Month, Format::SECONDS),
        meter("x-ratelimit-*-tokens-month", "tokens", Window::Month, Format::SECONDS),
    ]),
    counts: Counts { settle: Settle::Headers, refused: false, cached_input: true },
    ..OPENAI
};

const CEREBRAS: Dialect = Dialect {
    name: "cerebras",
    hosts: Borrowed(&["api.cerebras.ai"]),
    signs: Borrowed(&["cerebras-*", "x-ratelimit-limit-requests-minute", "x-ratelimit-limit-requests-day"]),
    meters: Borrowed(&[
        meter("x-ratelimit-*-requests-minute", "requests", MINUTE, Format::DURATION_OR_SECONDS),
        meter("x-ratelimit-*-requests-hour", "requests", HOUR, Format::DURATION_OR_SECONDS),
        meter("x-ratelimit-*-requests-day", "requests", DAY, Format::DURATION_OR_SECONDS),
        meter("x-ratelimit-*-tokens-minute", "tokens", MINUTE, Format::DURATION_OR_SECONDS),
        meter("x-ratelimit-*-tokens-hour", "tokens", HOUR, Format::DURATION_OR_SECONDS),
        meter("x-ratelimit-*-tokens-day", "tokens", DAY, Format::DURATION_OR_SECONDS),
    ]),
    errors: Borrowed(&[
        is("code", "queue_exceeded", Kind::Overload, Why::Capacity),
        is("error.code", "queue_exceeded", Kind::Overload, Why::Capacity),
    ]),
    counts: COUNTS,
    ..OPENAI
};

const OPENROUTER: Dialect = Dialect {
    name: "openrouter",
    hosts: Borrowed(&["openrouter.ai", "*.openrouter.ai"]),
    signs: Borrowed(&[]),
    // A day for free models, else a minute.
    meters: Borrowed(&[meter("x-ratelimit-*", "requests", Window::Unknown, Format::EPOCH_MILLIS)]),
    retry: Borrowed(&[RETRY_AFTER, body("error.metadata.headers.X-RateLimit-Reset", Format::EPOCH_MILLIS)]),
    errors: Borrowed(&[
        until(
            is("error.metadata.limit_source", "openrouter_free_tier_daily", Kind::Terminal, Why::Quota),
            Midnight::Utc,
        ),
        until(contains("error.message", "free-models-per-day", Kind::Terminal, Why::Quota), Midnight::Utc),
        with(ErrorRule { status: 0, says: None, kind: Kind::Terminal, why: Why::Credit, until: None }, 402),
    ]),
    counts: COUNTS,
    ..OPENAI
};

const TOGETHER: Dialect = Dialect {
    name: "together",
    hosts: Borrowed(&["api.together.xyz", "api.together.ai"]),
    signs: Borrowed(&["x-together-*"]),
    meters: Borrowed(&[
        meter("x-ratelimit-*", "requests", Window::Unknown, Format::SECONDS),
        meter("x-tokenlimit-*", "tokens", Window::Unknown, Format::SECONDS),
    ]),
    retry: Borrowed(&[RETRY_AFTER, header("x-ratelimit-reset", Format::SECONDS)]),
    counts: COUNTS,
    ..OPENAI
};

const COHERE: Dialect = Dialect {
    name: "cohere",
    hosts: Borrowed(&["api.cohere.com", "api.cohere.ai"]),
    signs: Borrowed(&["x-trial-endpoint-call-*", "x-endpoint-monthly-call-*"]),
    meters: Borrowed(&[meter("x-trial-endpoint-call-*", "requests", MINUTE, Format::SECONDS).in_pool("trial")]),
    retry: Borrowed(&[RETRY_AFTER]),
    errors: Borrowed(&[]),
    usage: Borrowed(COHERE_USAGE),
    counts: COUNTS,
    ..OPENAI
};

const WORKERS_AI: Dialect = Dialect {
    name: "workers-ai",
    hosts: Borrowed(&["api.cloudflare.com"]),
    signs: Borrowed(&[]),
    meters: Borrowed(&[]),
    ietf: true,
    retry: Borrowed(&[RETRY_AFTER]),
    errors: Borrowed(&[
        until(is("errors[].code", "3036", Kind::Terminal, Why::Quota), Midnight::Utc),
        until(is("errors[].code", "4006", Kind::Terminal, Why::Quota), Midnight::Utc),
        until(contains("errors[].message", "daily free allocation", Kind::Terminal, Why::Quota), Midnight::Utc),
        until(contains("text", "daily free allocation", Kind::Terminal, Why::Quota), Midnight::Utc),
        is("errors[].code", "3040", Kind::Overload, Why::Capacity),
    ]),
    usage: Borrowed(&[
        count("result.usage.prompt_tokens", Count::Input),
        count("usage.prompt_tokens", Count::Input),
        count("result.usage.completion_tokens", Count::Output),
        count("usage.completion_tokens", Count::Output),
        count("result.usage.total_tokens", Count::Total),
        count("usage.total_tokens", Count::Total),
    ]),
    counts: COUNTS,
};

const DATABRICKS: Dialect = Dialect {
    name: "databricks",
    hosts: Borrowed(&["*.cloud.databricks.com", "*.azuredatabricks.net", "*.gcp.databricks.com"]),
    signs: Borrowed(&["x-databricks-*"]),
    meters: Borrowed(&[]),
    errors: Borrowed(&[
        is("error_code", "REQUEST_LIMIT_EXCEEDED", Kind::Transient, Why::Rate),
        is("error_code", "RESOURCE_EXHAUSTED", Kind::Transient, Why::Rate),
        is("error_code", "TEMPORARILY_UNAVAILABLE", Kind::Overload, Why::Capacity),
    ]),
    counts: Counts { settle: Settle::Reserved, refused: false, cached_input: true },
    ..OPENAI
};

const VENICE: Dialect = Dialect {
    name: "venice",
    hosts: Borrowed(&["api.venice.ai"]),
    signs: Borrowed(&["x-venice-*"]),
    meters: Borrowed(&[
        meter("x-ratelimit-*-requests", "requests", Window::Unknown, Format::EPOCH_SECONDS),
        // Documented as seconds to wait, measured as an instant.
        meter("x-ratelimit-*-tokens", "tokens", Window::Unknown, Format::SECONDS_OR_EPOCH),
        Meter {
            says: Some(Word::Remaining),
            ..meter("x-venice-balance-usd", "costUsd", Window::Unknown, Format::SECONDS)
        }
        .in_pool("balance"),
    ]),
    retry: Borrowed(&[
        RETRY_AFTER,
        sentence("error", "please wait ", Format::DURATION),
        sentence("error.message", "please wait ", Format::DURATION),
    ]),
    counts: COUNTS,
    ..OPENAI
};

const ANY: Format = Format::ANY;

const GENERIC_DIALECT: Dialect = Dialect {
    name: GENERIC,
    hosts: Borrowed(&[]),
    signs: Borrowed(&[]),
    meters: Borrowed(&[
        meter("x-ratelimit-*", "requests", Window::Unknown, ANY),
        meter("x-rate-limit-*", "requests", Window::Unknown, ANY),
        meter("x-ratelimit-*-requests", "requests", Window::Unknown, ANY),
        meter("x-ratelimit-*-tokens", "tokens", Window::Unknown, ANY),
        meter("x-ratelimit-*-input-tokens", "inputTokens", Window::Unknown, ANY),
        meter("x-ratelimit-*-output-tokens", "outputTokens", Window::Unknown, ANY),
        meter("x-ratelimit-*-requests-minute", "requests", MINUTE, ANY),
        meter("x-ratelimit-*-requests-hour", "requests", HOUR, ANY),
        meter("x-ratelimit-*-requests-1h", "requests", HOUR, ANY),
        meter("x-ratelimit-*-requests-day", "requests", DAY, ANY),
        meter("x-ratelimit-*-tokens-minute", "tokens", MINUTE, ANY),
        meter("x-ratelimit-*-tokens-hour", "tokens", HOUR, ANY),
        meter("x-ratelimit-*-tokens-1h", "tokens", HOUR, ANY),
        meter("x-ratelimit-*-tokens-day", "tokens", DAY, ANY),
    ]),
    ietf: true,
    retry: Borrowed(&[
        RETRY_AFTER_MS,
        RETRY_AFTER,
        header("x-ratelimit-retry-after", Format::RETRY_AFTER),
        body("retry_after", Format::SECONDS),
        body("error.retry_after", Format::SECONDS),
        TRY_AGAIN_IN,
    ]),
    counts: COUNTS,
    ..OPENAI
};

/// All of them.
pub(super) static TABLE: [Dialect<'static>; 17] = [
    OPENAI,
    AZURE_OPENAI,
    GITHUB_MODELS,
    ANTHROPIC,
    GEMINI,
    VERTEX,
    BEDROCK,
    GROQ,
    MISTRAL,
    CEREBRAS,
    OPENROUTER,
    TOGETHER,
    COHERE,
    WORKERS_AI,
    DATABRICKS,
    VENICE,
    GENERIC_DIALECT,
];

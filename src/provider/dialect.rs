//! Decides nothing: what a dialect is made of, as data. Those that come with the crate are in `table`, users write their own in the
//! same form (`define`). Everything borrows, so that a table costs nothing to use.

use alloc::borrow::Cow;

use super::date::Midnight;
use super::moment::Format;

/// Rows of a table.
pub type Rows<'a, T> = Cow<'a, [T]>;

/// How one provider speaks and counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Dialect<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Hosts it is spoken by; `*.` in front: and all below.
    pub hosts: Rows<'a, &'a str>,
    /// Headers that nobody else sends; `*` at the end: all that begin so.
    pub signs: Rows<'a, &'a str>,
    /// Headers with limits and what remains of them.
    pub meters: Rows<'a, Meter<'a>>,
    /// The fields of the IETF's drafts are read too.
    pub ietf: bool,
    /// Where it says when to come back, the most trustworthy first.
    pub retry: Rows<'a, Hint<'a>>,
    /// What a refusal means: the first row that fits.
    pub errors: Rows<'a, ErrorRule<'a>>,
    /// Where usage is found.
    pub usage: Rows<'a, UsageRule<'a>>,
    /// What counts against its limits.
    pub counts: Counts,
}

/// A place in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A header, in lower case.
    Header(&'a str),
    /// The path of a leaf of the body, see `body`.
    Body(&'a str),
}

/// What a header says of a limit: the word that `*` stands for in the name of a [`Meter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// How much is allowed.
    Limit,
    /// How much is left.
    Remaining,
    /// When there will be more.
    Reset,
    /// How much is gone.
    Used,
    /// How long the window is, in seconds.
    RenewalPeriod,
    /// Which part is gone, of 1.
    Utilization,
}

impl Word {
    /// All of them, as they stand in names of headers.
    pub(super) const NAMES: [(&'static str, Self); 6] = [
        ("limit", Self::Limit),
        ("remaining", Self::Remaining),
        ("reset", Self::Reset),
        ("used", Self::Used),
        ("renewalperiod", Self::RenewalPeriod),
        ("utilization", Self::Utilization),
    ];
}

/// For how long a limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// The header does not say, and it differs.
    #[default]
    Unknown,
    /// Milliseconds.
    Millis(u64),
    /// A day of the calendar.
    Day,
    /// A month of the calendar.
    Month,
}

/// Headers about one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter<'a> {
    /// The name in lower case, with a `*` for the [`Word`], or without and with `says`.
    pub header: &'a str,
    /// The word of a name without `*`.
    pub says: Option<Word>,
    /// What is counted: `requests`, `tokens`, `inputTokens`, `outputTokens`, `costUsd` or another name.
    pub metric: &'a str,
    /// For how long.
    pub window: Window,
    /// Which of several limits with this metric and window; empty: the usual one.
    pub pool: &'a str,
    /// How the reset is written.
    pub reset: Format,
    /// The reset is when all will be there again, not when the window ends.
    pub full: bool,
    /// What remains is rounded to this; 0: it is not.
    pub rounded_to: u32,
}

impl<'a> Meter<'a> {
    /// A usual limit.
    #[must_use]
    pub const fn new(header: &'a str, metric: &'a str, window: Window, reset: Format) -> Self {
        Self { header, says: None, metric, window, pool: "", reset, full: false, rounded_to: 0 }
    }

    /// One whose reset is when all will be there again.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { full: true, ..self }
    }

    /// One beside the usual one.
    #[must_use]
    pub const fn in_pool(self, pool: &'a str) -> Self {
        Self { pool, ..self }
    }

    /// One that is rounded.
    #[must_use]
    pub const fn rounded(self, to: u32) -> Self {
        Self { rounded_to: to, ..self }
    }
}

/// A place that says when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint<'a> {
    /// Where.
    pub source: Source<'a>,
    /// Words in front of it, where it stands in a sentence; empty: it is all there is.
    pub after: &'a str,
    /// How it is written.
    pub format: Format,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was answered.
    Ok,
    /// Too much at the moment: a rate limit.
    Transient,
    /// The provider has no room, whoever asks.
    Overload,
    /// It will be the same until somebody acts, or a day begins.
    Terminal,
    /// Anything else; nothing is known about limits.
    Other,
}

impl Kind {
    /// All of them, by name.
    pub(super) const NAMES: [(&'static str, Self); 5] = [
        ("ok", Self::Ok),
        ("transient", Self::Transient),
        ("overload", Self::Overload),
        ("terminal", Self::Terminal),
        ("other", Self::Other),
    ];
}

/// Why, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Too many calls or tokens in a window.
    Rate,
    /// The quota of a day or a plan is used up.
    Quota,
    /// No money left, or no more may be spent.
    Credit,
    /// Not allowed, or not known who asks.
    Auth,
    /// The provider is busy.
    Capacity,
    /// This one call is larger than the limit: waiting cannot help.
    Size,
}

impl Why {
    /// All of them, by name.
    pub(super) const NAMES: [(&'static str, Self); 6] = [
        ("rate", Self::Rate),
        ("quota", Self::Quota),
        ("credit", Self::Credit),
        ("auth", Self::Auth),
        ("capacity", Self::Capacity),
        ("size", Self::Size),
    ];
}

/// What a place in a refusal must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test<'a> {
    /// This, in any case of letters.
    Is(&'a str),
    /// This somewhere, in any case of letters.
    Contains(&'a str),
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorRule<'a> {
    /// The status; 0: any.
    pub status: u16,
    /// What it must say, and where; `None`: the status is enough.
    pub says: Option<(Source<'a>, Test<'a>)>,
    /// What came of the call.
    pub kind: Kind,
    /// Why.
    pub why: Why,
    /// It is over at the next midnight.
    pub until: Option<Midnight>,
}

/// A count of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Tokens of the prompt, cached ones included.
    Input,
    /// Tokens of the answer, with those of its reasoning.
    Output,
    /// Both together.
    Total,
    /// Tokens of the prompt that were read from a cache.
    CachedInput,
    /// Tokens of the prompt that were written into a cache.
    CacheWrite,
    /// Dollars.
    Cost,
}

impl Count {
    /// All of them, by name, in the order of `Usage`.
    pub(super) const NAMES: [(&'static str, Self); 6] = [
        ("inputTokens", Self::Input),
        ("outputTokens", Self::Output),
        ("totalTokens", Self::Total),
        ("cachedInputTokens", Self::CachedInput),
        ("cacheWriteTokens", Self::CacheWrite),
        ("costUsd", Self::Cost),
    ];
}

/// Where a count is found. Of several rows for one count the first that is there is taken, and all that `add` are added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageRule<'a> {
    /// Where.
    pub source: Source<'a>,
    /// What.
    pub count: Count,
    /// It comes on top of the one that is taken.
    pub adds: bool,
}

/// How a reservation becomes the charge of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// It is corrected to the real usage.
    Actual,
    /// It stays: nothing comes back within the window.
    Reserved,
    /// Only input counts.
    Input,
    /// The answer says what is left, or what it cost.
    Headers,
}

impl Settle {
    /// All of them, by name.
    pub(super) const NAMES: [(&'static str, Self); 4] =
        [("actual", Self::Actual), ("reserved", Self::Reserved), ("input", Self::Input), ("headers", Self::Headers)];
}

/// What counts against the limits of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// How a call is settled.
    pub settle: Settle,
    /// A refused call counts too.
    pub refused: bool,
    /// Tokens that were read from a cache count.
    pub cached_input: bool,
}

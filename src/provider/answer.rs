//! Decides nothing: what goes in and what comes out. A [`Reading`] is plain data, so that whoever limits by it needs to read no
//! string again.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::dialect::{Counts, Dialect, Kind, Source, Why, Window};
use super::moment::NoMoment;
use super::number::{Amount, NoAmount};
use crate::time::Instant;

/// What a provider answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    /// The status; `None` where there was none, as in an event of a stream.
    pub status: Option<u16>,
    /// Names in any case, values as they came. Of more than 256 the rest is not looked at.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, as far as it is known.
    pub body: Option<&'a str>,
    /// When it came, in Unix time: instants of the provider are told in it.
    pub now: Instant,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The dialect's name.
    pub dialect: String,
    /// What came of the call.
    pub kind: Kind,
    /// Why it was not answered.
    pub why: Option<Why>,
    /// The provider's word for it.
    pub code: Option<String>,
    /// When to come back, and what said it: a header, a path of the body, `reset` or `midnight`.
    pub retry: Option<(Instant, String)>,
    /// Limits, in the order of the headers.
    pub limits: Vec<Limit>,
    /// What the call used.
    pub usage: Usage,
    /// What was not understood.
    pub ignored: Vec<Ignored>,
    /// By how many microseconds the provider's clock is ahead; 0 where nothing says that it is.
    pub skew_us: i64,
    /// What counts against its limits.
    pub counts: Counts,
}

/// A limit as the provider sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limit {
    /// What is counted.
    pub metric: String,
    /// For how long.
    pub window: Window,
    /// Which of several limits with this metric and window; empty: the usual one.
    pub pool: String,
    /// How much is allowed.
    pub limit: Option<Amount>,
    /// How much is left; never more than was said.
    pub remaining: Option<Amount>,
    /// When there will be more.
    pub reset_at: Option<Instant>,
    /// `reset_at` is when all will be there again.
    pub full: bool,
    /// `remaining` is rounded to this; 0: it is not.
    pub rounded_to: u32,
    /// The headers that said it.
    pub from: Vec<String>,
}

/// What a call used, as far as the answer says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
    /// Both, as the provider adds them up.
    pub total_tokens: Option<u64>,
    /// Of the prompt's: read from a cache.
    pub cached_input_tokens: Option<u64>,
    /// Of the prompt's: written into a cache.
    pub cache_write_tokens: Option<u64>,
    /// In millionths of a dollar, rounded up.
    pub cost_micros: Option<u64>,
}

/// A part of an answer that was not understood: it has changed nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Ignored {
    /// The header or the path of the body.
    pub place: String,
    /// It is a header.
    pub header: bool,
    /// The beginning of what it said.
    pub value: String,
    /// Why.
    pub reason: Reason,
}

/// Why a part of an answer was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No number where one is expected.
    NotANumber,
    /// Not written as the dialect says.
    Format,
    /// A number that means "not known" or "no limit".
    Sentinel,
    /// An instant that is long past or more than a year ahead, or a part above 2.
    OutOfRange,
    /// It says something else than an earlier one with the same name.
    Conflict,
    /// Longer than anything that makes sense.
    TooLong,
    /// The body is not JSON from some place on.
    NotJson,
}

impl Reason {
    /// As it is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotANumber => "not-a-number",
            Self::Format => "format",
            Self::Sentinel => "sentinel",
            Self::OutOfRange => "out-of-range",
            Self::Conflict => "conflict",
            Self::TooLong => "too-long",
            Self::NotJson => "not-json",
        }
    }
}

impl From<NoAmount> for Reason {
    fn from(why: NoAmount) -> Self {
        match why {
            NoAmount::NotANumber => Self::NotANumber,
            NoAmount::Sentinel => Self::Sentinel,
        }
    }
}

impl From<NoMoment> for Reason {
    fn from(why: NoMoment) -> Self {
        match why {
            NoMoment::Unreadable => Self::Format,
            NoMoment::Sentinel => Self::Sentinel,
            NoMoment::Unbelievable => Self::OutOfRange,
        }
    }
}

/// Most parts that are listed as ignored.
const IGNORED_MAX: usize = 32;
/// Of a value that was ignored this much is told, in characters.
const VALUE_CHARS_MAX: usize = 64;

/// Notes what was not understood.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) Vec<Ignored>);

impl Notes {
    pub(super) fn ignore(&mut self, source: Source<'_>, value: &str, reason: Reason) {
        if self.0.len() >= IGNORED_MAX {
            return;
        }
        let (place, header) = match source {
            Source::Header(name) => (name, true),
            Source::Body(path) => (path, false),
        };
        let value = value.chars().take(VALUE_CHARS_MAX).collect();
        self.0.push(Ignored { place: place.to_string(), header, value, reason });
    }
}

/// Most headers that are looked at, and the longest names and values, in bytes.
const HEADERS_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 1_024;

/// Headers, with names in lower case.
pub(super) struct Headers<'a>(Vec<(String, &'a str)>);

impl<'a> Headers<'a> {
    pub(super) fn new(pairs: &[(&str, &'a str)]) -> Self {
        let known = pairs.iter().take(HEADERS_MAX).filter(|(name, _)| name.len() <= NAME_BYTES_MAX);
        Self(known.map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The first value of a header.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
            .filter(|value| value.len() <= VALUE_BYTES_MAX)
    }
}

/// The value, if it is not too long.
pub(super) fn sensible(value: &str) -> Result<&str, Reason> {
    if value.len() <= VALUE_BYTES_MAX { Ok(value) } else { Err(Reason::TooLong) }
}

/// The one value of a header that came several times: joined with commas by whoever gave it to us.
pub(super) fn single(value: &str) -> &str {
    let mut parts = value.split(',').map(str::trim);
    match parts.next() {
        Some(first) if parts.all(|part| part == first) => first,
        _ => value,
    }
}

impl Reading {
    pub(super) fn of(dialect: &Dialect<'_>, skew_us: i64) -> Self {
        Self {
            dialect: dialect.name.to_string(),
            kind: Kind::Ok,
            why: None,
            code: None,
            retry: None,
            limits: Vec::new(),
            usage: Usage::default(),
            ignored: Vec::new(),
            skew_us,
            counts: dialect.counts,
        }
    }
}

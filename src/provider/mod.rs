//! Decides what a provider's answer says: which limits there are and what is left of them, when to come back, whether coming
//! back makes sense at all, and what the call used.
//!
//! Providers say this in a dozen dialects. A [`Dialect`] is data: names of headers, paths of bodies, formats; the code knows formats
//! only, each in a file of its own. Users define dialects in the same form ([`define`]).
//!
//! ```
//! use throttleai::Instant;
//! use throttleai::provider::{Answer, Kind, builtin, read};
//!
//! let now = Instant::from_millis(1_790_000_000_000.0);
//! let headers = [("retry-after-ms", "1250"), ("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6m0s")];
//! let answer = Answer { status: Some(429), headers: &headers, now, ..Answer::default() };
//! let reading = read(&answer, builtin("openai").ok_or("no such dialect")?);
//!
//! assert_eq!(reading.kind, Kind::Transient);
//! assert_eq!(reading.retry, Some((Instant::from_millis(1_790_000_001_250.0), "retry-after-ms".into())));
//! assert_eq!(reading.limits[0].reset_at, Some(Instant::from_millis(1_790_000_360_000.0)));
//! # Ok::<(), &str>(())
//! ```
//!
//! Guarantees: no answer makes it panic; the work is bounded by the length of the answer and by caps on headers, values and
//! bodies; a part that is not understood is listed in [`Reading::ignored`] and changes nothing else; nothing is guessed: the
//! dialect says how each part is written. No clock: the caller says when the answer came.
//!
//! Called by the bindings of `throttleai/providers`. What follows from a reading is decided elsewhere.

mod answer;
mod body;
mod date;
mod define;
mod dialect;
mod fields;
mod ietf;
mod json;
mod meters;
mod moment;
mod number;
mod refusal;
mod table;
mod tree;
mod usage;
mod wire;

pub use answer::{Answer, Ignored, Limit, Reading, Reason, Usage};
pub use body::BODY_BYTES_MAX;
pub use date::Midnight;
pub use define::define;
pub use dialect::{
    Count, Counts, Dialect, ErrorRule, Hint, Kind, Meter, Rows, Settle, Source, Test, UsageRule, Why, Window, Word,
};
pub use moment::Format;
pub use number::Amount;
pub use wire::{DIALECT, READ, call};

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use answer::{Headers, Notes};
use body::Body;
use moment::Clocks;

/// What the answer says, in a dialect.
#[must_use]
pub fn read(answer: &Answer<'_>, dialect: &Dialect<'_>) -> Reading {
    let mut notes = Notes::default();
    let headers = Headers::new(answer.headers);
    let clocks = clocks(&headers, answer, &mut notes);
    let body = body_of(answer, dialect, &mut notes);

    let mut reading = Reading::of(dialect, clocks.skew_us());
    reading.limits = meters::read(&headers, dialect, &clocks, &mut notes);
    reading.usage = usage::read(&headers, &body, dialect, &mut notes);
    let verdict = refusal::judge(answer.status, &headers, &body, dialect);
    (reading.kind, reading.why) = (verdict.kind, verdict.why);
    reading.retry = refusal::retry(&verdict, &headers, &body, dialect, &reading.limits, (&clocks, &mut notes));
    reading.code = refusal::code(&headers, &body).filter(|_| verdict.kind != Kind::Ok);
    reading.ignored = notes.0;
    reading
}

fn clocks(headers: &Headers<'_>, answer: &Answer<'_>, notes: &mut Notes) -> Clocks {
    let said = headers.get("date");
    let server_us = said.and_then(date::http);
    if let (Some(said), None) = (said, server_us) {
        notes.ignore(Source::Header("date"), said, Reason::Format);
    }
    Clocks { now: answer.now, server_us }
}

fn body_of<'a>(answer: &Answer<'a>, dialect: &Dialect<'_>, notes: &mut Notes) -> Body<'a> {
    let Some(text) = answer.body.filter(|text| !text.is_empty()) else { return Body::default() };
    if text.len() > BODY_BYTES_MAX {
        notes.ignore(Source::Body(""), "", Reason::TooLong);
        return Body::default();
    }
    let body = Body::read(text, &|path| wants(dialect, path));
    if body.broken {
        notes.ignore(Source::Body(""), text, Reason::NotJson);
    }
    body
}

/// Whether something is read at a path.
fn wants(dialect: &Dialect<'_>, path: &str) -> bool {
    let at = |source: Source<'_>| matches!(source, Source::Body(wanted) if wanted == path);
    dialect.usage.iter().any(|rule| at(rule.source))
        || dialect.errors.iter().any(|rule| rule.says.is_some_and(|(source, _)| at(source)))
        || dialect.retry.iter().any(|hint| at(hint.source))
        || refusal::CODES.contains(&path)
}

/// The headers that are read in a dialect, for callers who cannot list those that there are. Some more than once.
#[must_use]
pub fn header_names(dialect: &Dialect<'_>) -> Vec<String> {
    let mut names = vec!["date".to_string()];
    for meter in dialect.meters.iter() {
        let words = Word::NAMES.iter().filter(|_| meter.header.contains('*'));
        names.extend(words.map(|(word, _)| meter.header.replace('*', word)));
        names.extend(meter.says.map(|_| meter.header.to_string()));
    }
    let retry = dialect.retry.iter().map(|hint| hint.source);
    let errors = dialect.errors.iter().filter_map(|rule| rule.says).map(|(source, _)| source);
    let usage = dialect.usage.iter().map(|rule| rule.source);
    names.extend(retry.chain(errors).chain(usage).filter_map(|source| match source {
        Source::Header(name) => Some(name.to_string()),
        Source::Body(_) => None,
    }));
    names.extend(ietf::NAMES.iter().filter(|_| dialect.ietf).map(ToString::to_string));
    names
}

/// The names of the dialects that come with the crate.
pub fn names() -> impl Iterator<Item = &'static str> {
    table::TABLE.iter().map(|dialect| dialect.name)
}

/// A dialect that comes with the crate.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static Dialect<'static>> {
    table::TABLE.iter().find(|dialect| dialect.name == name)
}

/// The dialect that is spoken by the host of a URL, or by the host itself. `None`: by none that is known.
#[must_use]
pub fn of_host(url: &str) -> Option<&'static Dialect<'static>> {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let host = host.trim_end_matches('.');
    table::TABLE.iter().find(|dialect| dialect.hosts.iter().any(|pattern| matches(pattern, host)))
}

/// The dialect that headers are signs of. `None`: of none.
#[must_use]
pub fn of_headers(headers: &[(&str, &str)]) -> Option<&'static Dialect<'static>> {
    let headers = Headers::new(headers);
    let has = |sign: &str| headers.iter().any(|(name, _)| matches(sign, name));
    table::TABLE.iter().find(|dialect| dialect.signs.iter().any(|sign| has(sign)))
}

/// The dialect of servers of which nothing is known.
#[must_use]
pub fn generic() -> &'static Dialect<'static> {
    builtin(table::GENERIC).unwrap_or(&table::TABLE[0])
}

/// Whether a text is as a pattern says, where `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let same = |pattern: &str, part: Option<&str>| part.is_some_and(|part| part.eq_ignore_ascii_case(pattern));
    let Some((before, after)) = pattern.split_once('*') else { return same(pattern, Some(text)) };
    let enough = text.len() >= before.len().saturating_add(after.len());
    enough && same(before, text.get(..before.len())) && same(after, text.get(text.len().saturating_sub(after.len())..))
}

#[cfg(test)]
mod tests;

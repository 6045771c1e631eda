//! Decides what came of a call, and when to come back.
//!
//! A 429 is two things: too much at the moment, or nothing any more. Which one it is, the provider's own code says where it has
//! one, and only then words; the same sentence means different things at different providers, so every dialect has its own rules.
//! Without one that fits the status decides.

use alloc::string::{String, ToString};

use super::answer::{Headers, Limit, Notes, Reason, sensible, single};
use super::body::Body;
use super::date::Midnight;
use super::dialect::{Dialect, ErrorRule, Hint, Kind, Source, Test, Why};
use super::moment::{self, Clocks};
use super::number::{Amount, whole};
use crate::time::Instant;

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    pub(super) why: Option<Why>,
    until: Option<Midnight>,
}

/// Where servers write the code of an error, the most telling first.
pub(super) const CODES: [&str; 8] =
    ["error.code", "error.type", "error.status", "code", "error_code", "__type", "errors[].code", "type"];

/// Judges by status, headers and body.
pub(super) fn judge(status: Option<u16>, headers: &Headers<'_>, body: &Body<'_>, dialect: &Dialect<'_>) -> Verdict {
    let done = status.is_none_or(|status| (200..400).contains(&status));
    if done && !body.has_error {
        return Verdict { kind: Kind::Ok, why: None, until: None };
    }
    // An error in a good answer, or in a stream, may name the status that it would have had.
    let stated =
        || body.last("error.code").and_then(whole).and_then(|code| u16::try_from(code).ok()).filter(|it| *it >= 400);
    let status = if done { stated() } else { status };
    let fits = |rule: &&ErrorRule<'_>| {
        (rule.status == 0 || Some(rule.status) == status)
            && rule.says.is_none_or(|(source, test)| texts(source, headers, body).any(|text| test.holds(text)))
    };
    if let Some(rule) = dialect.errors.iter().find(fits) {
        return Verdict { kind: rule.kind, why: Some(rule.why), until: rule.until };
    }
    let (kind, why) = match status {
        Some(429) => (Kind::Transient, Some(Why::Rate)),
        Some(503 | 529) => (Kind::Overload, Some(Why::Capacity)),
        Some(402) => (Kind::Terminal, Some(Why::Credit)),
        Some(401 | 403) => (Kind::Terminal, Some(Why::Auth)),
        Some(413) => (Kind::Other, Some(Why::Size)),
        _ => (Kind::Other, None),
    };
    Verdict { kind, why, until: None }
}

impl Test<'_> {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Is(wanted) => text.eq_ignore_ascii_case(wanted),
            Self::Contains(wanted) => find(text, wanted).is_some(),
        }
    }
}

/// Where a text begins in another, in any case of letters.
fn find(text: &str, wanted: &str) -> Option<usize> {
    let last = text.len().checked_sub(wanted.len())?;
    (0..=last).find(|at| {
        let end = at.saturating_add(wanted.len());
        text.as_bytes().get(*at..end).is_some_and(|part| part.eq_ignore_ascii_case(wanted.as_bytes()))
    })
}

/// What stands at a place.
fn texts<'t>(source: Source<'t>, headers: &Headers<'t>, body: &'t Body<'_>) -> impl Iterator<Item = &'t str> {
    let (header, path) = match source {
        Source::Header(name) => (headers.get(name), ""),
        Source::Body(path) => (None, path),
    };
    header.into_iter().chain(body.all(path).filter(move |_| !path.is_empty()))
}

/// The provider's word for an error: what is more than the status once again.
pub(super) fn code(headers: &Headers<'_>, body: &Body<'_>) -> Option<String> {
    let telling = |text: &&str| !(text.is_empty() || text.len() == 3 && whole(text).is_some());
    // AWS adds where the name comes from.
    let of_aws = headers.get("x-amzn-errortype").and_then(|text| text.split(':').next());
    CODES.iter().filter_map(|path| body.last(path)).chain(of_aws).find(telling).map(ToString::to_string)
}

/// The instant to come back at, and what said it.
pub(super) fn retry(
    verdict: &Verdict,
    headers: &Headers<'_>,
    body: &Body<'_>,
    dialect: &Dialect<'_>,
    limits: &[Limit],
    (clocks, notes): (&Clocks, &mut Notes),
) -> Option<(Instant, String)> {
    if verdict.kind == Kind::Ok {
        return None;
    }
    let mut found: Option<(Instant, &str)> = None;
    for hint in dialect.retry.iter() {
        let Some(at) = follow(hint, headers, body, clocks, notes) else { continue };
        let (Source::Header(place) | Source::Body(place)) = hint.source;
        // "At once" is what some servers say who do not know: a later hint may know more.
        if found.is_none_or(|(earlier, _)| earlier <= clocks.now && at > clocks.now) {
            found = Some((at, place));
        }
    }
    let waiting = matches!(verdict.kind, Kind::Transient | Kind::Overload);
    let found = found.or_else(|| reset(limits).filter(|_| waiting).map(|at| (at, "reset")));
    let midnight = verdict.until.and_then(|midnight| midnight_after(midnight, clocks));
    match (found, midnight) {
        (Some((at, _)), Some(midnight)) if midnight > at => Some((midnight, "midnight")),
        (None, Some(midnight)) => Some((midnight, "midnight")),
        _ => found,
    }
    .map(|(at, place)| (at, place.to_string()))
}

/// The latest instant that a hint names.
fn follow(
    hint: &Hint<'_>,
    headers: &Headers<'_>,
    body: &Body<'_>,
    clocks: &Clocks,
    notes: &mut Notes,
) -> Option<Instant> {
    let mut latest = None;
    for text in texts(hint.source, headers, body) {
        let Some(written) = written(text, hint.after) else { continue };
        match sensible(written).and_then(|it| moment::read(single(it), hint.format, clocks).map_err(Reason::from)) {
            Ok(at) => latest = latest.max(Some(at)),
            // A sentence may go on otherwise after the same words.
            Err(_) if !hint.after.is_empty() => {}
            Err(reason) => notes.ignore(hint.source, text, reason),
        }
    }
    latest
}

/// The part of a text that is the delay.
fn written<'t>(text: &'t str, after: &str) -> Option<&'t str> {
    if after.is_empty() {
        return Some(text);
    }
    let rest = text.get(find(text, after)?.saturating_add(after.len())..)?;
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | 'µ' | 'μ');
    let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
    rest.get(..end).map(|written| written.trim_end_matches(['.', ':']))
}

/// When all limits that are used up have more again; without one, when those have that name nothing but a reset.
fn reset(limits: &[Limit]) -> Option<Instant> {
    let used_up = limits.iter().filter(|it| it.remaining == Some(Amount(0))).filter_map(|it| it.reset_at).max();
    let silent =
        || limits.iter().filter(|it| it.remaining.is_none() && it.limit.is_none()).filter_map(|it| it.reset_at).max();
    used_up.or_else(silent)
}

/// The provider's midnight, in the caller's time.
fn midnight_after(midnight: Midnight, clocks: &Clocks) -> Option<Instant> {
    let skew = clocks.skew_us();
    let at = midnight.after(clocks.now.as_micros().saturating_add_signed(skew))?;
    at.checked_add_signed(skew.checked_neg()?).map(Instant::from_micros)
}

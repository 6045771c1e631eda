//! Decides what headers say of limits: how much is allowed and left, and when there will be more, for every metric and window.
//!
//! Invariants: headers are read one by one, and one that is not understood changes nothing but its own part. `-1` is no number of
//! requests: it says that the server does not know, and a reset beside nothing else means nothing either. A limit of 0 is no limit; 0
//! remaining is.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::answer::{Headers, Limit, Notes, Reason, sensible, single};
use super::dialect::{Dialect, Meter, Source, Window, Word};
use super::fields;
use super::moment::{self, Clocks};
use super::number::{Amount, NoAmount, ONE, scaled};
use crate::time::Instant;

/// A limit that is being put together.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The window by which it is known; what a header says of it goes into `limit`.
    window: Window,
    pub(super) limit: Limit,
    used: Option<Amount>,
    /// The server does not know.
    unknown: bool,
}

/// Limits by metric, window and pool.
#[derive(Debug, Default)]
pub(super) struct Entries(Vec<Entry>);

/// Most limits of one answer.
const LIMITS_MAX: usize = 64;

impl Entries {
    /// The one of this metric, window and pool. `None`: there are too many.
    pub(super) fn of(&mut self, metric: &str, window: Window, pool: &str) -> Option<&mut Entry> {
        let known = |it: &Entry| it.limit.metric == metric && it.window == window && it.limit.pool == pool;
        let at = match self.0.iter().position(known) {
            Some(at) => at,
            None if self.0.len() < LIMITS_MAX => {
                let limit = Limit { metric: metric.to_string(), window, pool: pool.to_string(), ..Limit::default() };
                self.0.push(Entry { window, limit, ..Entry::default() });
                self.0.len().saturating_sub(1)
            }
            None => return None,
        };
        self.0.get_mut(at)
    }
}

/// Everything that headers say of limits.
pub(super) fn read(headers: &Headers<'_>, dialect: &Dialect<'_>, clocks: &Clocks, notes: &mut Notes) -> Vec<Limit> {
    let mut entries = Entries::default();
    for (name, value) in headers.iter() {
        for meter in dialect.meters.iter() {
            let Some(word) = word_of(meter, name) else { continue };
            let Some(entry) = entries.of(meter.metric, meter.window, meter.pool) else { continue };
            entry.limit.full |= meter.full;
            entry.limit.rounded_to = meter.rounded_to;
            if let Err(reason) = sensible(value).and_then(|value| entry.hear(word, single(value), meter, clocks)) {
                notes.ignore(Source::Header(name), value, reason);
            } else {
                entry.said_by(name);
            }
        }
    }
    if dialect.ietf {
        super::ietf::read(headers, clocks, &mut entries, notes);
    }
    entries.0.into_iter().filter_map(Entry::finish).collect()
}

/// What a header says of a meter's limit.
fn word_of(meter: &Meter<'_>, name: &str) -> Option<Word> {
    let Some((before, after)) = meter.header.split_once('*') else {
        return meter.says.filter(|_| meter.header == name);
    };
    let word = name.strip_prefix(before)?.strip_suffix(after)?;
    Word::NAMES.iter().find(|(known, _)| *known == word).map(|(_, word)| *word)
}

impl Entry {
    pub(super) fn said_by(&mut self, name: &str) {
        if !self.limit.from.iter().any(|known| known == name) {
            self.limit.from.push(String::from(name));
        }
    }

    fn hear(&mut self, word: Word, value: &str, meter: &Meter<'_>, clocks: &Clocks) -> Result<(), Reason> {
        match word {
            Word::Limit => self.hear_limit(value),
            Word::Remaining => self.hear_remaining(value),
            Word::Used => {
                let used = self.amount(value)?;
                once(&mut self.used, used)
            }
            Word::Reset => self.hear_reset(moment::read(value, meter.reset, clocks)?),
            Word::RenewalPeriod => {
                let millis = scaled(value, 3).map(|it| it.floor).ok_or(Reason::NotANumber)?;
                self.limit.window = Window::Millis(in_range(millis)?);
                Ok(())
            }
            Word::Utilization => {
                let Amount(gone) = Amount::read(value)?;
                if gone > ONE.saturating_mul(2) {
                    return Err(Reason::OutOfRange);
                }
                // Both or neither: a part of 1 says nothing beside an amount.
                let parts = (self.limit.limit.unwrap_or(Amount(ONE)), self.limit.remaining);
                let remaining = Amount(ONE.saturating_sub(gone));
                if parts.0 != Amount(ONE) || parts.1.is_some_and(|said| said != remaining) {
                    return Err(Reason::Conflict);
                }
                (self.limit.limit, self.limit.remaining) = (Some(parts.0), Some(remaining));
                Ok(())
            }
        }
    }

    pub(super) fn hear_limit(&mut self, value: &str) -> Result<(), Reason> {
        // A gateway may write the policy behind it: `100, 100;w=60`.
        if value.contains(';') {
            let members = fields::members(value).ok_or(Reason::Format)?;
            let first = members.first().ok_or(Reason::Format)?;
            let policies = members.iter().filter(|it| it.head == first.head);
            let seconds = policies.filter_map(|it| it.param("w").or(it.param("window"))).next();
            let millis = seconds.and_then(|seconds| scaled(seconds, 3)).map(|it| in_range(it.floor)).transpose()?;
            self.hear_limit(first.head)?;
            self.limit.window = millis.map_or(self.limit.window, Window::Millis);
            return Ok(());
        }
        match self.amount(value)? {
            Amount(0) => Err(Reason::Sentinel),
            limit => once(&mut self.limit.limit, limit),
        }
    }

    /// A limit that is announced, whoever it is told of: what is wrong with it says nothing about that.
    pub(super) fn hear_policy(&mut self, quota: &str) -> Result<(), Reason> {
        match Amount::read(quota)? {
            Amount(0) => Err(Reason::Sentinel),
            limit => once(&mut self.limit.limit, limit),
        }
    }

    pub(super) fn hear_remaining(&mut self, value: &str) -> Result<(), Reason> {
        let remaining = self.amount(value)?;
        once(&mut self.limit.remaining, remaining)
    }

    pub(super) fn hear_reset(&mut self, at: Instant) -> Result<(), Reason> {
        once(&mut self.limit.reset_at, at)
    }

    fn amount(&mut self, value: &str) -> Result<Amount, NoAmount> {
        let amount = Amount::read(value);
        self.unknown |= amount == Err(NoAmount::Sentinel) && value.starts_with('-');
        amount
    }

    fn finish(self) -> Option<Limit> {
        let mut limit = self.limit;
        if let (None, Some(Amount(used)), Some(Amount(all))) = (limit.remaining, self.used, limit.limit) {
            limit.remaining = Some(Amount(all.saturating_sub(used)));
        }
        if self.unknown && limit.limit.is_none() && limit.remaining.is_none() {
            return None;
        }
        let says_something = limit.limit.is_some() || limit.remaining.is_some() || limit.reset_at.is_some();
        says_something.then_some(limit)
    }
}

/// Longest window, in milliseconds: 366 days.
const WINDOW_MS_MAX: u64 = 366 * 86_400_000;

/// A window of any length that makes sense, in milliseconds.
pub(super) const fn in_range(millis: u64) -> Result<u64, Reason> {
    if 0 < millis && millis <= WINDOW_MS_MAX { Ok(millis) } else { Err(Reason::OutOfRange) }
}

/// Takes a part that was not said before, or was the same.
fn once<T: PartialEq>(part: &mut Option<T>, said: T) -> Result<(), Reason> {
    match part {
        Some(before) if *before != said => Err(Reason::Conflict),
        _ => {
            *part = Some(said);
            Ok(())
        }
    }
}

//! Decides what a call used, by the places that a dialect names.

use super::answer::{Headers, Notes, Reason, Usage, single};
use super::body::Body;
use super::dialect::{Count, Dialect, Source, UsageRule};
use super::number::scaled;

/// Counts from here on are none, in millionths for dollars.
const COUNT_MAX: u64 = 1 << 50;

/// What headers and body say.
pub(super) fn read(headers: &Headers<'_>, body: &Body<'_>, dialect: &Dialect<'_>, notes: &mut Notes) -> Usage {
    let mut usage = Usage::default();
    for (_, count) in Count::NAMES {
        let rules = || dialect.usage.iter().filter(|rule| rule.count == count);
        let base = rules().filter(|rule| !rule.adds).find_map(|rule| number(rule, headers, body, notes));
        let more = rules().filter(|rule| rule.adds).filter_map(|rule| number(rule, headers, body, notes));
        let sum = more.fold(base, |sum, more| Some(sum.unwrap_or(0).saturating_add(more)));
        *usage.of(count) = sum;
    }
    usage
}

impl Usage {
    fn of(&mut self, count: Count) -> &mut Option<u64> {
        match count {
            Count::Input => &mut self.input_tokens,
            Count::Output => &mut self.output_tokens,
            Count::Total => &mut self.total_tokens,
            Count::CachedInput => &mut self.cached_input_tokens,
            Count::CacheWrite => &mut self.cache_write_tokens,
            Count::Cost => &mut self.cost_micros,
        }
    }

    /// Nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn number(rule: &UsageRule<'_>, headers: &Headers<'_>, body: &Body<'_>, notes: &mut Notes) -> Option<u64> {
    let text = match rule.source {
        Source::Header(name) => single(headers.get(name)?),
        Source::Body(path) => body.last(path)?,
    };
    let places = if rule.count == Count::Cost { 6 } else { 0 };
    let read = scaled(text, places).map(|it| it.ceil());
    let reason = match read {
        Some(number) if number < COUNT_MAX => return read,
        Some(_) => Reason::Sentinel,
        None if text.starts_with('-') => Reason::Sentinel,
        None => Reason::NotANumber,
    };
    notes.ignore(rule.source, text, reason);
    None
}

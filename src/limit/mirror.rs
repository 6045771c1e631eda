//! Decides how a limit of the provider's follows what the provider says is left of it.
//!
//! An answer counts the calls that had come to the provider when it was written. Which ones these were nobody knows, but for
//! one: the call that it answers. So everything that was sent later is taken to be missing in it, once, and what was sent
//! earlier to be in it: `counted = limit - remaining + sent later` is the most that can be counted at the provider now, unless
//! somebody else has used it since. A provider that counts when a call ends has not counted those before that are in flight:
//! they are added too.
//!
//! Where less is counted here, somebody else uses the quota, or the provider counts calls for more: it is debited at once.
//! Where more is, the ledger gives in only when several answers in a row have said so (`AGREE`), each to a call that was sent
//! later, and by the least of what they said; or at once when the provider's window has begun anew. Then calls that the answer
//! counts are settled no more: what the provider makes of them the next answers say. Answers to calls that were sent before
//! the last one that was heeded say nothing: they come back out of order.
//!
//! What was sent is a log of at most [`ENTRIES`] instants. When it is full the older half is merged in pairs, at the later
//! instant, so that too much is taken to be missing, never too little.
//!
//! Called by `rule`. Amounts in whole units, instants core time. Leaves to others: how the limit counts, rounding, margins.

use alloc::vec::Vec;

use crate::codec::{Reader, Writer};
use crate::decision::Tokens;
use crate::time::CoreTime;

/// Instants in the log of one limit.
const ENTRIES: usize = 64;
/// So many answers in a row make the ledger give in.
const AGREE: u32 = 3;
/// For how long calls that do not end are taken to be in flight, in microseconds.
const SPAN_US: u64 = 600_000_000;
/// Resets that are closer than this are the same one, told in other words, in microseconds.
pub(super) const SAME_US: u64 = 1_500_000;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    at: CoreTime,
    amount: u64,
    /// The part of it that has not ended.
    in_flight: u64,
}

/// What is kept of one limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Mirror {
    /// Under which key of its set it counts: one that follows has only that.
    pub(super) key: u32,
    log: Vec<Entry>,
    /// When the call was sent whose answer was heeded last.
    heeded: CoreTime,
    /// How many answers in a row have said that less is counted than here, and by how much at least.
    agree: u32,
    less: u64,
    /// The end of the window, as it was told last.
    resets_at: CoreTime,
    /// What was sent before is forgotten.
    since: CoreTime,
}

/// What an answer says of a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) place: u32,
    pub(crate) remaining: u64,
    pub(crate) resets_at: Option<CoreTime>,
    /// When the call was sent, if that is known.
    pub(crate) admitted: Option<CoreTime>,
    pub(crate) counts_at_end: bool,
}

/// Calls in flight that a limit has not counted, because it was not there when they were sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Early {
    pub(super) calls: u64,
    pub(super) tokens: Tokens,
}

impl Early {
    pub(crate) fn add(&mut self, tokens: Tokens) {
        self.calls = self.calls.saturating_add(1);
        self.tokens.prompt = self.tokens.prompt.saturating_add(tokens.prompt);
        self.tokens.output = self.tokens.output.saturating_add(tokens.output);
    }
}

/// What becomes of the ledger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Follow {
    Stay,
    Debit(u64),
    /// Less, and the calls up to this instant are settled.
    Credit(u64, CoreTime),
}

impl Mirror {
    /// A call is sent.
    pub(super) fn note(&mut self, now: CoreTime, amount: u64) {
        if amount == 0 {
            return;
        }
        match self.log.last_mut() {
            Some(last) if last.at == now => {
                last.amount = last.amount.saturating_add(amount);
                last.in_flight = last.in_flight.saturating_add(amount);
            }
            _ => {
                if self.log.len() >= ENTRIES {
                    self.merge();
                }
                self.log.push(Entry { at: now, amount, in_flight: amount });
            }
        }
    }

    /// So much was sent before the limit was there, and is not in the first answer. Nobody will say when it has ended.
    pub(super) fn note_early(&mut self, now: CoreTime, amount: u64) {
        if amount > 0 {
            self.log.push(Entry { at: now, amount, in_flight: 0 });
        }
    }

    /// Makes one of two in the older half.
    fn merge(&mut self) {
        let mut kept = 0usize;
        for from in (0..self.log.len()).step_by(2) {
            let (one, other) = (self.log.get(from).copied(), self.log.get(from.saturating_add(1)).copied());
            let (Some(one), Some(other)) = (one, other) else { break };
            let pair = if from < ENTRIES / 2 {
                let amount = one.amount.saturating_add(other.amount);
                let in_flight = one.in_flight.saturating_add(other.in_flight);
                [Some(Entry { at: other.at, amount, in_flight }), None]
            } else {
                [Some(one), Some(other)]
            };
            for entry in pair.into_iter().flatten() {
                if let Some(place) = self.log.get_mut(kept) {
                    *place = entry;
                }
                kept = kept.saturating_add(1);
            }
        }
        self.log.truncate(kept);
    }

    /// A call has ended that was sent at `admitted`: it counts `to` instead of `from`.
    pub(super) fn settle(&mut self, admitted: CoreTime, from: u64, to: u64) {
        let at = self.log.partition_point(|entry| entry.at < admitted);
        if admitted < self.since {
            return;
        }
        if let Some(entry) = self.log.get_mut(at) {
            entry.in_flight = entry.in_flight.saturating_sub(from);
            entry.amount = entry.amount.saturating_add(to).saturating_sub(from);
        }
    }

    /// Forgets what was sent so long ago that its call has ended, or was given up.
    pub(super) fn forget(&mut self, now: CoreTime) {
        self.since = now.minus(SPAN_US);
        let old = self.log.partition_point(|entry| entry.at < self.since);
        self.log.drain(..old);
    }

    /// What an answer means for a limit that counts `used` of `max`. `begun`: the window that it tells of is another than
    /// before.
    pub(super) fn follow(&mut self, seen: &Seen, (used, max): (u64, u64), begun: bool) -> Follow {
        let later = self.log.partition_point(|entry| seen.admitted.is_none_or(|admitted| entry.at <= admitted));
        let (earlier, later) = self.log.split_at(later);
        let in_flight = earlier.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.in_flight));
        let sent_later = later.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.amount));
        let counted = max.saturating_sub(seen.remaining).saturating_add(sent_later);
        // Without a name the answer may be that of any call in flight.
        let missing = if seen.counts_at_end || seen.admitted.is_none() { in_flight } else { 0 };
        let least = counted.saturating_add(missing);
        if used <= least {
            self.agree = 0;
            return if used == least { Follow::Stay } else { Follow::Debit(least.saturating_sub(used)) };
        }
        let Some(admitted) = seen.admitted else { return Follow::Stay };
        if begun {
            self.agree = 0;
            return Follow::Credit(used.saturating_sub(least), admitted);
        }
        // Calls in flight may be counted or not: giving in counts them.
        let surplus = used.saturating_sub(counted.saturating_add(in_flight));
        if surplus == 0 {
            self.agree = 0;
            return Follow::Stay;
        }
        self.less = if self.agree == 0 { surplus } else { self.less.min(surplus) };
        self.agree = self.agree.saturating_add(1);
        if self.agree < AGREE {
            return Follow::Stay;
        }
        self.agree = 0;
        Follow::Credit(self.less, admitted)
    }

    /// Whether an answer is to be heeded; then no older one is.
    pub(super) fn heed(&mut self, admitted: Option<CoreTime>) -> bool {
        let Some(admitted) = admitted else { return true };
        let heeds = admitted >= self.heeded;
        self.heeded = self.heeded.max(admitted);
        heeds
    }

    /// Whether a reset that is told is that of another window than the one before.
    pub(super) fn is_other_reset(&mut self, at: CoreTime) -> bool {
        let other = at > self.resets_at.plus(SAME_US);
        self.resets_at = at.max(self.resets_at);
        other
    }

    pub(super) fn write(&self, w: &mut Writer) {
        let Self { log, heeded, agree, less, resets_at, since, key } = self;
        w.u32(*key);
        w.len(log.len());
        for entry in log {
            [entry.at.as_micros(), entry.amount, entry.in_flight].into_iter().for_each(|number| w.u64(number));
        }
        let instants = [heeded, resets_at, since].map(|at| at.as_micros());
        instants.into_iter().chain([u64::from(*agree), *less]).for_each(|number| w.u64(number));
    }

    /// Fails on a log that is too long, or not in order.
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        let mut mirror = Self { key: r.u32(), ..Self::default() };
        r.each_up_to(ENTRIES, |r| {
            let [at, amount, in_flight] = [r.u64(), r.u64(), r.u64()];
            let at = CoreTime::from_micros(at);
            r.require(mirror.log.last().is_none_or(|last| last.at < at));
            mirror.log.push(Entry { at, amount, in_flight });
        });
        [mirror.heeded, mirror.resets_at, mirror.since] = [r.u64(), r.u64(), r.u64()].map(CoreTime::from_micros);
        (mirror.agree, mirror.less) = (r.u32(), r.u64());
        r.require(mirror.agree < AGREE);
        mirror
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> CoreTime {
        CoreTime::from_micros(us)
    }

    fn answer(remaining: u64, admitted: u64) -> Seen {
        Seen { place: 0, remaining, resets_at: None, admitted: Some(at(admitted)), counts_at_end: false }
    }

    #[test]
    fn what_was_sent_later_is_missing_in_an_answer_once() {
        let mut mirror = Mirror::default();
        [(1, 10), (2, 20), (3, 40)].into_iter().for_each(|(us, amount)| mirror.note(at(us), amount));
        assert_eq!(mirror.follow(&answer(70, 2), (70, 100), false), Follow::Stay);
        assert_eq!(mirror.follow(&answer(60, 2), (70, 100), false), Follow::Debit(10), "somebody else has used 10");
        let at_end = Seen { counts_at_end: true, ..answer(90, 2) };
        assert_eq!(mirror.follow(&at_end, (70, 100), false), Follow::Debit(10), "30 are in flight and not counted");
        mirror.settle(at(1), 10, 5);
        mirror.settle(at(2), 20, 10);
        assert_eq!(mirror.follow(&at_end, (55, 100), false), Follow::Stay);
    }

    #[test]
    fn giving_in_takes_three_answers_in_a_row_and_the_least() {
        let mut mirror = Mirror::default();
        assert_eq!(mirror.follow(&answer(90, 1), (30, 100), false), Follow::Stay);
        assert_eq!(mirror.follow(&answer(85, 2), (30, 100), false), Follow::Stay);
        assert_eq!(mirror.follow(&answer(95, 3), (30, 100), false), Follow::Credit(15, at(3)));
        assert_eq!(mirror.follow(&answer(90, 4), (30, 100), false), Follow::Stay);
        assert_eq!(mirror.follow(&answer(70, 5), (30, 100), false), Follow::Stay, "as it is");
        assert_eq!(mirror.follow(&answer(90, 6), (30, 100), false), Follow::Stay);
        assert_eq!(mirror.follow(&answer(90, 7), (30, 100), true), Follow::Credit(20, at(7)), "a window has begun");
    }

    #[test]
    fn whatever_an_image_says_is_in_flight_a_limit_stays_full() {
        use super::super::rule::{Counts, NOTHING, Rule};
        use crate::config::Limit;
        use crate::decision::{Metric, NO_HANDLE, Subject, Tokens};
        let mut rule = Rule::new(&Limit::new("r", Metric::Requests, 10, 60_000_000), 0, Subject::Limit(0));
        let mut meter = rule.meter();
        let mut mirror = Mirror::default();
        mirror.log.push(Entry { at: at(1), amount: u64::MAX, in_flight: u64::MAX });
        rule.mirror = Some(mirror.into());
        let seen = Seen { admitted: None, ..answer(5, 0) };
        rule.follow(&mut meter, at(2), &seen, (&Early::default(), NO_HANDLE));
        let call = Counts { tokens: Tokens::default(), amounts: &NOTHING };
        assert!(!rule.fits(Some(&meter), call), "{} are counted", meter.used());
    }

    #[test]
    fn answers_that_come_late_are_not_heeded() {
        let mut mirror = Mirror::default();
        assert!(mirror.heed(Some(at(5))) && mirror.heed(None) && mirror.heed(Some(at(5))));
        assert!(!mirror.heed(Some(at(4))));
    }

    #[test]
    fn a_merged_log_takes_more_to_be_missing_never_less() {
        let mut mirror = Mirror::default();
        for us in 1..=1_000u64 {
            mirror.note(at(us), 1);
            for admitted in [0, us / 2, us.saturating_sub(5), us] {
                let Follow::Debit(missing) = mirror.follow(&answer(10_000, admitted), (0, 10_000), false) else {
                    assert_eq!(us, admitted);
                    continue;
                };
                assert!(missing >= us - admitted, "{missing} of {}", us - admitted);
                assert!(missing <= 2 * (us - admitted) + 1, "{missing} of {}", us - admitted);
            }
        }
        assert!(mirror.log.len() <= ENTRIES);
    }
}

//! Decides whether a limit has room, and takes account of what is admitted and settled.
//!
//! A limit is a metric, an amount and an algorithm; its state lives with its algorithm, one file each, which also knows
//! how to settle. This module only knows what a metric counts in a call and which limits there are. The governor asks all
//! of them before it takes from any, so a refused call consumes nothing.
//!
//! Invariants: an admission never takes a window above its limit; overuse reported later may, and then nothing is admitted
//! until it has drained. Units: requests, tokens. Leaves to others: time, leases, the order of checks.

#[cfg_attr(not(test), expect(dead_code, reason = "not routed yet"))]
mod bucket;
#[cfg_attr(not(test), expect(dead_code, reason = "not routed yet"))]
mod fixed;
mod pool;
mod window;

use alloc::vec::Vec;

use crate::codec::{Malformed, Reader, Writer};
use crate::decision::{Metric, Subject, Tokens};
use crate::time::CoreTime;
pub(crate) use pool::{Full, Pool};
use window::SlidingWindow;

impl Limit {
    /// What a call counts here.
    #[inline]
    const fn amount(&self, tokens: Tokens) -> u64 {
        match self.metric {
            Metric::Requests => 1,
            Metric::Tokens => tokens.total(),
        }
    }
}

/// One limit with its state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limit {
    pub(crate) metric: Metric,
    pub(crate) max: u64,
    window: SlidingWindow,
}

/// Why a limit has no room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shortage {
    /// Index of the limit.
    pub(crate) limit: usize,
    pub(crate) metric: Metric,
    pub(crate) used: u64,
    pub(crate) max: u64,
    pub(crate) asked: u64,
    /// When there will be room, if nothing else is admitted; `None` if the call asks for more than the limit.
    pub(crate) free_at: Option<CoreTime>,
}

impl Shortage {
    /// What the denial is about.
    #[inline]
    pub(crate) const fn subject(&self) -> Subject {
        match self.metric {
            Metric::Requests => Subject::Requests,
            Metric::Tokens => Subject::Tokens,
        }
    }
}

/// All limits of a governor, in the order in which they are checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    list: Vec<Limit>,
}

impl Limits {
    pub(crate) fn add(&mut self, metric: Metric, max: u64, window_us: u64) {
        self.list.push(Limit { metric, max, window: SlidingWindow::new(window_us) });
    }

    /// Moves every limit to `now`.
    #[inline]
    pub(crate) fn advance(&mut self, now: CoreTime) {
        self.list.iter_mut().for_each(|limit| limit.window.advance(now));
    }

    /// Whether all limits have room for a call. Call `advance` first.
    #[inline]
    pub(crate) fn have_room(&self, tokens: Tokens) -> bool {
        self.list.iter().all(|limit| limit.window.sum().saturating_add(limit.amount(tokens)) <= limit.max)
    }

    /// The limits without room, in the order of checks. Call `advance` first.
    pub(crate) fn shortages(&self, now: CoreTime, tokens: Tokens) -> impl Iterator<Item = Shortage> + '_ {
        self.list.iter().enumerate().filter_map(move |(index, limit)| {
            let (used, asked) = (limit.window.sum(), limit.amount(tokens));
            if used.saturating_add(asked) <= limit.max {
                return None;
            }
            let free_at = limit.max.checked_sub(asked).map(|most| limit.window.free_at(now, most));
            Some(Shortage { limit: index, metric: limit.metric, used, max: limit.max, asked, free_at })
        })
    }

    /// Takes what an admitted call counts.
    #[inline]
    pub(crate) fn take(&mut self, now: CoreTime, tokens: Tokens) {
        for limit in &mut self.list {
            limit.window.add(now, limit.amount(tokens));
        }
    }

    /// Corrects what was taken at `admitted` for `from` to what was really used.
    pub(crate) fn settle(&mut self, now: CoreTime, admitted: CoreTime, from: Tokens, to: Tokens) {
        for limit in &mut self.list {
            let (from, to) = (limit.amount(from), limit.amount(to));
            if from != to {
                limit.window.advance(now);
                limit.window.settle(admitted, from, to);
            }
        }
    }

    /// Takes back all that was taken at `admitted`.
    pub(crate) fn give_back(&mut self, now: CoreTime, admitted: CoreTime, tokens: Tokens) {
        for limit in &mut self.list {
            limit.window.advance(now);
            limit.window.settle(admitted, limit.amount(tokens), 0);
        }
    }

    /// Until when a charge made at `admitted` can still be corrected, if any limit counts tokens.
    pub(crate) fn settles_until(&self, admitted: CoreTime) -> Option<CoreTime> {
        let tokens = self.list.iter().filter(|limit| limit.metric == Metric::Tokens);
        tokens.map(|limit| admitted.plus(limit.window.window_us())).max()
    }

    /// What the first limit of a metric has counted by `now`, and its maximum.
    pub(crate) fn usage(&self, now: CoreTime, metric: Metric) -> Option<(u64, u64)> {
        let limit = self.list.iter().find(|limit| limit.metric == metric)?;
        Some((limit.window.sum_at(now), limit.max))
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.len(self.list.len());
        for limit in &self.list {
            w.u8(limit.metric as u8);
            w.u64(limit.window.window_us());
            limit.window.write(w);
        }
    }

    /// Takes over the saved state of the limits that still exist: a limit is its metric and its window.
    pub(crate) fn restore(&mut self, now: CoreTime, r: &mut Reader<'_>) -> Result<(), Malformed> {
        for _ in 0..r.len()? {
            let metric = match r.u8()? {
                0 => Metric::Requests,
                1 => Metric::Tokens,
                _ => return Err(Malformed),
            };
            let window_us = r.u64()?;
            let window = SlidingWindow::read(r, window_us, now)?;
            let same = |limit: &&mut Limit| limit.metric == metric && limit.window.window_us() == window_us;
            if let Some(limit) = self.list.iter_mut().find(same) {
                limit.window = window;
            }
        }
        Ok(())
    }
}

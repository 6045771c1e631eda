//! Decides how much may be sent of what a provider limits without telling: a window whose number is learnt from refusals.
//!
//! It counts as a sliding window. That is safe whichever way the provider counts: who keeps to the limit in every window keeps
//! to it in fixed windows and in a bucket that holds as much. Before the first refusal nothing is held back. At a refusal the
//! limit was full, and what had been let in says how much it holds (`ways`); then that much is allowed. After a refusal nothing
//! is sent for a pause, which doubles while little is let in between (a fixed window opens when it does), and then one call,
//! two, four, so that a mistake costs few refusals. Where several calls are on their way until a refusal is heard, and much is
//! still open, they are sent evenly: of a burst that meets the limit all are refused. When the limit has been in use for a while
//! without a refusal a little more is tried, doubling as long as it goes well: so a limit that rises is found again. Each time
//! the same is refused again the next try comes later.
//!
//! What is allowed is a function of time between two commands, so that every denial can name the instant at which its call
//! fits. While nothing is counted any call fits, however large: nobody knows that it does not.
//!
//! Refused calls are taken to count nothing at the provider. Refusals of calls that were sent before the last one was heard say
//! the same again. What a refusal is about nobody says. A limit that is known explains those that come when about as much has
//! been let in as it holds; of others one is taken to be about something else, see [`STRANGE`], and limits of which nothing is
//! known learn only from those that none explains.
//!
//! Invariants: at most [`FULLS`] refusals and one window's entries are kept; a call costs O(1), a refusal O(entries). Amounts in
//! units of the metric, instants core time. Called by `meter`. Leaves to others: who was refused, and by whom.

mod ways;

use alloc::vec::Vec;

use super::window::SlidingWindow;
use crate::codec::{Reader, Writer};
use crate::decision::HiddenLimit;
use crate::time::CoreTime;
use ways::Full;

/// Refusals that are kept.
const FULLS: usize = 8;
/// For how many windows they count: the limit may be another one by then.
const FORGET: u64 = 3;
/// The own window is longer by one part in so many: calls take unequal time to the provider.
const LONGER: u64 = 128;
/// The first pause is this part of a window; they double up to half of it. After a pause what may be sent doubles each step.
const PAUSE: u64 = 64;
const PAUSE_DOUBLINGS: u32 = 5;
const STEP: u64 = 128;
/// A pause is longer than the last one if less than this part of the limit was let in between.
const LITTLE: u64 = 8;
/// A try begins after a window without a refusal, or up to so many doublings of that where the same was refused before. Its steps
/// take this part of a window; the first is one call or this part of the estimate, and a window brings a quarter at most.
const TRY: u64 = 8;
const TRY_PARTS: u64 = 512;
const WAIT_DOUBLINGS: u32 = 3;
/// Steps, at most: more than doublings of any amount.
const STEPS: u64 = 40;
/// Sent evenly: the time between two calls, as a part of what is allowed in the mean, so that callers who ask unevenly use it; and
/// as much at once as so many of the refused call.
const EVENLY: f64 = 0.75;
const AT_ONCE: u64 = 4;
/// In use: so many sixteenths of what is allowed are counted.
const IN_USE: u64 = 15;
/// So many refusals in a row, each with less than seven eighths of what it holds let in, are about something else; the
/// next says that the limit has fallen.
const STRANGE: u32 = 2;

#[derive(Debug, PartialEq)]
pub(super) struct Hidden {
    window: SlidingWindow,
    window_us: u64,
    /// What is allowed at most, whatever is learnt.
    most: u64,
    /// Ever let in.
    total: u64,
    fulls: Vec<Full>,
    known: Option<HiddenLimit>,
    /// The most that was counted since the last refusal.
    peak: u64,
    /// The amount of the call that was refused last: that of a step.
    unit: u64,
    now: CoreTime,
    heard_at: CoreTime,
    /// Nothing is sent before.
    opens_at: CoreTime,
    pauses: u32,
    /// Sent since the last refusal was heard.
    sent: u64,
    /// Whether calls are sent evenly, and when the next one is then.
    evenly: bool,
    even_at: CoreTime,
    /// Since when it has been in use without a refusal, and how often tries were refused.
    since: CoreTime,
    full_at: CoreTime,
    waits: u32,
    strange: u32,
}

/// A call that was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) admitted: CoreTime,
    pub(crate) amount: u64,
    /// When to come back, if the provider says so.
    pub(crate) retry_at: Option<CoreTime>,
}

impl Hidden {
    #[inline(never)]
    pub(super) fn new(window_us: u64, most: u64) -> Self {
        let never = CoreTime::default();
        Self {
            window: SlidingWindow::new(window_us.saturating_add(window_us / LONGER)),
            window_us,
            most,
            total: 0,
            fulls: Vec::new(),
            known: None,
            peak: 0,
            unit: 1,
            now: never,
            heard_at: never,
            opens_at: never,
            pauses: 0,
            sent: 0,
            evenly: false,
            even_at: never,
            since: never,
            full_at: never,
            waits: 0,
            strange: 0,
        }
    }

    /// Another one that counts and knows the same.
    pub(super) fn copy(&self) -> Self {
        Self { window: self.window.copy(), fulls: self.fulls.clone(), ..*self }
    }

    pub(super) const fn window(&self) -> &SlidingWindow {
        &self.window
    }

    /// Allows at most so much, whatever is learnt.
    pub(super) fn bound(&mut self, most: u64) {
        self.most = most;
        if let Some(HiddenLimit { estimate, low, high }) = &mut self.known {
            [estimate, low, high].into_iter().for_each(|amount| *amount = (*amount).min(most));
        }
    }

    /// What it is taken to hold.
    pub(super) fn max(&self) -> u64 {
        self.known().map_or(self.most, |known| known.estimate)
    }

    /// What is known of it, with what has gone well in a window of tries.
    #[inline(never)]
    pub(super) fn known(&self) -> Option<HiddenLimit> {
        let tried_at = self.tries_at().plus(self.window_us);
        self.believed(if self.full_at >= tried_at { self.peak } else { 0 })
    }

    /// What is known if so much was let in.
    fn believed(&self, let_in: u64) -> Option<HiddenLimit> {
        let HiddenLimit { estimate, low, high } = self.known?;
        let let_in = let_in.min(self.most);
        // How much more it is nobody knows then.
        let high = if let_in > high { self.most } else { high };
        Some(HiddenLimit { estimate: estimate.max(let_in), low: low.max(let_in / 2), high })
    }

    /// What may be counted at `now`, pauses aside.
    #[inline(never)]
    fn allowed(&self, now: CoreTime) -> u64 {
        let Some(known) = self.known else { return self.most };
        let estimate = known.estimate.max(1);
        let Some(steps) = steps_since(now, self.tries_at(), self.window_us / TRY) else {
            return estimate.min(self.most);
        };
        let quarter = |amount: u64| (amount / 4).max(self.unit);
        let windows = (steps / TRY).min(STEPS);
        let base = (0..windows).fold(estimate, |base, _| base.saturating_add(quarter(base)));
        let more = doubled(steps % TRY, self.unit.max(base / TRY_PARTS));
        base.saturating_add(more.min(quarter(base))).min(self.most)
    }

    const fn tries_at(&self) -> CoreTime {
        self.since.plus(self.window_us.saturating_mul(1 << self.waits))
    }

    /// What may be sent after a pause, as many as were sent already included.
    #[inline(never)]
    fn opened(&self, now: CoreTime) -> u64 {
        let steps = steps_since(now, self.opens_at, self.window_us / STEP);
        // In the end anything, however much was sent since.
        steps.map_or(0, |steps| if steps < STEPS { doubled(steps, self.unit) } else { u64::MAX })
    }

    #[inline(never)]
    pub(super) fn advance(&mut self, now: CoreTime) {
        self.now = now;
        self.window.advance(now);
    }

    /// Whether a call of `amount` fits. Call `advance` first.
    #[inline(never)]
    pub(super) fn fits(&self, amount: u64) -> bool {
        let used = self.window.sum();
        let counted = used.saturating_add(amount);
        if self.known.is_none() || amount == 0 {
            return counted <= self.most;
        }
        let allowed = if used == 0 { self.most } else { self.allowed(self.now) };
        let opened =
            self.now >= self.opens_at && (self.sent == 0 || self.sent.saturating_add(amount) <= self.opened(self.now));
        opened && counted <= allowed && (!self.evenly || self.now >= self.even_at)
    }

    /// The first instant at which a call of `amount` fits, if nothing is sent or heard before; `None`: never.
    #[inline(never)]
    pub(super) fn fits_at(&self, now: CoreTime, amount: u64) -> Option<CoreTime> {
        self.most.checked_sub(amount)?;
        let counted_at = |at: CoreTime| {
            let most = self.allowed(at).checked_sub(amount)?;
            Some(self.free_at(now, most).max(at))
        };
        if self.known.is_none() || amount == 0 {
            let most = self.most.saturating_sub(amount);
            return Some(self.free_at(now, most));
        }
        let mut fits_at = counted_at(now).unwrap_or(CoreTime::NEVER).min(self.free_at(now, 0));
        let step_us = self.window_us / TRY;
        let gone = steps_since(now, self.tries_at(), step_us).map_or(0, |steps| steps.saturating_add(1));
        // What is counted now is gone after a window.
        for step in gone..gone.saturating_add(TRY + 2) {
            let at = self.tries_at().plus(step.saturating_mul(step_us));
            if at >= fits_at {
                break;
            }
            fits_at = counted_at(at).unwrap_or(fits_at).min(fits_at);
        }
        let mut opens = (0..=STEPS).map(|step| self.opens_at.plus(step.saturating_mul(self.window_us / STEP)));
        let opens_at = opens.find(|&at| self.sent == 0 || self.sent.saturating_add(amount) <= self.opened(at));
        let even_at = if self.evenly { self.even_at } else { now };
        Some(fits_at.max(opens_at.unwrap_or(now)).max(even_at))
    }

    /// How long so much takes that is sent evenly.
    #[inline(never)]
    fn even_us(&self, amount: u64) -> u64 {
        let windows = amount as f64 / self.allowed(self.now).max(1) as f64;
        (windows * self.window_us as f64 * EVENLY) as u64
    }

    /// When at most so much is counted.
    #[inline(never)]
    pub(super) fn free_at(&self, now: CoreTime, most: u64) -> CoreTime {
        self.window.free_at(now, most)
    }

    /// Counts a call that is sent. Call `advance` first.
    #[inline(never)]
    pub(super) fn add(&mut self, now: CoreTime, amount: u64) {
        if self.known.is_some() {
            self.look_at_tries(now, amount);
            self.sent = self.sent.saturating_add(amount);
            if self.evenly {
                let at_once = now.minus(self.even_us(self.unit.saturating_mul(AT_ONCE - 1)));
                // A call may count more than is allowed: after a window it is gone.
                let next = self.even_at.max(at_once).plus(self.even_us(amount));
                self.even_at = next.min(now.plus(self.window_us));
            }
        }
        self.window.add(now, amount);
        self.total = self.total.saturating_add(amount);
        self.peak = self.peak.max(self.window.sum());
    }

    /// Tries begin anew from what was let in when there was no call for more during a window. That only takes away: a large call
    /// that was sent alone has shown more than is allowed, but nobody who waits is looked at here.
    fn look_at_tries(&mut self, now: CoreTime, amount: u64) {
        let allowed = self.allowed(now);
        let full = self.window.sum().saturating_add(amount).saturating_mul(16) >= allowed.saturating_mul(IN_USE);
        if full {
            self.full_at = now;
        } else if now.since(self.full_at) > self.window_us {
            self.known = self.believed(self.peak.min(allowed));
            (self.since, self.full_at, self.peak) = (now, now, 0);
        } else if self.evenly && now > self.tries_at() {
            // What is sent evenly comes late to what is allowed: tries wait for it, or they are large by then.
            self.since = now.minus(self.window_us.saturating_mul(1 << self.waits));
        }
    }

    /// Corrects what was counted at `admitted`. Call `advance` first.
    #[inline(never)]
    pub(super) fn settle(&mut self, now: CoreTime, admitted: CoreTime, from: u64, to: u64) {
        self.window.settle(now, admitted, from, to);
        self.total = self.total.saturating_add(to).saturating_sub(from);
    }

    /// Whether a refusal comes when about as much was let in as it holds; `None` if nothing is known.
    pub(super) fn explains(&self, refusal: &Refusal) -> Option<bool> {
        let HiddenLimit { estimate, low, .. } = self.known?;
        // The same was refused before.
        let sure = if self.waits > 0 { estimate } else { low };
        Some(self.trailing(refusal.admitted).saturating_sub(refusal.amount) >= sure.saturating_sub(sure / 8))
    }

    /// What was let in during the window before.
    #[inline(never)]
    fn trailing(&self, at: CoreTime) -> u64 {
        self.window.sum_between(at.minus(self.window_us), at)
    }

    /// A call was refused; what was counted for it is taken back. `explained`: another limit says why. Whether this one does. Call
    /// `advance` first.
    #[inline(never)]
    pub(super) fn refused(&mut self, now: CoreTime, refusal: &Refusal, explained: bool) -> bool {
        let Refusal { admitted, amount, retry_at } = *refusal;
        let explains = self.explains(refusal);
        self.settle(now, admitted, amount, 0);
        for full in self.fulls.iter_mut().filter(|full| full.at >= admitted) {
            full.total = full.total.saturating_sub(amount);
            if admitted.plus(self.window_us) > full.at {
                full.trailing = full.trailing.saturating_sub(amount);
            }
        }
        let is_news = admitted >= self.heard_at;
        if explains != Some(true) && explained {
            return false;
        }
        if is_news {
            self.heard_at = now;
            if explains == Some(false) && self.strange < STRANGE {
                self.strange = self.strange.saturating_add(1);
                if self.evenly {
                    // All that is sent until the next one is heard may be refused too. What asks for a pause is the gate's.
                    self.open(now, amount);
                }
                return false;
            }
            self.strange = 0;
            let total = self.total.saturating_sub(self.window.sum_between(admitted, now));
            let full = Full { at: admitted, amount, total, trailing: self.trailing(admitted) };
            self.pause(now, &full, retry_at);
            let old = now.minus(self.window_us.saturating_mul(FORGET));
            self.fulls.retain(|full| full.at >= old);
            if self.fulls.len() >= FULLS {
                self.fulls.remove(0);
            }
            self.fulls.push(full);
        }
        if self.strange > 0 || self.fulls.is_empty() {
            return false;
        }
        self.learn(now, refusal, is_news);
        true
    }

    fn pause(&mut self, now: CoreTime, full: &Full, retry_at: Option<CoreTime>) {
        let before = self.fulls.last().map(|last| full.total.saturating_sub(last.total));
        let little = before.is_some_and(|let_in| let_in < full.trailing / LITTLE);
        self.pauses = if little { self.pauses.saturating_add(1).min(PAUSE_DOUBLINGS) } else { 0 };
        let until = now.plus((self.window_us / PAUSE) << self.pauses);
        self.open(until.max(retry_at.unwrap_or(until)), full.amount);
    }

    /// Single calls are sent again at an instant, then more.
    #[inline(never)]
    fn open(&mut self, at: CoreTime, amount: u64) {
        self.opens_at = self.opens_at.max(at);
        (self.sent, self.unit) = (0, amount.max(1));
    }

    fn learn(&mut self, now: CoreTime, refusal: &Refusal, is_news: bool) {
        let before = self.known;
        let (contradicted, estimate, low, high) = ways::learn(&self.fulls, self.window_us);
        self.fulls.rotate_left(contradicted);
        self.fulls.truncate(self.fulls.len().saturating_sub(contradicted));
        let known =
            HiddenLimit { estimate: estimate.min(self.most), low: low.min(self.most), high: high.min(self.most) };
        self.known = Some(known);
        if is_news {
            let same = before.is_some_and(|before| before.estimate.abs_diff(known.estimate) <= known.estimate / 32);
            self.waits = if same { self.waits.saturating_add(1).min(WAIT_DOUBLINGS) } else { 0 };
            (self.since, self.full_at, self.peak) = (self.heard_at, self.heard_at, 0);
        }
        let is_wide = known.low < known.high.saturating_sub(known.high / 8);
        let at_once = self.even_us(self.unit.saturating_mul(AT_ONCE - 1));
        self.evenly = is_wide && at_once < now.since(refusal.admitted);
    }
}

impl Hidden {
    pub(super) fn write(&self, w: &mut Writer) {
        self.window.write(w);
        w.len(self.fulls.len());
        for Full { at, amount, total, trailing } in &self.fulls {
            [at.as_micros(), *amount, *total, *trailing].into_iter().for_each(|number| w.u64(number));
        }
        w.bool(self.known.is_some());
        if let Some(HiddenLimit { estimate, low, high }) = self.known {
            [estimate, low, high].into_iter().for_each(|number| w.u64(number));
        }
        let Self { total, peak, unit, heard_at, opens_at, even_at, sent, since, full_at, .. } = self;
        [*total, *peak, *unit, *sent].into_iter().for_each(|number| w.u64(number));
        w.bool(self.evenly);
        [heard_at, opens_at, even_at, since, full_at].into_iter().for_each(|at| w.u64(at.as_micros()));
        [self.pauses, self.waits, self.strange].into_iter().for_each(|number| w.u32(number));
    }

    /// Fails on refusals out of order, or numbers that it never reaches.
    pub(super) fn restore(&mut self, r: &mut Reader<'_>, now: CoreTime) {
        self.window = SlidingWindow::read(r, self.window.window_us(), now);
        self.now = now;
        r.each_up_to(FULLS, |r| {
            let [at, amount, total, trailing] = [r.u64(), r.u64(), r.u64(), r.u64()];
            let at = CoreTime::from_micros(at);
            r.require(at <= now && self.fulls.last().is_none_or(|last| last.at <= at));
            self.fulls.push(Full { at, amount, total, trailing });
        });
        self.known = r.bool().then(|| HiddenLimit { estimate: r.u64(), low: r.u64(), high: r.u64() });
        [self.total, self.peak, self.unit, self.sent] = [r.u64(), r.u64(), r.u64(), r.u64()];
        self.evenly = r.bool();
        let instants = [(); 5].map(|()| r.u64()).map(CoreTime::from_micros);
        [self.heard_at, self.opens_at, self.even_at, self.since, self.full_at] = instants;
        [self.pauses, self.waits, self.strange] = [r.u32(), r.u32(), r.u32()];
        let counts = self.pauses <= PAUSE_DOUBLINGS && self.waits <= WAIT_DOUBLINGS && self.strange <= STRANGE;
        // Else nothing would be sent any more, and no refusal could tell more.
        let lets_through = self.unit > 0 && self.even_at <= now.plus(self.window_us);
        r.require(counts && lets_through && self.heard_at.max(self.since).max(self.full_at) <= now);
    }
}

/// Whole steps since `from`; `None` before.
fn steps_since(now: CoreTime, from: CoreTime, step_us: u64) -> Option<u64> {
    now.as_micros().checked_sub(from.as_micros())?.checked_div(step_us)
}

/// What steps of 1, 2, 4, ... units come to, one more than `steps`.
const fn doubled(steps: u64, unit: u64) -> u64 {
    let steps = if steps < STEPS { steps } else { STEPS };
    unit.saturating_mul((2u64 << steps).wrapping_sub(1))
}

#[cfg(test)]
mod tests;

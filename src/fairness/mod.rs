//! Decides whether an actor may take more of the concurrency while others want some, and whose turn it is among those who wait.
//!
//! The soft cap: once half of the effective maximum `m` is in use, an actor that already holds something may not go above
//! `m * soft_cap_ratio`. While somebody is starved (was refused for concurrency within the starvation window while it held
//! less than `m / active actors`), actors at or above that share get nothing more. An actor that holds nothing is never
//! refused here, and its own refusal buys it no pass.
//!
//! Actors are counted as active while they hold something or are starved. Unknown actors that are refused leave no handle;
//! that one of them was is remembered as a single instant, cleared when an unknown actor gets in.
//!
//! The order of those who wait goes by what actors have consumed (`counters`); waiters are not asked for their share.
//!
//! Invariants: `held` sums to the weight in flight; an actor is idle exactly if it has no lease, no waiter and is not
//! starved; only idle actors are forgotten. Weights in millionths. Called by `governor`. Leaves to others: slots, limits.

mod actors;
mod counters;

use crate::codec::{Reader, Writer};
use crate::config::{self, Caps, Config, Overflow};
use crate::decision::Priority;
use crate::time::CoreTime;
pub(crate) use actors::Actors;
pub(crate) use counters::Consumption;
use counters::Counters;

/// The soft cap and who is behind it.
#[derive(Debug)]
pub(crate) struct Fairness {
    /// The soft cap, if there is one.
    soft: Option<config::Fairness>,
    overflow: Overflow,
    pub(crate) actors: Actors,
    counters: Counters,
    /// When an actor without a handle was last refused for concurrency.
    stranger_refused: Option<CoreTime>,
}

/// Whom a request counts for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Who {
    /// An actor with a handle.
    Known(u32),
    /// One that gets a handle when it is let in.
    New,
}

impl Fairness {
    /// `None` where no rule reads actors.
    pub(crate) fn new(config: &Config, counts_tokens: bool) -> Option<Self> {
        (config.fairness.is_some() || config.shares).then(|| Self::unused(config, counts_tokens))
    }

    /// One that nothing has been counted in, whether any rule reads actors or not.
    #[inline(never)]
    pub(crate) fn unused(config: &Config, counts_tokens: bool) -> Self {
        let Caps { actors, overflow, .. } = config.caps;
        Self {
            soft: soft(config),
            overflow,
            actors: Actors::new(actors),
            counters: Counters::new(counts_tokens),
            stranger_refused: None,
        }
    }

    /// Goes by another configuration.
    pub(crate) fn change(&mut self, config: &Config, counts_tokens: bool) {
        self.soft = soft(config);
        self.overflow = config.caps.overflow;
        self.actors.set_max(config.caps.actors);
        if counts_tokens {
            self.counters.count_tokens(self.actors.iter_mut());
        }
    }

    /// Lets starvation run out.
    #[inline]
    pub(crate) fn advance(&mut self, now: CoreTime) {
        let window_us = self.window_us();
        self.actors.forgive(now, window_us);
        if self.stranger_refused.is_some_and(|then| now.since(then) >= window_us) {
            self.stranger_refused = None;
        }
    }

    /// Whom a request counts for: its handle, a new actor, or all without a place together; `None` if those are refused.
    #[inline]
    pub(crate) fn who(&mut self, handle: Option<u32>) -> Option<Who> {
        match handle {
            Some(handle) if self.actors.knows(handle) => Some(Who::Known(handle)),
            _ if self.actors.has_place() => Some(Who::New),
            _ if self.overflow == Overflow::Deny => None,
            _ => Some(Who::Known(self.actors.overflow())),
        }
    }

    /// Whether `who` may take `weight` more, of an effective maximum of which `in_flight` is taken.
    #[inline]
    pub(crate) fn allows(&self, who: Who, weight: u64, in_flight: u64, effective_max: u64) -> bool {
        let (Who::Known(handle), Some(soft)) = (who, &self.soft) else { return true };
        let held = self.actors.held(handle);
        if held == 0 || in_flight.saturating_add(weight) < effective_max.div_ceil(2) {
            return true;
        }
        held.saturating_add(weight) <= soft_cap(soft, effective_max) && !self.yields(held, effective_max)
    }

    /// Whether an actor that holds this much has to let starved ones pass.
    fn yields(&self, held: u64, effective_max: u64) -> bool {
        self.somebody_starves() && !below_share(held, self.active(), effective_max)
    }

    /// What has to happen before an actor that `allows` refused may go: so much of its own weight has to end, and so long it
    /// has to yield to the starved. Either may be nothing.
    pub(crate) fn excess(&self, handle: u32, weight: u64, effective_max: u64) -> (u64, Option<CoreTime>) {
        let held = self.actors.held(handle);
        let cap = self.soft.as_ref().map_or(u64::MAX, |soft| soft_cap(soft, effective_max));
        let over = held.saturating_add(weight).saturating_sub(cap).min(held);
        let newest = [self.actors.newest_refusal(), self.stranger_refused].into_iter().flatten().max();
        let until = newest.filter(|_| self.yields(held, effective_max));
        (over, until.map(|then| then.plus(self.window_us())))
    }

    fn window_us(&self) -> u64 {
        self.soft.as_ref().map_or(0, |soft| soft.starvation_window_us)
    }

    fn active(&self) -> u64 {
        u64::from(self.actors.active()).saturating_add(u64::from(self.stranger_refused.is_some()))
    }

    fn somebody_starves(&self) -> bool {
        self.actors.starved() > 0 || self.stranger_refused.is_some()
    }

    /// Remembers that `who` was refused for concurrency, if it holds less than its share.
    pub(crate) fn refused(&mut self, who: Option<Who>, now: CoreTime, effective_max: u64) {
        if self.window_us() == 0 {
            return;
        }
        match who {
            Some(Who::Known(handle)) => {
                let others = self.active().saturating_add(u64::from(!self.actors.is_active(handle)));
                if below_share(self.actors.held(handle), others, effective_max) {
                    self.actors.starve(handle, now);
                }
            }
            Some(Who::New) | None => self.stranger_refused = Some(now),
        }
    }

    /// Lets a new actor in: its handle, and the actor that lost its place for it.
    pub(crate) fn admit_new(&mut self) -> (u32, Option<u32>) {
        self.stranger_refused = None;
        let (actor, forgotten) = self.actors.create();
        let forgotten = forgotten.map(|(forgotten, actor)| {
            self.counters.close(&actor);
            forgotten
        });
        (actor, forgotten)
    }

    /// Notes the share that a request names for its actor. All who have no place of their own together have a share of 1.
    #[inline]
    pub(crate) fn note_share(&mut self, actor: u32, share: Option<u32>) {
        if let Some(share) = share {
            self.set_share(actor, share);
        }
    }

    #[inline(never)]
    fn set_share(&mut self, actor: u32, share: u32) {
        if self.actors.is_overflow(actor) {
            return;
        }
        if let Some((_, actor)) = self.actors.get_mut(actor) {
            actor.share = share.max(1);
        }
    }

    /// What an actor has consumed.
    pub(crate) fn counter(&self, actor: u32) -> u64 {
        self.actors.get(actor).counter
    }

    /// What an actor is charged for a call.
    pub(crate) fn charge_for(&self, actor: u32, call: &Consumption) -> u64 {
        self.counters.charge(self.actors.get(actor).share, call)
    }

    /// One waiter more of an actor; what that has consumed.
    pub(crate) fn begin_wait(&mut self, actor: u32, class: Priority) -> u64 {
        self.actors.attach(actor);
        self.actors.get_mut(actor).map_or(0, |actor| self.counters.begin_wait(actor, class))
    }

    /// One waiter less.
    pub(crate) fn end_wait(&mut self, actor: u32, class: Priority) {
        if let Some(waiter) = self.actors.get_mut(actor) {
            self.counters.end_wait(waiter, class);
        }
        self.actors.detach(actor);
    }

    /// A call is granted as the lease at `slot`; what its actor has consumed with it.
    #[inline]
    pub(crate) fn grant(&mut self, actor: u32, slot: u32, class: Priority, call: &Consumption) -> u64 {
        self.actors.get_mut(actor).map_or(0, |actor| self.counters.grant(actor, slot, class, call))
    }

    /// The lease at `slot` has ended; what its actor has consumed, if that is not what was charged. `None` in place of a call
    /// takes all back.
    #[inline]
    pub(crate) fn settle(&mut self, actor: u32, slot: u32, call: Option<&Consumption>) -> Option<u64> {
        self.actors.get_mut(actor).and_then(|actor| self.counters.settle(actor, slot, call))
    }

    /// What an actor has consumed when it asks now.
    pub(crate) fn start_of(&self, who: Who, class: Priority) -> u64 {
        match who {
            Who::Known(actor) => self.counters.start(&self.actors.get(actor), class),
            Who::New => self.counters.start_of_new(class),
        }
    }

    pub(crate) fn write(&self, w: &mut Writer, pending: &[u32]) {
        w.option(self.stranger_refused.map(CoreTime::as_micros));
        self.actors.write(w, pending);
        self.counters.write(w);
    }

    pub(crate) fn restore(&mut self, r: &mut Reader<'_>) {
        self.stranger_refused = r.option().map(CoreTime::from_micros);
        self.actors.restore(r);
        self.counters.restore(r, self.actors.iter_mut());
    }
}

/// Without concurrency there is nothing to share.
fn soft(config: &Config) -> Option<config::Fairness> {
    config.concurrency.and(config.fairness)
}

/// The most that one actor may hold under load.
fn soft_cap(soft: &config::Fairness, effective_max: u64) -> u64 {
    // Weights are below 2^63, and the signed conversions are single instructions.
    (effective_max as i64 as f64 * soft.soft_cap_ratio + 0.5) as i64 as u64
}

/// Whether a weight is less than its part of `whole`, dealt to so many. Without a product, which would not fit into 64 bits.
fn below_share(weight: u64, count: u64, whole: u64) -> bool {
    weight < whole.div_ceil(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: u64 = 5;

    fn fairness() -> Fairness {
        let config = Config {
            concurrency: Some(config::Concurrency { max_in_flight: M, interactive_reserve: 0 }),
            fairness: Some(config::Fairness::default()),
            caps: Caps { actors: 4, ..Caps::default() },
            ..Config::default()
        };
        Fairness::new(&config, false).unwrap()
    }

    fn at(us: u64) -> CoreTime {
        CoreTime::from_micros(us)
    }

    /// Lets `n` actors in, holding one each.
    fn with_actors(n: usize) -> (Fairness, Vec<u32>) {
        let mut fairness = fairness();
        let handles = (0..n)
            .map(|_| {
                let (handle, _) = fairness.admit_new();
                fairness.actors.hold(handle, 1);
                handle
            })
            .collect();
        (fairness, handles)
    }
    use alloc::vec::Vec;

    #[test]
    fn the_soft_cap_needs_load_and_something_held() {
        let (mut fairness, handles) = with_actors(1);
        let who = Who::Known(handles[0]);
        assert!(fairness.allows(who, 1, 1, M), "2 of 5 is below half");
        fairness.actors.hold(handles[0], 2);
        assert!(!fairness.allows(who, 1, 3, M), "4 of 5 is above 0.6, also for an actor that is alone");
        assert!(fairness.allows(Who::New, 1, 4, M), "an actor that holds nothing is never refused");
    }

    #[test]
    fn starved_actors_hold_back_those_at_their_share_and_nobody_else() {
        let (mut fairness, handles) = with_actors(2);
        fairness.actors.hold(handles[0], 2);
        let (hog, light) = (Who::Known(handles[0]), Who::Known(handles[1]));
        fairness.refused(Some(Who::New), at(0), M);
        assert!(!fairness.allows(Who::Known(handles[0]), 0, 4, M), "3 x 3 active >= 5");
        assert!(fairness.allows(light, 1, 4, M), "1 x 3 active < 5");
        fairness.advance(at(4_999_999));
        assert!(!fairness.allows(hog, 0, 4, M));
        fairness.advance(at(5_000_000));
        assert!(fairness.allows(hog, 0, 4, M), "the window is over");
        fairness.refused(Some(hog), at(5_000_000), M);
        assert!(fairness.allows(hog, 0, 4, M), "one at its share is not starved by its own refusal");
    }

    #[test]
    fn at_the_cap_idle_actors_go_first_then_all_share_one_place() {
        let (mut fairness, handles) = with_actors(4);
        fairness.actors.let_go(handles[2], 1);
        assert_eq!(fairness.who(None), Some(Who::New));
        let (fifth, evicted) = fairness.admit_new();
        assert_eq!(evicted, Some(handles[2]));
        assert_ne!(fifth, handles[2], "not given away before it was told");
        fairness.actors.hold(fifth, 1);
        let shared = fairness.who(None);
        assert_eq!(shared, fairness.who(None), "a thousand ids more are one actor");
        assert!(matches!(shared, Some(Who::Known(_))));
        fairness.overflow = Overflow::Deny;
        assert_eq!(fairness.who(None), None);
    }
}

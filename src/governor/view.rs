//! What users read. Nothing here changes anything, and windows are read as they will be at `now`.

use alloc::format;
use alloc::string::String;

use super::Governor;
use crate::decision::{ActorHandle, HiddenLimit, LeaseId, Subject};
use crate::lease::{Known, Lease, NO_ACTOR};
use crate::time::Instant;

/// The state at an instant. Weights in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Leases held.
    pub active_leases: u32,
    /// Weight in flight, if configured.
    pub concurrency: Option<ConcurrencyView>,
    /// Requests in the window, if configured.
    pub requests: Option<RateView>,
    /// Tokens in the window, if configured.
    pub tokens: Option<RateView>,
    /// Whether shares are enforced.
    pub fairness: bool,
    /// Whether the maximum adapts.
    pub adaptive: bool,
    /// Requests in the queue.
    pub waiting: u32,
    /// Actors remembered.
    pub actors: u32,
    /// Keys remembered.
    pub keys: u32,
    /// Steps back of the clock that were clamped.
    pub clock_steps_clamped: u64,
    /// Larger steps, which the core bridged with a time line of its own.
    pub clock_changes: u64,
}

/// Concurrency at an instant. Weights in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencyView {
    /// Weight in flight.
    pub active: u64,
    /// The configured maximum.
    pub max: u64,
    /// The maximum in force.
    pub effective_max: u64,
    /// What is free of it.
    pub available: u64,
}

/// A limit at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateView {
    /// What the window holds.
    pub current: u64,
    /// What it may hold.
    pub limit: u64,
}

impl Governor {
    /// How much the limit at a place among the configured ones (see [`Denial::binding`](crate::Denial::binding)) will have
    /// counted at `now`, and its limit; `None` if there is none. Of a [hidden](crate::Algorithm::Hidden) one that is what it is
    /// taken to hold, which is no bound: a call that is sent alone fits, and tries go beyond it.
    #[must_use]
    pub fn limit_view(&self, now: Instant, place: u32) -> Option<RateView> {
        let counted = self.limits.usage_at(self.clock.peek(now), place);
        counted.map(|(current, limit)| RateView { current, limit })
    }

    /// What is known of the limit at a place, if it is [hidden](crate::Algorithm::Hidden) and a call was refused once.
    #[must_use]
    pub fn known_limit(&self, place: u32) -> Option<HiddenLimit> {
        self.limits.known_of(place)
    }

    /// The state at `now`. Leases past their end count until they are swept.
    #[must_use]
    pub fn view(&self, now: Instant) -> View {
        let t = self.clock.peek(now);
        let rate = |subject| self.limits.usage(t, subject).map(|(current, limit)| RateView { current, limit });
        let effective_max = self.effective_max();
        let (clock_steps_clamped, clock_changes) = self.clock.faults();
        View {
            active_leases: self.leases.live(),
            concurrency: self.pool.as_ref().map(|pool| ConcurrencyView {
                active: pool.active(),
                max: pool.max(),
                effective_max,
                available: effective_max.saturating_sub(pool.active()),
            }),
            requests: rate(Subject::Requests),
            tokens: rate(Subject::Tokens),
            fairness: self.fairness.is_some(),
            adaptive: self.adaptive.is_some(),
            waiting: self.queue.len(),
            actors: self.fairness.as_ref().map_or(0, |fairness| fairness.actors.alive()),
            keys: self.limits.keys(),
            clock_steps_clamped,
            clock_changes,
        }
    }

    /// Requests in the queue.
    #[must_use]
    pub const fn waiting(&self) -> u32 {
        self.queue.len()
    }

    /// Whether a lease is held: granted, not released, and not swept after its end.
    #[must_use]
    pub fn is_live(&self, lease: LeaseId) -> bool {
        matches!(self.leases.find(lease), Known::Live(_))
    }

    /// The names of all leases held, by slot.
    pub fn leases(&self) -> impl Iterator<Item = LeaseId> + '_ {
        self.leases.iter().map(|(id, _)| id)
    }

    /// What an actor has consumed for its share, in the order of those who wait: for tests. 1,024 parts of a token each, or of
    /// the microsecond that a slot is held.
    #[doc(hidden)]
    #[must_use]
    pub fn consumed(&self, actor: ActorHandle) -> u64 {
        self.fairness.as_ref().map_or(0, |fairness| fairness.counter(actor.0))
    }

    /// Checks what must hold between any two commands, for tests.
    ///
    /// # Errors
    /// What does not hold.
    #[doc(hidden)]
    pub fn check_invariants(&self) -> Result<(), String> {
        let weight = self.leases.iter().fold(0u64, |sum, (_, lease)| sum.saturating_add(lease.weight));
        let active = self.pool.as_ref().map_or(weight, |pool| pool.active());
        let of_actors = |lease: &&Lease| lease.actor != NO_ACTOR;
        let known = self.leases.iter().map(|(_, lease)| lease).filter(of_actors);
        let named = known.fold(0u64, |sum, lease| sum.saturating_add(lease.weight));
        let held = self.fairness.as_ref().map_or(named, |fairness| fairness.actors.held_total());
        if (active, held) != (weight, named) {
            return Err(format!(
                "leases weigh {weight} ({named} by actors), the pool says {active}, the actors {held}"
            ));
        }
        if self.fairness.as_ref().is_some_and(|fairness| !fairness.actors.all_accounted_for()) {
            return Err("an actor is neither needed nor idle".into());
        }
        if !self.limits.keys_accounted_for() {
            return Err("a key is neither needed nor listed, or miscounted".into());
        }
        if self.leases.live() > 0 && self.reaper_at.is_none() {
            return Err("leases are held and no timeout is pending".into());
        }
        if let Some(fault) = self.queue.fault() {
            return Err(fault.into());
        }
        if let Some(first) = self.queue.firsts().find(|&first| !self.has_to_wait(first)) {
            return Err(format!("{:?} fits and waits for {:?}", self.queue.head(first), self.queue.waits_for(first)));
        }
        if !self.queue.is_empty() && self.next_turn().is_none() {
            return Err("somebody waits and no timeout is pending".into());
        }
        Ok(())
    }
}

//! The queue's part: who is let in, served, refused or taken out. Whose turn it is, `queue` decides; what fits, `acquire`.

use super::Governor;
use super::acquire::Refusal;
use crate::decision::{ActorHandle, Cause, Denial, Enqueued, Output, Priority, Reason, Request, Subject, WaiterId};
use crate::fairness::Who;
use crate::lease::NO_ACTOR;
use crate::queue::Waiter;
use crate::time::{CoreTime, Instant};

impl Governor {
    /// Asks for a lease, and waits for it where `acquire` would refuse.
    ///
    /// Refused at once are requests that can never fit, that a limit would let through only after `deadline`, or that find
    /// the queue full. A waiter that is not served by `deadline` is refused then.
    pub fn enqueue(&mut self, now: Instant, request: &Request, deadline: Option<Instant>) -> Enqueued {
        let request = &super::acquire::normal(request);
        let t = self.advance(now);
        self.serve(t);
        if let Some(grant) = self.claimed(request) {
            return Enqueued::Granted(grant);
        }
        let deadline = deadline.map(|at| self.clock.to_core(at));
        let who = self.who(request);
        let ahead = self.queued_ahead(request, t);
        let refusal = if self.fits(t, request, who) {
            if ahead.is_none() {
                self.note_asked(None);
                return Enqueued::Granted(self.grant(t, request, who));
            }
            None
        } else {
            Some(self.explain(t, request, who))
        };
        self.note_asked(refusal.as_ref().map(|refusal| &refusal.denial));
        if let Some(denial) = self.hopeless(t, refusal.as_ref(), ahead, deadline) {
            return Enqueued::Denied(denial);
        }
        let actor = self.admit(who);
        if let Some(fairness) = &mut self.fairness {
            fairness.actors.attach(actor);
        }
        let own = Some(actor).filter(|&actor| actor != NO_ACTOR);
        let id = self.queue.push(Waiter { request: *request, actor: own }, deadline);
        self.serve(t);
        let named = |handle: &u32| self.fairness.as_ref().is_some_and(|fairness| !fairness.actors.is_overflow(*handle));
        Enqueued::Waiting(id, own.filter(named).map(ActorHandle))
    }

    /// The denial of a request for which waiting is of no use.
    fn hopeless(
        &self,
        t: CoreTime,
        refusal: Option<&Refusal>,
        ahead: Option<Denial>,
        deadline: Option<CoreTime>,
    ) -> Option<Denial> {
        let now = || refusal.map(|refusal| refusal.denial).or(ahead);
        if refusal.is_some_and(|refusal| refusal.free_at.is_none() || refusal.denial.cause == Cause::Cap) {
            return now();
        }
        let too_late = |refusal: &&Refusal| refusal.denial.reason == Reason::Rate && refusal.free_at > deadline;
        if deadline.is_some_and(|deadline| deadline <= t || refusal.filter(too_late).is_some()) {
            return now().map(|denial| Denial { cause: Cause::Deadline, ..denial });
        }
        if self.queue.len() < self.config.queue_max {
            return None;
        }
        let [used, limit] = [self.queue.len(), self.config.queue_max].map(u64::from);
        let full =
            |denial| Denial { cause: Cause::QueueFull, subject: Subject::Waiters, used, limit, asked: 1, ..denial };
        now().map(full)
    }

    /// Takes a waiter out of the queue. `false` if it is not waiting any more: then its output has the answer.
    pub fn cancel(&mut self, now: Instant, waiter: WaiterId) -> bool {
        let t = self.advance(now);
        let waited = self.queue.remove(waiter);
        if let Some(waiter) = waited {
            self.forget(&waiter);
        }
        self.serve(t);
        waited.is_some()
    }

    fn forget(&mut self, waiter: &Waiter) {
        if let (Some(fairness), Some(actor)) = (&mut self.fairness, waiter.actor) {
            fairness.actors.detach(actor);
        }
    }

    /// Refuses the waiters whose deadline has come, then grants from the front of the queue what fits.
    #[inline]
    pub(super) fn serve(&mut self, t: CoreTime) {
        if !self.queue.is_empty() {
            self.refuse_overdue(t);
            self.grant_in_order(t);
        }
    }

    fn refuse_overdue(&mut self, t: CoreTime) {
        while let Some((id, waiter)) = self.queue.overdue(t).and_then(|slot| self.queue.get(slot)) {
            let who = waiter.actor.map_or(Who::Known(NO_ACTOR), Who::Known);
            let behind = self.queued_ahead(&Request { barge: false, ..waiter.request }, t);
            let denial = match (self.fits(t, &waiter.request, who), behind) {
                (true, Some(behind)) => behind,
                _ => self.explain(t, &waiter.request, who).denial,
            };
            self.queue.remove(id);
            self.forget(&waiter);
            self.outputs.push_back(Output::Refused(id, Denial { cause: Cause::Deadline, ..denial }));
        }
    }

    fn grant_in_order(&mut self, t: CoreTime) {
        let mut blocked = [None, None];
        let mut look = None;
        for (class, priority) in [Priority::Interactive, Priority::Background].into_iter().enumerate() {
            let mut next = self.queue.first(priority);
            while let Some(slot) = next {
                next = self.queue.after(slot, priority);
                let Some(refusal) = self.grant_waiter(t, slot) else { continue };
                look = [look, Some(self.next_look(t, &refusal))].into_iter().flatten().min();
                if refusal.denial.cause != Cause::Share {
                    if let Some(place) = blocked.get_mut(class) {
                        *place = Some(refusal.denial);
                    }
                    break;
                }
            }
            // Nobody of a lower class overtakes a waiter that others' calls keep from going.
            if blocked.iter().any(Option::is_some) {
                break;
            }
        }
        if !self.queue.is_empty() {
            self.queue.note(blocked, look);
        }
    }

    /// Grants to the waiter in a place, or says why not.
    fn grant_waiter(&mut self, t: CoreTime, slot: u32) -> Option<Refusal> {
        let (id, waiter) = self.queue.get(slot)?;
        let who = waiter.actor.map_or(Who::Known(NO_ACTOR), Who::Known);
        if !self.fits(t, &waiter.request, who) {
            return Some(self.explain(t, &waiter.request, who));
        }
        self.queue.remove(id);
        let grant = self.grant(t, &waiter.request, who);
        self.forget(&waiter);
        self.outputs.push_back(Output::Granted(id, grant));
        None
    }

    /// When a waiter that was refused may fit without any command: when a limit has drained, a lease expires, the maximum
    /// adapts, or a starved actor is forgotten.
    fn next_look(&self, t: CoreTime, refusal: &Refusal) -> CoreTime {
        let by_slots = matches!(refusal.denial.reason, Reason::Concurrency | Reason::Policy);
        let expiry = self.leases.next_expiry().filter(|_| by_slots);
        let adjustment = self.adaptive.as_ref().filter(|_| by_slots).map(|adaptive| adaptive.next_adjustment());
        let forgiven = self.fairness.as_ref().filter(|_| by_slots).and_then(|fairness| fairness.forgives_at());
        let limit = refusal.free_at.filter(|_| !by_slots);
        let soonest = [expiry, adjustment, forgiven, limit].into_iter().flatten().min();
        // One microsecond at least, so that a look that changes nothing cannot be asked for again at the same instant.
        soonest.unwrap_or(t.plus(self.config.reaper_interval_us)).max(t.plus(1))
    }
}

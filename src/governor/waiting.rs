//! The queue's part: who is let in, served, refused or taken out. Whose turn it is, `queue` decides; what fits, `acquire`.

use super::Governor;
use super::acquire::{Refusal, normal};
use crate::decision::{ActorHandle, Cause, Denial, Enqueued, Output, Priority, Reason, Request, Subject, WaiterId};
use crate::fairness::Who;
use crate::lease::NO_ACTOR;
use crate::queue::{Pressure, Waiter};
use crate::time::{CoreTime, Instant};

impl Governor {
    /// Asks for a lease, and waits for it where `acquire` would refuse.
    ///
    /// Refused at once are requests that can never fit, that a limit of requests would let through only after `deadline`
    /// (tokens may come back earlier, and slots), for whose actor there is no place, or that find the queue full. A waiter
    /// that is not served by `deadline` is refused then.
    ///
    /// ```
    /// use throttleai::{Concurrency, Config, Decision, Enqueued, Governor, Instant, Output, Report, Request};
    /// let concurrency = Concurrency { max_in_flight: 1_000_000, interactive_reserve: 0 };
    /// let mut governor = Governor::new(Config { concurrency: Some(concurrency), ..Config::default() })?;
    /// let now = Instant::from_millis(1_000.0);
    /// let Decision::Granted(first) = governor.acquire(now, &Request::default()) else { unreachable!() };
    /// let Enqueued::Waiting(waiter, _) = governor.enqueue(now, &Request::default(), None) else { unreachable!() };
    /// governor.release(now, first.lease, &Report::default());
    /// assert!(matches!(governor.poll_output(), Some(Output::Granted(served, _)) if served == waiter));
    /// # Ok::<(), throttleai::ConfigError>(())
    /// ```
    pub fn enqueue(&mut self, now: Instant, request: &Request, deadline: Option<Instant>) -> Enqueued {
        let mut request = normal(request);
        let t = self.advance(now);
        self.serve(t);
        if let Some(grant) = self.claimed(&request) {
            return Enqueued::Granted(grant);
        }
        if !request.keys.is_empty() {
            match self.keyed(t, &request) {
                Ok(keyed) => request = keyed,
                Err(denial) => return Enqueued::Denied(denial),
            }
        }
        let request = &request;
        let deadline = deadline.map(|at| self.clock.to_core(at));
        let who = self.who(request);
        let ahead = self.queued_ahead(request, t);
        let refusal = self.check(t, request, who);
        self.note_asked(t, who, refusal.as_ref().map(|refusal| &refusal.denial));
        let why = match (refusal.map(|refusal| refusal.denial).or(ahead), who) {
            (Some(denial), Some(who)) => (denial, who),
            (None, Some(who)) => {
                let grant = self.grant(t, request, who);
                self.serve_eased(t);
                return Enqueued::Granted(grant);
            }
            (_, None) => return Enqueued::Denied(self.no_place(t)),
        };
        if let Some(denial) = self.hopeless(t, refusal.as_ref(), why.0, deadline) {
            return Enqueued::Denied(denial);
        }
        let (id, actor) = self.park(t, request, why, deadline);
        self.serve(t);
        let named = |handle: &u32| self.fairness.as_ref().is_some_and(|fairness| !fairness.actors.is_overflow(*handle));
        Enqueued::Waiting(id, actor.filter(named).map(ActorHandle))
    }

    fn park(
        &mut self,
        t: CoreTime,
        request: &Request,
        (why, who): (Denial, Who),
        deadline: Option<CoreTime>,
    ) -> (WaiterId, Option<u32>) {
        let actor = Some(self.admit(who)).filter(|&actor| actor != NO_ACTOR);
        if let (Some(fairness), Some(actor)) = (&mut self.fairness, actor) {
            fairness.actors.attach(actor);
        }
        let request = Request { keys: self.limits.hold(t, &request.keys), ..*request };
        (self.queue.push(Waiter { request, actor, why }, deadline), actor)
    }

    /// The denial of a request for which waiting is of no use.
    fn hopeless(
        &self,
        t: CoreTime,
        refusal: Option<&Refusal>,
        why: Denial,
        deadline: Option<CoreTime>,
    ) -> Option<Denial> {
        if refusal.is_some_and(|refusal| refusal.free_at.is_none() || refusal.denial.cause == Cause::Cap) {
            return Some(why);
        }
        let earliest = refusal.map_or(t, |refusal| refusal.not_before);
        if deadline.is_some_and(|deadline| deadline <= t || deadline < earliest) {
            return Some(Denial { cause: Cause::Deadline, ..why });
        }
        if self.queue.len() < self.config.queue_max {
            return None;
        }
        let [used, limit] = [self.queue.len(), self.config.queue_max].map(u64::from);
        Some(Denial { cause: Cause::QueueFull, subject: Subject::Waiters, used, limit, asked: 1, ..why })
    }

    /// Takes a waiter out of the queue. `false` if it is not waiting any more: then its output has the answer.
    pub fn cancel(&mut self, now: Instant, waiter: WaiterId) -> bool {
        let t = self.advance(now);
        let waited = self.queue.remove(waiter);
        if let Some(waiter) = waited {
            self.forget(t, &waiter);
        }
        self.serve(t);
        waited.is_some()
    }

    fn forget(&mut self, t: CoreTime, waiter: &Waiter) {
        self.limits.let_go(t, &waiter.request.keys);
        if let (Some(fairness), Some(actor)) = (&mut self.fairness, waiter.actor) {
            fairness.actors.detach(actor);
        }
    }

    /// Grants from the front of the queue what fits, and refuses the waiters whose deadline has come. A deadline is the last
    /// instant at which its waiter is served.
    #[inline]
    pub(super) fn serve(&mut self, t: CoreTime) {
        if self.queue.is_empty() {
            return;
        }
        while let Some((id, waiter)) = self.queue.overdue(t.minus(1)) {
            self.refuse(t, id, &waiter);
        }
        self.grant_in_order(t);
        while let Some((id, waiter)) = self.queue.overdue(t) {
            self.refuse(t, id, &waiter);
            // It may have been the one that the others stood behind.
            self.grant_in_order(t);
        }
    }

    /// Looks at the queue again where a grant may have ended what held somebody back.
    #[inline]
    pub(super) fn serve_eased(&mut self, t: CoreTime) {
        if !self.queue.is_empty() && self.queue.has_eased(self.pressure()) {
            self.grant_in_order(t);
        }
    }

    fn refuse(&mut self, t: CoreTime, id: WaiterId, waiter: &Waiter) {
        let who = waiter.actor.map_or(Who::Known(NO_ACTOR), Who::Known);
        let denial = match self.check(t, &waiter.request, Some(who)) {
            Some(refusal) => refusal.denial,
            // It would fit by now, but stood behind others, or the timer was late.
            None => Denial { subject: Subject::Waiters, retry_at: Some(self.clock.to_caller(t)), ..waiter.why },
        };
        self.note_starved(t, Some(who), &denial);
        self.dismiss(t, id, waiter, Denial { cause: Cause::Deadline, ..denial });
    }

    fn dismiss(&mut self, t: CoreTime, id: WaiterId, waiter: &Waiter, denial: Denial) {
        self.queue.remove(id);
        self.forget(t, waiter);
        self.outputs.push_back(Output::Refused(id, denial));
    }

    fn grant_in_order(&mut self, t: CoreTime) {
        if self.queue.holds_back()
            && (self.is_light() || self.queue.has_eased(self.pressure()) || self.queue.keys_due(t))
        {
            self.queue.wake_all();
        }
        let mut look = self.grant_classes(t);
        // A grant may end somebody's starvation, which may be what holds others back.
        while self.queue.has_eased(self.pressure()) {
            self.queue.wake_all();
            look = self.grant_classes(t);
        }
        let eases = self.queue.holds_back().then(|| self.share_eases_at(t));
        if !self.queue.is_empty() {
            self.queue.note_look([look, eases, self.queue.keys_look()].into_iter().flatten().min());
        }
    }

    /// One look at both classes; when to look again, if somebody does not fit.
    fn grant_classes(&mut self, t: CoreTime) -> Option<CoreTime> {
        let mut blocked = None;
        let mut look = None;
        for priority in [Priority::Interactive, Priority::Background] {
            // Nobody of a lower class overtakes a waiter that others' calls keep from going.
            if blocked.is_none() {
                blocked = self.grant_class(t, priority, &mut look);
                self.queue.note_blocked(priority, blocked);
            }
        }
        look
    }

    /// Grants to a class until its next waiter does not fit; why that is.
    fn grant_class(&mut self, t: CoreTime, priority: Priority, look: &mut Option<CoreTime>) -> Option<Denial> {
        while let Some((id, waiter)) = self.queue.first(priority) {
            let who = waiter.actor.map_or(Who::Known(NO_ACTOR), Who::Known);
            match self.check(t, &waiter.request, Some(who)) {
                None => {
                    self.queue.remove(id);
                    let grant = self.grant(t, &waiter.request, who);
                    self.forget(t, &waiter);
                    self.outputs.push_back(Output::Granted(id, grant));
                }
                // A limit was lowered: waiting is of no use any more.
                Some(Refusal { denial, free_at: None, .. }) => self.dismiss(t, id, &waiter, denial),
                Some(refusal) if refusal.denial.cause == Cause::Share => {
                    let pressure = self.pressure();
                    self.queue.hold_back(&waiter, refusal.denial, pressure);
                }
                // Others have keys of their own.
                Some(refusal) if refusal.own => {
                    self.queue.look_at_keys(self.next_look(t, &refusal));
                    self.queue.hold_back(&waiter, refusal.denial, self.pressure());
                }
                Some(refusal) => {
                    *look = Some(self.next_look(t, &refusal));
                    return Some(refusal.denial);
                }
            }
        }
        None
    }

    /// Whether so little is in flight that shares may not matter.
    fn is_light(&self) -> bool {
        self.pool.as_ref().is_none_or(|pool| pool.active() < self.effective_max().div_ceil(2))
    }

    fn pressure(&self) -> Pressure {
        let starving = self.fairness.as_ref().map_or(0, |fairness| fairness.active_while_starving());
        Pressure { effective_max: self.effective_max(), active_while_starving: starving }
    }

    /// When a waiter that was refused may fit without any command: when a limit has drained, a lease expires or the maximum
    /// adapts.
    fn next_look(&self, t: CoreTime, refusal: &Refusal) -> CoreTime {
        if matches!(refusal.denial.reason, Reason::Rate | Reason::Budget) {
            return refusal.free_at.unwrap_or(t).max(t.plus(1));
        }
        let adjustment = self.adaptive.as_ref().map(|adaptive| adaptive.next_adjustment());
        self.soonest(t, [self.leases.next_expiry(), adjustment, None])
    }

    /// When an actor that is held back may go without any command.
    fn share_eases_at(&self, t: CoreTime) -> CoreTime {
        let adjustment = self.adaptive.as_ref().map(|adaptive| adaptive.next_adjustment());
        let forgiven = self.fairness.as_ref().and_then(|fairness| fairness.forgives_at());
        self.soonest(t, [self.leases.next_expiry(), adjustment, forgiven])
    }

    /// At least one microsecond on, so that a look that changes nothing is not asked for again at the same instant.
    fn soonest(&self, t: CoreTime, instants: [Option<CoreTime>; 3]) -> CoreTime {
        let soonest = instants.into_iter().flatten().min();
        soonest.unwrap_or(t.plus(self.config.reaper_interval_us)).max(t.plus(1))
    }
}

//! The queue's part: who is let in, served, refused or taken out. Whose turn it is, `queue` decides; what fits, `acquire`.

use super::Governor;
use super::acquire::normal;
use super::explain::Refusal;
use crate::config::{Queue, QueueOverflow};
use crate::decision::{ActorHandle, Cause, Denial, Enqueued, Output, Reason, Request, Subject, WaiterId};
use crate::fairness::{Consumption, Who};
use crate::lease::NO_ACTOR;
use crate::limit::Limits;
use crate::queue::{At, Name, Passer, Waiter, Why};
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
    /// let Enqueued::Waiting { waiter, .. } = governor.enqueue(now, &Request::default(), None) else { unreachable!() };
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
        // Waiters are not asked for their share: their order is fair.
        let refusal = self.check(t, request, who.map(|_| Who::New));
        self.note_asked(t, who, refusal.as_ref().map(|refusal| &refusal.denial));
        let Some(who) = who else { return Enqueued::Denied(self.no_place(t)) };
        let Some((stands, why)) = self.bound_for_newcomer(t, request, who, refusal.as_ref()) else {
            if !self.queue.is_empty() {
                self.note_passed(t, request, self.newcomer(request, who));
            }
            let grant = self.grant(t, request, who);
            self.serve(t);
            return Enqueued::Granted(grant);
        };
        if let Some(denial) = self.hopeless(t, refusal.as_ref(), why, deadline) {
            return Enqueued::Denied(denial);
        }
        let stands = match self.make_place(t, request, why) {
            Err(denial) => return Enqueued::Denied(denial),
            Ok(false) => stands,
            // It may have been the one that it stood behind.
            Ok(true) => (At::READY, stands.1),
        };
        let waiting = self.park(t, request, (why, who), deadline, stands);
        self.serve(t);
        waiting
    }

    /// What a request that comes to wait stands at, and why; `None` if it need not wait.
    fn bound_for_newcomer(
        &self,
        t: CoreTime,
        request: &Request,
        who: Who,
        refusal: Option<&Refusal>,
    ) -> Option<((At, Why), Denial)> {
        if let Some(refusal) = refusal {
            return Some(((refusal.at, refusal.why), refusal.denial));
        }
        if self.queue.is_empty() {
            return None;
        }
        let actor = if let Who::Known(actor) = who { actor } else { NO_ACTOR };
        let own = self.queue.stands(&Name::of(request, actor)).filter(|_| actor != NO_ACTOR || self.fairness.is_none());
        let park = own.or_else(|| self.keeper(t, request, self.newcomer(request, who)))?;
        let why = self.queue.why(park)?;
        // To wait may change what its actor has consumed, and so whom it stands behind: it is looked at.
        Some(((At::READY, why), self.behind_in(park, request.priority, t)))
    }

    /// The order of a request that comes now.
    pub(super) fn newcomer(&self, request: &Request, who: Who) -> Passer {
        let fairness = self.fairness.as_ref();
        Passer::new(request.priority, fairness.map_or(0, |fairness| fairness.start_of(who, request.priority)))
    }

    /// Puts a request where it waits. What becomes of it in the same step is told by outputs, as are handles that are freed.
    fn park(
        &mut self,
        t: CoreTime,
        request: &Request,
        (why, who): (Denial, Who),
        deadline: Option<CoreTime>,
        stands: (At, Why),
    ) -> Enqueued {
        let actor = Some(self.admit(who)).filter(|&actor| actor != NO_ACTOR);
        let (mut counter, mut charge) = (0, 0);
        if let (Some(fairness), Some(actor)) = (&mut self.fairness, actor) {
            fairness.note_share(actor, request.share);
            counter = fairness.begin_wait(actor, request.priority);
            charge = fairness.charge_for(actor, &call_of(request));
        }
        let request = Request { keys: self.limits.hold(t, &request.keys), ..*request };
        let waiter = Waiter { request, actor, why, charge };
        self.queue.begin(self.effective_max());
        let waiter = self.queue.push(waiter, counter, deadline, stands, t);
        let named = |handle: &u32| self.fairness.as_ref().is_some_and(|fairness| !fairness.actors.is_overflow(*handle));
        let actor = actor.filter(named).map(ActorHandle);
        Enqueued::Waiting { waiter, actor, keys: self.limits.told(request.keys) }
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
        let late = deadline.is_some_and(|deadline| deadline <= t || deadline < earliest);
        late.then_some(Denial { cause: Cause::Deadline, ..why })
    }

    /// Sees to it that one more can wait: whether somebody else was refused for it, or the denial of the newcomer.
    fn make_place(&mut self, t: CoreTime, request: &Request, why: Denial) -> Result<bool, Denial> {
        let Queue { max, overflow, .. } = self.config.queue;
        if self.queue.len() < max {
            return Ok(false);
        }
        let [used, limit] = [self.queue.len(), max].map(u64::from);
        let full = |why| Denial { cause: Cause::QueueFull, subject: Subject::Waiters, used, limit, asked: 1, ..why };
        let oldest = match overflow {
            QueueOverflow::Reject => None,
            // More may wait than a maximum that was lowered, and none at one of 0.
            QueueOverflow::DropOldest => self.queue.oldest(request.priority).filter(|_| max > 0),
        };
        let Some((id, waiter)) = oldest else { return Err(full(why)) };
        let retry_at = waiter.why.retry_at.map(|at| at.max(self.clock.to_caller(t)));
        self.dismiss(t, id, &waiter, full(Denial { retry_at, ..waiter.why }));
        Ok(true)
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
            fairness.end_wait(actor, waiter.request.priority);
        }
    }

    /// Grants what fits in its turn, and refuses the waiters whose deadline has come. A deadline is the last instant at which
    /// its waiter is served.
    #[inline]
    pub(super) fn serve(&mut self, t: CoreTime) {
        if !self.queue.is_empty() {
            self.serve_waiters(t);
        }
    }

    #[inline(never)]
    fn serve_waiters(&mut self, t: CoreTime) {
        while let Some((id, waiter)) = self.queue.overdue(t.minus(1)) {
            self.refuse(t, id, &waiter);
        }
        self.queue.note_room(self.effective_max(), self.controller_opens().map(|(at, _)| at));
        self.queue.come(t);
        self.look(t);
        while let Some((id, waiter)) = self.queue.overdue(t) {
            self.refuse(t, id, &waiter);
            // It may have been the one that the others stood behind.
            self.look(t);
        }
    }

    fn refuse(&mut self, t: CoreTime, id: WaiterId, waiter: &Waiter) {
        let who = waiter.actor.map_or(Who::Known(NO_ACTOR), Who::Known);
        let denial = match self.check(t, &waiter.request, Some(Who::New)) {
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

    /// Looks at the heads whose turn may have come, in the order of their turn.
    fn look(&mut self, t: CoreTime) {
        while let Some((park, lane)) = self.queue.next(t) {
            self.look_at(t, park, lane);
        }
    }

    /// Grants to the first of a park, or puts it where it is bound now. If that is here, those behind it may pass.
    fn look_at(&mut self, t: CoreTime, park: u32, lane: u32) {
        let Some((id, waiter)) = self.queue.head(lane) else { return };
        self.count_look();
        let Some(refusal) = self.check(t, &waiter.request, Some(Who::New)) else {
            match self.keeper(t, &waiter.request, self.queue.passer(lane)) {
                None => self.serve_head(t, id, &waiter, lane),
                Some(keeper) => {
                    // Who keeps the room comes before this one there too, or each park would send it to the other.
                    self.queue.rise_aged(keeper, t);
                    let why = self.queue.why(keeper).unwrap_or(Why { reason: Reason::Concurrency, free_at: None });
                    self.queue.stand(lane, self.queue.at(keeper), why, t);
                }
            }
            return;
        };
        let Refusal { denial, free_at, not_before, at, why } = refusal;
        if free_at.is_none() {
            // A limit was lowered: waiting is of no use any more.
            self.dismiss(t, id, &waiter, denial);
        } else if self.queue.deadline(id).is_some_and(|deadline| deadline < not_before) {
            self.dismiss(t, id, &waiter, Denial { cause: Cause::Deadline, ..denial });
        } else if self.queue.at(park) != at {
            self.queue.stand(lane, at, why, t);
        } else {
            self.queue.bound(park, why, t);
            self.let_pass(t, park, lane);
        }
    }

    fn serve_head(&mut self, t: CoreTime, id: WaiterId, waiter: &Waiter, lane: u32) {
        self.note_passed(t, &waiter.request, self.queue.passer(lane));
        self.queue.remove(id);
        let who = waiter.actor.map_or(Who::Known(NO_ACTOR), Who::Known);
        let grant = self.grant(t, &waiter.request, who);
        self.forget(t, waiter);
        self.outputs.push_back(Output::Granted(id, grant));
    }

    /// Lets a few pass the first of a park, which does not fit there.
    fn let_pass(&mut self, t: CoreTime, park: u32, first: u32) {
        let at = self.queue.at(park);
        if at == At::SLOTS && !self.has_slots() {
            return;
        }
        for lane in self.queue.behind(park, first) {
            let Some((id, waiter)) = self.queue.head(lane) else { return };
            match self.keeper(t, &waiter.request, self.queue.passer(lane)) {
                // Nor may those who come after it.
                Some(keeper) if keeper == park => return,
                Some(_) => continue,
                None => {}
            }
            self.count_look();
            self.limits.advance(t, &waiter.request);
            if self.first_refusing(&waiter.request, Some(Who::New)).is_none() {
                self.serve_head(t, id, &waiter, lane);
            } else if let Some(fits_at) = self.limits.fits_at(t, at.place, &waiter.request) {
                self.queue.look_sooner(park, fits_at, t);
            }
        }
    }

    /// Looks are what waiting costs: tests count them.
    #[inline]
    const fn count_look(&mut self) {
        #[cfg(test)]
        {
            self.looks = self.looks.saturating_add(1);
        }
    }

    fn has_slots(&self) -> bool {
        self.pool.as_ref().is_none_or(|pool| pool.active() < self.effective_max())
            && self.leases.live() < self.config.caps.leases
    }

    /// The park of somebody whom this one may not pass, of those at what the request takes.
    fn keeper(&self, t: CoreTime, request: &Request, who: Passer) -> Option<u32> {
        let mut keeper = None;
        self.needs(request, &mut |park| {
            if keeper.is_none() && self.queue.keeps_from(park, who, t) {
                keeper = Some(park);
            }
        });
        keeper
    }

    /// Whether a head does not fit as things were at the last command, or may not pass: for checks of invariants.
    pub(super) fn has_to_wait(&self, lane: u32) -> bool {
        let t = self.clock.last();
        self.queue.head(lane).is_none_or(|(_, waiter)| {
            self.first_refusing(&waiter.request, Some(Who::New)).is_some()
                || self.keeper(t, &waiter.request, self.queue.passer(lane)).is_some()
        })
    }

    /// Notes whom a call passes that is let in.
    pub(super) fn note_passed(&mut self, t: CoreTime, request: &Request, who: Passer) {
        let things = (self.needs_slots(request), self.gates.has(request.family));
        let queue = &mut self.queue;
        needs(&self.limits, things, request, &mut |at| {
            if let Some(park) = queue.park(at) {
                queue.pass(park, who, t);
            }
        });
    }

    fn needs_slots(&self, request: &Request) -> bool {
        self.pool.is_some() && request.weight > 0 || self.leases.live() >= self.config.caps.leases
    }

    /// Shows the parks of what a request takes something of, where somebody stands.
    pub(super) fn needs(&self, request: &Request, see: &mut dyn FnMut(u32)) {
        let things = (self.needs_slots(request), self.gates.has(request.family));
        needs(&self.limits, things, request, &mut |at| {
            self.queue.park(at).into_iter().for_each(&mut *see);
        });
    }

    /// Charges an actor for a call that is granted.
    #[inline]
    pub(super) fn charge(&mut self, request: &Request, actor: u32, slot: u32) {
        // Who waited before there was fairness has no actor.
        let Some(fairness) = self.fairness.as_mut().filter(|_| actor != NO_ACTOR) else { return };
        fairness.note_share(actor, request.share);
        let counter = fairness.grant(actor, slot, request.priority, &call_of(request));
        if !self.queue.is_empty() {
            self.queue.set_counter(actor, counter);
        }
    }

    /// When a waiter may be served or refused without any command.
    #[inline]
    pub(super) fn next_turn(&self) -> Option<CoreTime> {
        if self.queue.is_empty() { None } else { self.next_turn_of_somebody() }
    }

    #[inline(never)]
    fn next_turn_of_somebody(&self) -> Option<CoreTime> {
        let adaptive = self.adaptive.as_ref().filter(|_| self.queue.waits_for_slots());
        // The end of a lease makes room for those who wait for slots, or for an answer to who tries.
        let turns =
            [self.queue.next_instant(), self.leases.next_expiry(), adaptive.map(|adaptive| adaptive.next_change())];
        turns.into_iter().flatten().min()
    }
}

fn needs(limits: &Limits, (slots, gate): (bool, bool), request: &Request, see: &mut dyn FnMut(At)) {
    if slots {
        see(At::SLOTS);
    }
    if gate {
        see(At::gate(request.family));
    }
    limits.needs(request, &mut |place, key| see(At { place, key }));
}

pub(super) fn call_of(request: &Request) -> Consumption {
    let tokens = Some(request.tokens.total()).filter(|&tokens| tokens > 0);
    Consumption { weight: request.weight, tokens, held_us: None }
}

#[cfg(test)]
mod tests;

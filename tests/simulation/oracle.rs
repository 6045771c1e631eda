//! What must be true of every answer, computed from the answers alone: who holds what, what every window has admitted, who
//! waits. It shares no data structure with the governor; its clock is `clock.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use fastrand::Rng;
use throttleai::trace::{Answer, Input};
use throttleai::{
    ActorHandle, Answered, Cause, Config, Decision, Denial, Enqueued, Governor, Grant, HiddenLimit, Instant, KeyHandle,
    Keys, Learnt, LeaseId, Outcome, Output, Priority, QueueOverflow, Released, Request, TOKENS_MAX, Tokens, WaiterId,
};

use crate::clock::Clock;
use crate::ledger::{Charges, Counted, Ledger};

/// Every so many commands the governor is replaced by its own restored image.
const RESTART_EVERY: u64 = 997;
/// For so many commands the replaced governor is asked the same.
const TWIN_FOR: u64 = 200;
const WEIGHT_MAX: u64 = 1_000_000_000_000_000;

#[derive(Clone, Debug)]
struct Held {
    weight: u64,
    tokens: Tokens,
    expires_at: i128,
    /// Place of its charge in the log, counted from the beginning of time.
    charge: u64,
    counted: Counted,
    charges: Charges,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    request: Request,
    /// Last instant at which it may be served, in core time.
    due: Option<i128>,
    /// The handle it got, if it has one of its own.
    actor: Option<ActorHandle>,
    /// Order of arrival.
    arrival: u64,
    /// Since when it waits, in core time.
    since: i128,
}

/// An exact log of what was admitted: instant, requests, tokens.
#[derive(Default)]
struct Log {
    entries: VecDeque<(i128, u64, u128)>,
    dropped: u64,
    requests: u64,
    tokens: u128,
}

pub struct Oracle {
    pub governor: Governor,
    twin: Option<(Governor, u64)>,
    config: Config,
    clock: Clock,
    held: BTreeMap<LeaseId, Held>,
    weight: u128,
    log: Log,
    ledger: Ledger,
    /// Limits whose calendar has asked for its boundaries.
    pub calendars: Vec<u32>,
    waiting: BTreeMap<WaiterId, Waiting>,
    /// Until when gates are closed, in core time, by family; `None`: until somebody acts.
    closed: BTreeMap<u32, Option<i128>>,
    /// Every name ever granted, which must not be granted again.
    last_generation: BTreeMap<u32, u32>,
    /// Some leases that have ended, newest last.
    pub ended: VecDeque<LeaseId>,
    expired: BTreeMap<LeaseId, Held>,
    pub actors: Vec<ActorHandle>,
    known_actors: BTreeSet<u32>,
    /// By set.
    pub keys: Vec<Vec<KeyHandle>>,
    /// The instant at which the last denied call would fit.
    pub promised: Option<Instant>,
    steps: u64,
    pub totals: Totals,
}

/// What a simulation has seen: a part that never happened was not tested.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    granted: u64,
    denied: u64,
    released: u64,
    late_settlements: u64,
    expired: u64,
    waited: u64,
    served: u64,
    refused: u64,
    cancelled: u64,
    restarts: u64,
    actors_freed: u64,
    promises_kept: u64,
    annulled: u64,
    gates_moved: u64,
    circuits: u64,
    learnt: u64,
}

impl Totals {
    pub fn add(&mut self, other: &Self) {
        let sum = self.list().iter().zip(other.list()).map(|(a, b)| a.1 + b.1).collect::<Vec<_>>();
        let [
            granted,
            denied,
            released,
            late_settlements,
            expired,
            waited,
            served,
            refused,
            cancelled,
            restarts,
            actors_freed,
            promises_kept,
            annulled,
            gates_moved,
            circuits,
            learnt,
        ] = sum.try_into().expect("sixteen counters");
        *self = Self {
            granted,
            denied,
            released,
            late_settlements,
            expired,
            waited,
            served,
            refused,
            cancelled,
            restarts,
            actors_freed,
            promises_kept,
            annulled,
            gates_moved,
            circuits,
            learnt,
        };
    }

    const fn list(&self) -> [(&'static str, u64); 16] {
        [
            ("granted", self.granted),
            ("denied", self.denied),
            ("released", self.released),
            ("settled after expiry", self.late_settlements),
            ("expired", self.expired),
            ("waited", self.waited),
            ("served", self.served),
            ("refused", self.refused),
            ("cancelled", self.cancelled),
            ("restarts", self.restarts),
            ("actors freed", self.actors_freed),
            ("promises kept", self.promises_kept),
            ("annulled", self.annulled),
            ("gates moved", self.gates_moved),
            ("circuits", self.circuits),
            ("learnt", self.learnt),
        ]
    }

    pub fn check_coverage(&self) {
        for (name, count) in self.list() {
            assert!(count > 0, "the simulation never met: {name}");
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.list().iter().map(|(name, count)| format!("{count} {name}")).collect();
        f.write_str(&parts.join(", "))
    }
}

/// How many sets of keys there are.
fn sets(config: &Config) -> usize {
    let keyed: BTreeSet<&str> = config.limits.iter().map(|limit| &*limit.per).filter(|per| !per.is_empty()).collect();
    keyed.len()
}

impl Oracle {
    pub fn new(config: &Config) -> Self {
        Self {
            governor: Governor::new(config.clone()).expect("a valid configuration"),
            twin: None,
            config: config.clone(),
            clock: Clock::default(),
            held: BTreeMap::new(),
            weight: 0,
            log: Log::default(),
            ledger: Ledger::new(config),
            calendars: Vec::new(),
            waiting: BTreeMap::new(),
            closed: BTreeMap::new(),
            last_generation: BTreeMap::new(),
            ended: VecDeque::new(),
            expired: BTreeMap::new(),
            actors: Vec::new(),
            known_actors: BTreeSet::new(),
            keys: vec![Vec::new(); sets(config)],
            promised: None,
            steps: 0,
            totals: Totals::default(),
        }
    }

    pub fn some_lease(&self, rng: &mut Rng) -> Option<LeaseId> {
        let from = LeaseId { slot: rng.u32(..self.last_generation.len().max(1) as u32), generation: 0 };
        self.held.range(from..).next().or_else(|| self.held.iter().next()).map(|(&id, _)| id)
    }

    pub fn some_waiter(&self, rng: &mut Rng) -> Option<WaiterId> {
        let from = WaiterId { slot: rng.u32(..50), generation: 0 };
        self.waiting.range(from..).next().or_else(|| self.waiting.iter().next()).map(|(&id, _)| id)
    }

    /// Gives a command and checks everything that can be known about its answer.
    pub fn step(&mut self, input: &Input) {
        let promise = self.promised.take();
        let now = match *input {
            Input::Acquire { now, .. }
            | Input::Enqueue { now, .. }
            | Input::Cancel { now, .. }
            | Input::Release { now, .. }
            | Input::Renew { now, .. }
            | Input::Timeout { now }
            | Input::Boundaries { now, .. }
            | Input::SetLimit { now, .. }
            | Input::Reconfigure { now, .. }
            | Input::Record { now, .. }
            | Input::Observe { now, .. }
            | Input::Reopen { now, .. }
            | Input::Annul { now, .. } => now,
        };
        let (set, before) = (self.clock.sets, self.clock.core);
        let t = self.clock.observe(now);
        if self.clock.sets != set {
            self.ledger.clock_set(before);
        }
        if let Input::Boundaries { limit, ends, next_ends, .. } = *input {
            let [ends, next] = [ends, next_ends].map(|at| i128::from(at.as_micros()) - self.clock.to_caller(0));
            self.ledger.boundaries(t, limit, ends.max(0), next.max(0));
            self.calendars.retain(|&asked| asked != limit);
        }
        if let Input::Record { request, .. } = input
            && !request.unlimited
        {
            self.ledger.record(t, &Counted::asked(request));
            self.enter(t, Counted::asked(request).tokens);
        }
        let (answer, outputs) = self.governor.apply(input);
        if let (Input::SetLimit { place, amount, .. }, Answer::Changed(true)) = (input, &answer) {
            self.config = self.governor.config().clone();
            self.ledger.set_limit(*place, *amount);
        }
        if let Some((twin, left)) = &mut self.twin {
            // What had been asked for before the restart is asked for again.
            let asked = |output: &Output| matches!(output, Output::NeedBoundaries(_));
            let (again, mut brought) = twin.apply(input);
            brought.retain(|output| !asked(output));
            let outputs = outputs.iter().copied().filter(|output| !asked(output)).collect();
            assert_eq!((again, brought), (answer, outputs), "a restored governor goes on differently");
            *left -= 1;
        }
        if self.twin.as_ref().is_some_and(|twin| twin.1 == 0) {
            self.twin = None;
        }
        // What time brought came before the answer; what the command brought (a freed slot given to a waiter), after it.
        // (Who begins to wait may also be served by the same command: its own actor waits behind it, so others pass.)
        if let (Input::Enqueue { request, deadline, .. }, Answer::Enqueued(Enqueued::Waiting { waiter, actor, keys })) =
            (input, &answer)
        {
            let due = deadline.map(|at| i128::from(at.as_micros()) - self.clock.to_caller(0));
            self.note_keys(*keys);
            let request = Request { keys: *keys, ..*request };
            self.waiting
                .insert(*waiter, Waiting { request, due, actor: *actor, arrival: self.steps, since: self.clock.core });
        }
        let released = matches!(input, Input::Release { .. } | Input::Annul { .. } | Input::Observe { .. });
        if released {
            self.check_answer(t, input, &answer, promise);
        }
        outputs.iter().for_each(|output| self.check_output(t, output));
        if !released {
            self.check_answer(t, input, &answer, promise);
        }
        self.steps += 1;
        self.check_state(now);
        if self.steps.is_multiple_of(RESTART_EVERY) && self.waiting.is_empty() {
            self.restart();
        }
    }

    fn check_answer(&mut self, t: i128, input: &Input, answer: &Answer, promise: Option<Instant>) {
        match (input, answer) {
            (Input::Acquire { request, now }, Answer::Decided(decision)) => {
                self.check_decision(t, *now, request, decision, promise)
            }
            (Input::Enqueue { request, .. }, Answer::Enqueued(enqueued)) => match enqueued {
                Enqueued::Granted(grant) if grant.reused => self.check_reused(request, grant),
                Enqueued::Granted(grant) => self.granted(t, request, grant),
                Enqueued::Denied(denial) => self.check_denial(denial),
                Enqueued::Waiting { actor, .. } => {
                    self.totals.waited += 1;
                    self.note_actor(*actor);
                }
            },
            (Input::Cancel { waiter, .. }, Answer::Cancelled(waited)) => {
                assert_eq!(self.waiting.remove(waiter).is_some(), *waited, "cancelled {waiter:?}");
                self.totals.cancelled += u64::from(*waited);
            }
            (Input::Release { lease, report, .. }, Answer::Released(released)) => {
                self.check_release(*lease, report, released)
            }
            (Input::Renew { lease, .. }, Answer::Renewed(renewed)) => {
                assert_eq!(renewed.is_some(), self.held.contains_key(lease), "renewed {lease:?}");
                let expires_at = renewed.map(|at| i128::from(at.as_micros()) - self.clock.to_caller(0));
                if let (Some(at), Some(held)) = (expires_at, self.held.get_mut(lease)) {
                    held.expires_at = at;
                }
            }
            (Input::Annul { lease, .. }, Answer::Annulled(annulled)) => self.check_annulled(*lease, *annulled),
            (Input::Timeout { .. } | Input::Boundaries { .. }, Answer::Done) => {}
            (Input::Record { .. } | Input::Observe { .. }, Answer::Recorded(keys)) => {
                self.note_keys(*keys);
                self.note_followed(input, *keys);
                self.note_refused(input);
            }
            (Input::SetLimit { .. } | Input::Reconfigure { .. } | Input::Reopen { .. }, Answer::Changed(_)) => {}
            _ => panic!("{input:?} was answered with {answer:?}"),
        }
    }

    /// The caller's instant of a core instant.
    fn governor_now(&self, core: i128) -> Instant {
        Instant::from_micros(u64::try_from(self.clock.to_caller(core)).unwrap_or(0))
    }

    fn check_decision(
        &mut self,
        t: i128,
        now: Instant,
        request: &Request,
        decision: &Decision,
        promise: Option<Instant>,
    ) {
        match decision {
            Decision::Granted(grant) if grant.reused => self.check_reused(request, grant),
            Decision::Granted(grant) => {
                self.totals.promises_kept += u64::from(promise.is_some_and(|at| at <= now));
                self.granted(t, request, grant);
            }
            Decision::Denied(denial) => {
                self.check_denial(denial);
                self.promised = denial.retry_at.filter(|&at| at >= now);
            }
        }
    }

    fn check_reused(&self, request: &Request, grant: &Grant) {
        assert_eq!(Some(grant.lease), request.claim);
        assert!(self.held.contains_key(&grant.lease), "{:?} is returned again and was never granted", grant.lease);
    }

    fn check_denial(&mut self, denial: &Denial) {
        self.totals.denied += 1;
        assert!((25..=5_000).contains(&denial.retry_after_ms), "{denial:?}");
        assert_eq!(denial.never.is_some(), denial.retry_at.is_none(), "{denial:?}");
    }

    fn granted(&mut self, t: i128, request: &Request, grant: &Grant) {
        let closed = self.closed.get(&request.family);
        assert!(
            closed.is_none_or(|until| until.is_some_and(|at| at <= t)),
            "{request:?} was sent through a closed gate"
        );
        let generation = grant.lease.generation;
        let before = self.last_generation.insert(grant.lease.slot, generation);
        assert!(before.is_none_or(|before| before < generation), "{:?} was granted before", grant.lease);
        let tokens =
            Tokens { prompt: request.tokens.prompt.min(TOKENS_MAX), output: request.tokens.output.min(TOKENS_MAX) };
        let weight = request.weight.min(WEIGHT_MAX);
        if let Some(concurrency) = &self.config.concurrency {
            self.weight += u128::from(weight);
            assert!(self.weight <= u128::from(concurrency.max_in_flight), "{} in flight", self.weight);
        }
        let counted = Counted::asked(request);
        // What no limit counts stands nowhere.
        let (charge, charges) = if request.unlimited {
            (u64::MAX, Charges::new())
        } else {
            (self.charge(t, tokens), self.ledger.admit(t, &counted))
        };
        let expires_at = t + i128::from(self.config.lease_ttl_us);
        assert_eq!(grant.expires_at, self.governor_now(expires_at), "expiry in the caller's time");
        self.held.insert(grant.lease, Held { weight, tokens, expires_at, charge, counted, charges });
        self.note_actor(grant.actor);
        self.note_keys(self.governor.keys_of(grant.lease));
        self.totals.granted += 1;
    }

    /// Writes an admission into the log, and checks that no window is above its limit with it.
    fn charge(&mut self, t: i128, tokens: Tokens) -> u64 {
        let place = self.enter(t, tokens);
        let Some(rate) = &self.config.rate else { return 0 };
        let log = &self.log;
        assert!(rate.requests.is_none_or(|max| log.requests <= max), "{} requests in a window", log.requests);
        assert!(rate.tokens.is_none_or(|max| log.tokens <= u128::from(max)), "{} tokens in a window", log.tokens);
        place
    }

    /// Writes a call into the log; its place there.
    fn enter(&mut self, t: i128, tokens: Tokens) -> u64 {
        let Some(rate) = &self.config.rate else { return 0 };
        let log = &mut self.log;
        while log.entries.front().is_some_and(|entry| entry.0 + i128::from(rate.window_us) <= t) {
            let (_, requests, tokens) = log.entries.pop_front().unwrap_or_default();
            log.requests -= requests;
            log.tokens -= tokens;
            log.dropped += 1;
        }
        log.entries.push_back((t, 1, u128::from(tokens.total())));
        log.requests += 1;
        log.tokens += u128::from(tokens.total());
        log.dropped + log.entries.len() as u64 - 1
    }

    fn settle(&mut self, held: &Held, report: &throttleai::Report) {
        let used = Tokens {
            prompt: report.prompt_tokens.unwrap_or(held.tokens.prompt).min(TOKENS_MAX),
            output: report.output_tokens.unwrap_or(held.tokens.output).min(TOKENS_MAX),
        };
        let counted = held.counted.reported(used, &report.amounts);
        self.ledger.settle(&held.charges, &held.counted, Some(&counted));
        let log = &mut self.log;
        if let Some(entry) = held.charge.checked_sub(log.dropped).and_then(|at| log.entries.get_mut(at as usize)) {
            log.tokens = log.tokens - entry.2 + u128::from(used.total());
            entry.2 = u128::from(used.total());
        }
    }

    /// Waiters of a family are counted by limits that follow what its provider says, though they named no keys.
    fn note_followed(&mut self, input: &Input, keys: Keys) {
        let Input::Observe { seen, .. } = input else { return };
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.request.family == seen.family) {
            for (set, handle) in keys.iter().filter(|_| seen.family > 0) {
                let _ = waiting.request.keys.push(set, handle);
            }
        }
    }

    fn note_refused(&mut self, input: &Input) {
        let Input::Observe { seen, .. } = input else { return };
        let held = seen.lease.and_then(|lease| self.held.get_mut(&lease));
        if let Some(held) = held.filter(|_| seen.answered == Answered::Transient) {
            self.ledger.refuse(&mut held.charges);
        }
    }

    fn check_annulled(&mut self, lease: LeaseId, annulled: bool) {
        let held = self.held.remove(&lease);
        assert_eq!(held.is_some(), annulled, "{lease:?} annulled");
        let Some(held) = held else { return };
        self.give_back(&held);
        self.ledger.settle(&held.charges, &held.counted, None);
        let log = &mut self.log;
        if let Some(entry) = held.charge.checked_sub(log.dropped).and_then(|at| log.entries.get_mut(at as usize)) {
            log.requests -= entry.1;
            log.tokens -= entry.2;
            (entry.1, entry.2) = (0, 0);
        }
        self.remember(lease);
        self.totals.annulled += 1;
    }

    fn check_release(&mut self, lease: LeaseId, report: &throttleai::Report, released: &Released) {
        match released {
            Released::Live { weight, .. } => {
                let held =
                    self.held.remove(&lease).unwrap_or_else(|| panic!("{lease:?} was released and was never granted"));
                assert_eq!(*weight, held.weight);
                let mut held = held;
                self.give_back(&held);
                if report.outcome == Outcome::Refused {
                    self.ledger.refuse(&mut held.charges);
                }
                self.settle(&held, report);
                self.remember(lease);
                self.totals.released += 1;
            }
            Released::AfterExpiry => {
                let held = self.expired.remove(&lease).unwrap_or_else(|| panic!("{lease:?} settled and never expired"));
                self.settle(&held, report);
                self.totals.late_settlements += 1;
            }
            Released::Double | Released::Unknown => assert!(!self.held.contains_key(&lease), "{lease:?} is held"),
        }
    }

    fn give_back(&mut self, held: &Held) {
        if self.config.concurrency.is_some() {
            self.weight -= u128::from(held.weight);
        }
    }

    fn remember(&mut self, lease: LeaseId) {
        self.ended.push_back(lease);
        if self.ended.len() > 100 {
            self.ended.pop_front();
        }
    }

    fn check_output(&mut self, t: i128, output: &Output) {
        match output {
            Output::Gate(moved) => {
                assert!(!moved.open || moved.until.is_none() && !moved.circuit, "{moved:?}");
                if moved.open {
                    self.closed.remove(&moved.family);
                } else {
                    let until = moved.until.map(|at| i128::from(at.as_micros()) - self.clock.to_caller(0));
                    self.closed.insert(moved.family, until);
                    self.totals.circuits += u64::from(moved.circuit && until.is_some());
                }
                self.totals.gates_moved += 1;
            }
            Output::Learnt(Learnt { known: HiddenLimit { estimate, low, high }, .. }) => {
                assert!(low <= estimate && estimate <= high, "{output:?}");
                self.totals.learnt += 1;
            }
            Output::Expired { lease, weight } => {
                let held = self.held.remove(lease).unwrap_or_else(|| panic!("{lease:?} expired and was never granted"));
                assert_eq!(*weight, held.weight);
                assert!(held.expires_at <= t, "{lease:?} expired too early");
                self.give_back(&held);
                self.remember(*lease);
                self.expired.insert(*lease, held);
                self.totals.expired += 1;
            }
            Output::Granted(waiter, grant) => {
                let Waiting { request, due, .. } =
                    self.waiting.remove(waiter).unwrap_or_else(|| panic!("{waiter:?} was not waiting"));
                assert!(due.is_none_or(|due| due >= t), "{waiter:?} was served after its deadline");
                self.granted(t, &request, grant);
                self.totals.served += 1;
            }
            Output::Refused(waiter, denial) => {
                let Waiting { due, request, arrival, .. } =
                    self.waiting.remove(waiter).unwrap_or_else(|| panic!("{waiter:?} was not waiting"));
                match denial.cause {
                    Cause::QueueFull => self.check_dropped(request.priority, arrival),
                    Cause::Deadline => {
                        let first = denial.retry_at.map(|at| i128::from(at.as_micros()) - self.clock.to_caller(0));
                        let too_late = due.zip(first).is_some_and(|(due, first)| first > due);
                        assert!(
                            too_late || due.is_some_and(|due| due <= t),
                            "{waiter:?} was refused before its deadline"
                        );
                    }
                    _ => assert!(denial.never.is_some(), "{waiter:?} was refused for now"),
                }
                self.check_denial(denial);
                self.totals.refused += 1;
            }
            Output::KeyFreed(key) => {
                let known: usize = self.keys.iter().map(Vec::len).sum();
                self.keys.iter_mut().for_each(|keys| keys.retain(|own| own != key));
                assert_eq!(self.keys.iter().map(Vec::len).sum::<usize>() + 1, known, "{key:?} was freed and not known");
            }
            Output::Warned(warning) => {
                let first = self.config.rate.map_or(0, |rate| rate.requests.iter().chain(&rate.tokens).count());
                let limit = &self.config.limits[warning.limit as usize - first];
                let part = u128::from(limit.warn_at[warning.part as usize]);
                assert!(u128::from(warning.used) * 1_000_000 >= part * u128::from(warning.max), "{warning:?}");
            }
            Output::NeedBoundaries(limit) => self.calendars.push(*limit),
            Output::ActorFreed(actor) => {
                assert!(self.known_actors.remove(&actor.0), "{actor:?} was freed and not known");
                self.actors.retain(|known| known != actor);
                self.totals.actors_freed += 1;
            }
        }
    }

    /// Of its class nobody had waited longer, and nobody of a lower one waited.
    fn check_dropped(&self, priority: Priority, arrival: u64) {
        assert_eq!(self.config.queue.overflow, QueueOverflow::DropOldest);
        for other in self.waiting.values() {
            let of_class = other.request.priority.cmp(&priority);
            assert!(
                of_class.is_lt() || of_class.is_eq() && other.arrival > arrival,
                "{other:?} should have gone first"
            );
        }
    }

    fn note_actor(&mut self, actor: Option<ActorHandle>) {
        if let Some(actor) = actor
            && self.known_actors.insert(actor.0)
        {
            self.actors.push(actor);
        }
    }

    fn note_keys(&mut self, keys: Keys) {
        for (set, handle) in keys.iter() {
            let elsewhere = |(other, known): (usize, &Vec<KeyHandle>)| {
                other != usize::from(set) && handle.is_some_and(|handle| known.contains(&handle))
            };
            assert!(!self.keys.iter().enumerate().any(elsewhere), "{handle:?} stands for two keys");
            let known = &mut self.keys[usize::from(set)];
            known.extend(handle.filter(|handle| !known.contains(handle)));
        }
    }

    fn check_state(&mut self, now: Instant) {
        let view = self.governor.view(now);
        assert_eq!(view.active_leases as usize, self.held.len(), "leases were lost or leaked");
        assert_eq!(view.waiting as usize, self.waiting.len(), "waiters were lost or leaked");
        assert_eq!(view.concurrency.map_or(0, |pool| u128::from(pool.active)), self.weight);
        assert_eq!(self.known_actors.len(), view.actors as usize, "handles were lost or leaked");
        assert_eq!(self.keys.iter().map(Vec::len).sum::<usize>(), view.keys as usize, "keys were lost or leaked");
        let caps = &self.config.caps;
        let within = view.active_leases <= caps.leases
            && view.actors <= caps.actors
            && view.keys <= caps.keys
            && view.waiting <= self.config.queue.max;
        assert!(within, "a cap is exceeded: {view:?}");
        if self.steps.is_multiple_of(64) {
            self.governor.check_invariants().expect("invariants");
            self.check_first_waiter(now);
        }
    }

    /// No wake-up is lost: while the governor asks for nothing, whoever is first does not fit. Where consumption counts it is
    /// only known who is first while a single call waits; background work that came before all others may count as interactive.
    fn check_first_waiter(&self, now: Instant) {
        let counts = self.config.fairness.is_some() || self.config.shares;
        // A reading that goes back a little takes no time back: what was due before it is due.
        let now = now.max(self.governor_now(self.clock.core));
        let due = self.governor.poll_timeout().is_some_and(|(at, _)| at <= now);
        let first = self.waiting.values().min_by_key(|waiting| (waiting.request.priority, waiting.arrival));
        let known = |first: &&Waiting| {
            let earliest = self.waiting.values().all(|other| other.arrival >= first.arrival);
            // One that came later, was passed elsewhere and has aged counts as interactive before older background work.
            let ageing = i128::from(self.config.queue.ageing_us);
            let may_have_aged = |other: &Waiting| self.clock.core - other.since >= ageing;
            let is_background = first.request.priority == Priority::Background;
            let is_kept = || self.waiting.values().any(|other| other.arrival > first.arrival && may_have_aged(other));
            if counts {
                self.waiting.len() == 1 && first.actor.is_some()
            } else {
                earliest && !(is_background && is_kept())
            }
        };
        let Some(first) = first.filter(|first| !due && known(first)) else { return };
        // Who waits under a key that many share may get one of its own when it asks again.
        if first.request.keys.iter().any(|(_, handle)| handle.is_none()) {
            return;
        }
        let mut twin = Governor::restore(self.config.clone(), &self.governor.save()).expect("its own image");
        let request = Request { actor: first.actor, barge: true, claim: None, ..first.request };
        if let Decision::Granted(grant) = twin.acquire(now, &request) {
            panic!("{first:?} waits and would be granted {grant:?}");
        }
    }

    fn restart(&mut self) {
        let image = self.governor.save();
        let restored = Governor::restore(self.config.clone(), &image).expect("its own image");
        assert_eq!(restored.save(), image, "an image of a restored governor is the same image");
        self.twin = Some((std::mem::replace(&mut self.governor, restored), TWIN_FOR));
        self.totals.restarts += 1;
    }

    /// Nothing is lost: left alone, every lease expires and every waiter with a deadline is answered.
    pub fn end(&mut self) {
        for waiter in self.waiting.keys().copied().collect::<Vec<_>>() {
            let now = self.governor_now(self.clock.core);
            self.step(&Input::Cancel { now, waiter });
        }
        while let Some((at, _)) = self.governor.poll_timeout() {
            self.step(&Input::Timeout { now: at.max(self.governor_now(self.clock.core)) });
        }
        assert!(self.held.is_empty(), "leases never expired: {:?}", self.held);
        assert!(self.governor.poll_output().is_none());
    }
}

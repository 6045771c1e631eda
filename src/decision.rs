//! Decides nothing: the words in which the governor is asked and answers. Plain data, no text; users' languages make those.
//!
//! Units: weights in millionths (1.0 is 1,000,000), tokens whole, times in the caller's microseconds.

use core::hash::{Hash, Hasher};

use crate::observation::GateMoved;
use crate::time::{Instant, whole};

/// Who is served first, and whether the interactive reserve is open to the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Somebody waits for the answer. Served first; may use every slot.
    #[default]
    Interactive,
    /// Nobody waits. Leaves the interactive reserve free.
    Background,
}

/// Names an actor for as long as the governor remembers it. Handed out by grants, see [`Grant::actor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActorHandle(pub u32);

/// Names a key for as long as the governor remembers it. Handed out by grants, see [`Governor::keys_of`](crate::Governor::keys_of).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyHandle(pub u32);

/// How many sets of limits can count one call by keys.
pub const KEYS_MAX: usize = 8;

/// Which keys a call counts under: limits with the same [`Limit::per`](crate::Limit::per) are a set, and a set counts each
/// of its keys apart. Sets are numbered by the first limit of each; a call that names no key of a set is not counted by it.
///
/// ```
/// use throttleai::Keys;
/// let mut keys = Keys::default();
/// assert!(keys.push(0, None), "a key of the first set that the governor has no handle for");
/// assert_eq!(keys.iter().collect::<Vec<_>>(), [(0, None)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    len: u8,
    sets: [u16; KEYS_MAX],
    handles: [u32; KEYS_MAX],
}

/// One by one: arrays of integers are hashed as they stand in memory, which is not the same on every machine.
impl Hash for Keys {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len.hash(state);
        self.each().for_each(|key| key.hash(state));
    }
}

/// In place of a handle.
pub(crate) const NO_HANDLE: u32 = u32::MAX;

impl Default for Keys {
    #[inline]
    fn default() -> Self {
        Self { len: 0, sets: [0; KEYS_MAX], handles: [NO_HANDLE; KEYS_MAX] }
    }
}

impl Keys {
    /// Adds a key of a set. `false` if [`KEYS_MAX`] are there, or one of that set: then nothing has changed.
    pub fn push(&mut self, set: u16, handle: Option<KeyHandle>) -> bool {
        let at = usize::from(self.len);
        if self.each().any(|(other, _)| other == set) {
            return false;
        }
        let (Some(own), Some(place)) = (self.sets.get_mut(at), self.handles.get_mut(at)) else { return false };
        (*own, *place) = (set, handle.map_or(NO_HANDLE, |handle| handle.0));
        self.len = self.len.saturating_add(1);
        true
    }

    /// Set and handle of each key; `None`: a key that the governor has no handle for.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Option<KeyHandle>)> + '_ {
        self.each().map(|(set, handle)| (set, Some(KeyHandle(handle)).filter(|_| handle != NO_HANDLE)))
    }

    /// Whether it names none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The same keys where their sets have other numbers, without those of sets that have none.
    pub(crate) fn in_sets(&self, numbers: &[Option<u16>]) -> Self {
        let mut keys = Self::default();
        for (set, handle) in self.iter() {
            if let Some(Some(number)) = numbers.get(usize::from(set)) {
                keys.push(*number, handle);
            }
        }
        keys
    }

    /// Drops the keys of sets from this number on.
    pub(crate) fn keep_sets(&mut self, sets: usize) {
        if self.each().any(|(set, _)| usize::from(set) >= sets) {
            let all = core::mem::take(self);
            for (set, handle) in all.iter().filter(|(set, _)| usize::from(*set) < sets) {
                self.push(set, handle);
            }
        }
    }

    /// Set and handle of each key, where [`NO_HANDLE`] is none.
    #[inline]
    pub(crate) fn each(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.sets.iter().copied().zip(self.handles).take(self.len.into())
    }

    #[inline]
    pub(crate) fn each_mut(&mut self) -> impl Iterator<Item = (u16, &mut u32)> + '_ {
        self.sets.iter().copied().zip(&mut self.handles).take(self.len.into())
    }
}

/// Names a lease: a slot, and how often the slot had been used before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId {
    /// Place in the governor's table; small numbers that are used again.
    pub slot: u32,
    /// Tells the users of one slot apart; never used twice.
    pub generation: u32,
}

/// Names a waiter in the queue, as [`LeaseId`] names a lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WaiterId {
    /// Place in the queue's table.
    pub slot: u32,
    /// Tells the users of one place apart.
    pub generation: u32,
}

/// What a limit counts. All but calls are estimated when admitted and corrected when reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Calls admitted.
    Requests,
    /// Model tokens of prompt and output together.
    Tokens,
    /// Model tokens of the prompt.
    InputTokens,
    /// Model tokens of the answer.
    OutputTokens,
    /// Money, in millionths of a dollar.
    CostUsd,
    /// One of the user's own, whole: an index into [`Config::metrics`](crate::Config::metrics).
    Custom(u8),
}

/// How many metrics of their own the limits of one governor can count.
pub const METRICS_MAX: usize = 4;

/// What a call counts beyond itself and its tokens; each amount at most [`TOKENS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// In millionths of a dollar.
    pub cost_micros: u64,
    /// By index of [`Metric::Custom`].
    pub custom: [u64; METRICS_MAX],
}

/// What a call really counted beyond itself and its tokens; `None` keeps the estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportedAmounts {
    /// In millionths of a dollar.
    pub cost_micros: Option<u64>,
    /// By index of [`Metric::Custom`].
    pub custom: [Option<u64>; METRICS_MAX],
}

impl Amounts {
    pub(crate) fn capped(self) -> Self {
        let Self { cost_micros, custom } = self;
        Self { cost_micros: cost_micros.min(TOKENS_MAX), custom: custom.map(|amount| amount.min(TOKENS_MAX)) }
    }

    /// These, corrected by what was reported.
    pub(crate) fn corrected(self, reported: &ReportedAmounts) -> Self {
        let mut custom = self.custom;
        for (amount, told) in custom.iter_mut().zip(reported.custom) {
            *amount = told.unwrap_or(*amount);
        }
        Self { cost_micros: reported.cost_micros.unwrap_or(self.cost_micros), custom }.capped()
    }
}

/// The tokens of a call: estimated before it, used after it. Whole tokens, each at most [`TOKENS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens of the prompt.
    pub prompt: u64,
    /// Tokens of the answer.
    pub output: u64,
}

/// The largest number of tokens that one half of an estimate or report may name: 10^12. With at most 4,000,000 leases in
/// flight, no window can be taken beyond 2^63 by any sequence of reports.
pub const TOKENS_MAX: u64 = 1_000_000_000_000;

impl Tokens {
    /// Tokens of an estimate or report with fractions (`text.length / 4` is how people estimate): each half is rounded up;
    /// what is not a positive number is 0.
    ///
    /// ```
    /// # use throttleai::Tokens;
    /// assert_eq!(Tokens::rounded_up(12.25, f64::NAN), Tokens { prompt: 13, output: 0 });
    /// ```
    #[must_use]
    pub fn rounded_up(prompt: f64, output: f64) -> Self {
        Self { prompt: round_up(prompt), output: round_up(output) }
    }

    /// Prompt and output together.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.prompt.saturating_add(self.output)
    }

    pub(crate) fn capped(self) -> Self {
        Self { prompt: self.prompt.min(TOKENS_MAX), output: self.output.min(TOKENS_MAX) }
    }
}

pub(crate) fn round_up(amount: f64) -> u64 {
    let down = whole(amount);
    down.saturating_add(u64::from((down as i64 as f64) < amount))
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Who asks, if the governor knows it already. `None`: an unknown actor, which gets a handle when it is granted a lease
    /// and a rule reads actors.
    pub actor: Option<ActorHandle>,
    /// The actor's part in the order of those who wait, in thousandths: 1,000 is 1, the default of an actor; 1 to 1,000,000.
    /// `None`: as before. It counts for what is charged from then on.
    pub share: Option<u32>,
    /// Interactive by default.
    pub priority: Priority,
    /// Concurrency held while the lease lasts, in millionths; 1,000,000 by default, at most 10^15.
    pub weight: u64,
    /// Estimated tokens, charged at once and corrected at release.
    pub tokens: Tokens,
    /// What else is estimated, charged and corrected likewise where a limit counts it. Nothing by default.
    pub amounts: Amounts,
    /// Which keys it counts under. None by default: only limits without [`Limit::per`](crate::Limit::per) count it.
    pub keys: Keys,
    /// No limit counts it, only concurrency and fairness do. `false` by default.
    pub unlimited: bool,
    /// Whose gate it goes through, see [`Governor::observe`](crate::Governor::observe): 1 to 1,024; 0, the default: none.
    pub family: u32,
    /// May be granted although others wait for the same. `false` by default.
    pub barge: bool,
    /// The lease that the caller's table says holds the same idempotency key. If it is live it is returned again.
    pub claim: Option<LeaseId>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            actor: None,
            share: None,
            priority: Priority::Interactive,
            weight: 1_000_000,
            tokens: Tokens::default(),
            amounts: Amounts::default(),
            keys: Keys::default(),
            unlimited: false,
            family: 0,
            barge: false,
            claim: None,
        }
    }
}

impl Request {
    /// A weight in slots as the millionths of [`Request::weight`], rounded to the nearest; NaN and negative weights are 0.
    ///
    /// ```
    /// # use throttleai::Request;
    /// assert_eq!(Request::weight_of(0.1 + 0.2), 300_000);
    /// ```
    #[must_use]
    pub fn weight_of(slots: f64) -> u64 {
        whole(slots * 1_000_000.0 + 0.5)
    }
}

impl Report {
    /// A report from numbers with fractions, NaN for what is not known: milliseconds, and tokens that are rounded up.
    #[must_use]
    pub fn of(outcome: Outcome, latency_ms: f64, prompt_tokens: f64, output_tokens: f64) -> Self {
        let known = |number: f64| Some(number).filter(|number| !number.is_nan());
        Self {
            outcome,
            latency_us: known(latency_ms).map(|ms| whole(ms * 1000.0)),
            prompt_tokens: known(prompt_tokens).map(round_up),
            output_tokens: known(output_tokens).map(round_up),
            retry_after_us: None,
            amounts: ReportedAmounts::default(),
        }
    }
}

/// A lease was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// Its name, for `release` and `renew`.
    pub lease: LeaseId,
    /// When it ends unless renewed or released.
    pub expires_at: Instant,
    /// The actor's handle for later requests; `None` where no rule reads actors, or where the governor is full and counts
    /// this actor together with others.
    pub actor: Option<ActorHandle>,
    /// The lease existed before: the request's claim.
    pub reused: bool,
}

/// The four documented reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not enough concurrency.
    Concurrency,
    /// A request or token limit.
    Rate,
    /// A cost or calendar limit.
    Budget,
    /// Fairness, or a cap of the governor itself.
    Policy,
}

/// The finer why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// All slots are in use.
    Slots,
    /// What is free is reserved for interactive calls.
    Reserve,
    /// The actor holds its fair share.
    Share,
    /// A limit has no room.
    Limit,
    /// A budget is spent.
    Budget,
    /// The provider asked for a pause.
    Cooldown,
    /// The queue is full.
    QueueFull,
    /// Others wait for the same.
    QueuedAhead,
    /// It would come too late.
    Deadline,
    /// It can never fit.
    TooLarge,
    /// The governor holds as much as it may.
    Cap,
    /// The store failed.
    Store,
    /// The provider is down.
    Circuit,
}

/// What the numbers of a denial count, which also chooses its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Weight in flight against the effective maximum.
    Slots,
    /// The same, refused for the actor's share of it.
    Share,
    /// Requests in the window.
    Requests,
    /// Tokens in the window.
    Tokens,
    /// What one of the configured limits counts, in whole units of its metric: its place among them, see
    /// [`Denial::binding`]; `u32::MAX` if a change of the configuration has taken it away since.
    Limit(u32),
    /// The same of a limit that is a budget: one of money, or of a calendar period.
    Budget(u32),
    /// The provider, which refuses calls or fails.
    Provider,
    /// Waiters ahead.
    Waiters,
    /// Leases against the governor's cap.
    Leases,
    /// Actors against the governor's cap.
    Actors,
    /// Keys against the governor's cap.
    Keys,
}

/// Why a call may not be made now. A refused call has consumed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub struct Denial {
    /// The documented reason: the first check that refused.
    pub reason: Reason,
    /// The finer why.
    pub cause: Cause,
    /// What `used`, `limit` and `asked` count.
    pub subject: Subject,
    /// What is counted now. Weights in millionths.
    pub used: u64,
    /// The limit.
    pub limit: u64,
    /// What the call asked for.
    pub asked: u64,
    /// A polite delay before asking again, 25 to 5000 ms.
    pub retry_after_ms: u32,
    /// The instant at which the call would fit; `None` if it never can. Exact for limits; for concurrency the instant by
    /// which enough leases will have expired, a release comes sooner; behind waiters a lower bound.
    pub retry_at: Option<Instant>,
    /// What can never fit; exactly where `retry_at` is `None`. Not always the check that gave the reason.
    pub never: Option<Never>,
    /// The limit that frees last: its place among the configured limits, requests and tokens of `rate` before those of
    /// `limits`.
    pub binding: Option<u32>,
}

impl Denial {
    /// Names limits by other places; `None` of one that is gone.
    #[inline(never)]
    pub(crate) fn move_places(&mut self, place_of: &dyn Fn(u32) -> Option<u32>) {
        self.binding = self.binding.and_then(place_of);
        let subjects = [Some(&mut self.subject), self.never.as_mut().map(|never| &mut never.subject)];
        for subject in subjects.into_iter().flatten() {
            if let Subject::Limit(place) | Subject::Budget(place) = subject {
                *place = place_of(*place).unwrap_or(u32::MAX);
            }
        }
    }
}

/// More than could ever be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Never {
    /// What the amounts count.
    pub subject: Subject,
    /// What the call asked for.
    pub asked: u64,
    /// The largest amount that could be granted.
    pub max_allowed: u64,
}

impl Subject {
    /// An amount of this in the unit people use: weights as numbers of slots, everything else as it is.
    #[must_use]
    pub fn in_units(self, amount: u64) -> f64 {
        match self {
            Self::Slots | Self::Share => amount as i64 as f64 / 1_000_000.0,
            _ => amount as i64 as f64,
        }
    }
}

/// The answer to `acquire`.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum Decision {
    /// Go.
    Granted(Grant),
    /// Not now, or never.
    Denied(Denial),
}

/// The answer to `enqueue`.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum Enqueued {
    /// There was room at once.
    Granted(Grant),
    /// It waits; an [`Output::Granted`] or [`Output::Refused`] follows.
    Waiting {
        /// Its name.
        waiter: WaiterId,
        /// The actor's handle, as in a grant.
        actor: Option<ActorHandle>,
        /// The keys under which it will be counted, as [`keys_of`](crate::Governor::keys_of) names those of a lease.
        keys: Keys,
    },
    /// It was refused: never grantable, too late, or the queue is full.
    Denied(Denial),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// With an answer.
    #[default]
    Success,
    /// With an error of the provider or an exception.
    Error,
    /// Without an answer in time.
    Timeout,
    /// By its caller.
    Cancelled,
    /// With the provider's refusal: too many calls, or overload.
    Refused,
}

impl Outcome {
    /// What it is if the provider's answer had this HTTP status: 429, 503 and 529 are refusals, whatever became of the call.
    ///
    /// ```
    /// use throttleai::Outcome;
    /// assert_eq!(Outcome::Error.with_status(429), Outcome::Refused);
    /// assert_eq!(Outcome::Error.with_status(500), Outcome::Error);
    /// ```
    #[must_use]
    pub const fn with_status(self, status: u16) -> Self {
        match status {
            429 | 503 | 529 => Self::Refused,
            _ => self,
        }
    }
}

/// What is known of a call at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// How long the call took, in microseconds; `None`: as long as the lease was held.
    pub latency_us: Option<u64>,
    /// Prompt tokens really used; `None` keeps the estimate.
    pub prompt_tokens: Option<u64>,
    /// Output tokens really used; `None` keeps the estimate.
    pub output_tokens: Option<u64>,
    /// How long the provider asked for a pause, in microseconds, if it refused the call.
    pub retry_after_us: Option<u64>,
    /// What else was really used.
    pub amounts: ReportedAmounts,
}

/// The answer to `release`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Released {
    /// The lease has ended now.
    Live {
        /// How long it was held, in microseconds.
        held_us: u64,
        /// The lifetime that it was granted, in microseconds; the configured one if it was renewed.
        ttl_us: u64,
        /// It was held for more than 80 % of that, and not renewed.
        late: bool,
        /// The weight it held, in millionths.
        weight: u64,
    },
    /// It had expired; its charge has been corrected.
    AfterExpiry,
    /// It was released before.
    Double,
    /// It expired and is forgotten, or was never issued.
    Unknown,
}

/// What happened besides the answer of a command; see [`Governor::poll_output`](crate::Governor::poll_output).
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum Output {
    /// A lease was not released in time, of so much weight in millionths. Its slots are free, its charge stays.
    #[expect(missing_docs, reason = "said above")]
    Expired { lease: LeaseId, weight: u64 },
    /// A waiter's turn has come.
    Granted(WaiterId, Grant),
    /// A waiter is out of the queue without a lease.
    Refused(WaiterId, Denial),
    /// An actor is forgotten: drop the string. The handle is not given to anybody else before this is polled.
    ActorFreed(ActorHandle),
    /// A key is forgotten: drop the string. The handle is not given to anybody else before this is polled.
    KeyFreed(KeyHandle),
    /// What a limit counts has reached a part of it that it is to warn of, see [`Limit::warn_at`](crate::Limit::warn_at).
    Warned(Warning),
    /// A limit of calendar periods, by its place among the configured limits, has to be told when the current and the next
    /// period end: see [`Governor::set_boundaries`](crate::Governor::set_boundaries).
    NeedBoundaries(u32),
    /// The gate of a family has closed or opened, see [`Governor::observe`](crate::Governor::observe).
    Gate(GateMoved),
}

/// A limit is nearly used up, or entirely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Warning {
    /// Its place among the configured limits.
    pub limit: u32,
    /// Which of its [`warn_at`](crate::Limit::warn_at) was reached: the highest, if several were at once.
    pub part: u32,
    /// What is counted now.
    pub used: u64,
    /// The limit.
    pub max: u64,
    /// Whose it is, of a limit that counts by keys; `None` also for the key that stands for all without one.
    pub key: Option<KeyHandle>,
}

/// Why the governor wants to be called at the instant of `poll_timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeReason {
    /// To free leases that have expired.
    Reaper,
    /// Because a waiter's turn or deadline may have come.
    Waiter,
}

//! Decides nothing: the words in which the governor is asked and answers. Plain data, no text; users' languages make those.
//!
//! Units: weights in millionths (1.0 is 1,000,000), tokens whole, times in the caller's microseconds.

mod amounts;
mod names;

use crate::observation::GateMoved;
use crate::time::{Instant, whole};
pub(crate) use amounts::round_up;
pub use amounts::{Amounts, METRICS_MAX, Metric, ReportedAmounts, TOKENS_MAX, Tokens};
pub(crate) use names::NO_HANDLE;
pub use names::{ActorHandle, KEYS_MAX, KeyHandle, Keys, LeaseId, WaiterId};

/// Who is served first, and whether the interactive reserve is open to the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Somebody waits for the answer. Served first; may use every slot.
    #[default]
    Interactive,
    /// Nobody waits. Leaves the interactive reserve free.
    Background,
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
    /// Whose gate it goes through, see [`Governor::observe`](crate::Governor::observe): 1 to 1,024; 0, the default: one that all
    /// calls share whose family has none of its own.
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
            first_token_us: None,
            prompt_tokens: known(prompt_tokens).map(round_up),
            output_tokens: known(output_tokens).map(round_up),
            retry_after_us: None,
            amounts: ReportedAmounts::default(),
        }
    }

    /// The pause that the provider has asked for. Servers say 0 that do not know.
    pub(crate) fn pause_us(&self) -> Option<u64> {
        self.retry_after_us.filter(|&us| us > 0)
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
    /// The provider asked for a pause, refuses calls, or does not answer any.
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
    /// With the provider's refusal: too many calls.
    Refused,
    /// With the provider's refusal: it has no room, whoever asks.
    Overloaded,
}

impl Outcome {
    /// Whether the provider has refused the call.
    pub(crate) const fn is_refusal(self) -> bool {
        matches!(self, Self::Refused | Self::Overloaded)
    }

    /// What it is if the provider's answer had this HTTP status: 429 is a refusal, 503 and 529 are those of overload, whatever
    /// became of the call.
    ///
    /// ```
    /// use throttleai::Outcome;
    /// assert_eq!(Outcome::Error.with_status(429), Outcome::Refused);
    /// assert_eq!(Outcome::Error.with_status(500), Outcome::Error);
    /// ```
    #[must_use]
    pub const fn with_status(self, status: u16) -> Self {
        match status {
            429 => Self::Refused,
            503 | 529 => Self::Overloaded,
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
    /// How long it took to the first part of the answer, if that was streamed, in microseconds; what is above the latency counts as that.
    /// `None`: not streamed, or not known.
    pub first_token_us: Option<u64>,
    /// Prompt tokens really used; `None` keeps the estimate.
    pub prompt_tokens: Option<u64>,
    /// Output tokens really used; `None` keeps the estimate.
    pub output_tokens: Option<u64>,
    /// How long the provider asked for a pause, in microseconds, if it refused the call; 0 is none. Obeyed however long it is: see
    /// [`reopen`](crate::Governor::reopen).
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
    /// A lease was not released in time. Its slots are free, its charge stays.
    Expired {
        /// Its name.
        lease: LeaseId,
        /// The weight it held, in millionths.
        weight: u64,
    },
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
    /// A refusal has changed what is known of a hidden limit, see [`Algorithm::Hidden`](crate::Algorithm::Hidden).
    Learnt(Learnt),
}

/// What is known of a hidden limit after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Learnt {
    /// Its place among the configured limits.
    pub limit: u32,
    /// What is known now.
    pub known: HiddenLimit,
    /// The estimate before; `None` after the first refusal.
    pub before: Option<u64>,
}

/// What is known of a hidden limit, in units of its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HiddenLimit {
    /// What it is taken to hold in its window.
    pub estimate: u64,
    /// It holds at least so much, and at most so much, whichever way the provider counts.
    pub low: u64,
    /// See `low`.
    pub high: u64,
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

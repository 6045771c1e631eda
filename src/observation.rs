//! Decides nothing: the words in which the governor is told what a provider has answered.

use alloc::vec::Vec;

use crate::decision::{Keys, LeaseId};
use crate::time::Instant;

/// What came of a call, as far as limits are concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Answered {
    /// Well.
    #[default]
    Ok,
    /// Refused by a rate limit.
    Transient,
    /// Refused because the provider has no room, whoever asks.
    Overload,
    /// Refused, and the same would come of every call until somebody acts, or until the instant to come back.
    Terminal,
    /// Otherwise.
    Other,
}

/// What a provider's answer to a call says, see [`Governor::observe`](crate::Governor::observe). Nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// The call that was answered, if that is known: what was sent later is not counted in the answer.
    pub lease: Option<LeaseId>,
    /// Whose answer it is, as in [`Request::family`](crate::Request::family).
    pub family: u32,
    /// What came of the call.
    pub answered: Answered,
    /// When to come back, if the provider says so.
    pub retry_at: Option<Instant>,
    /// The provider counts what a call used when it ends, not when it begins.
    pub counts_at_end: bool,
    /// Under which keys the limits below count.
    pub keys: Keys,
    /// What is left, by limit: of those that count by keys.
    pub limits: Vec<Remaining>,
}

/// What a provider says of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The place of the limit, see [`Denial::binding`](crate::Denial::binding).
    pub place: u32,
    /// How much is left, at least, in whole units.
    pub amount: u64,
    /// When the window of a fixed one ends, if that is known.
    pub resets_at: Option<Instant>,
}

/// The gate of a family has closed or opened, see [`Governor::observe`](crate::Governor::observe).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GateMoved {
    /// Which, as in [`Request::family`](crate::Request::family); 0: that of all calls whose family has none of its own.
    pub family: u32,
    /// Until when it is closed; `None`: until somebody acts, or it is open.
    pub until: Option<Instant>,
    /// It is open.
    pub open: bool,
    /// It has closed for failures in a row, or for an error that stays; else because the provider refuses calls for now.
    pub circuit: bool,
}

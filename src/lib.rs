//! A governor for AI calls: before a call it grants a lease or says why not and until when; after the call it settles what
//! was really used.
//!
//! [`Governor`] is a deterministic state machine without IO: no clock, no randomness, no threads. The caller passes `now`
//! to every command and drives time with [`Governor::poll_timeout`] and [`Governor::handle_timeout`]; see there for the
//! loop. The same inputs give the same answers on every machine, natively and in WebAssembly, so every run can be recorded
//! and replayed bit for bit ([`trace`]), saved and restored ([`Governor::save`]).
//!
//! ```
//! use throttleai::{Concurrency, Config, Decision, Governor, Instant, Report, Request};
//!
//! let concurrency = Concurrency { max_in_flight: 1_000_000, interactive_reserve: 0 };
//! let mut governor = Governor::new(Config { concurrency: Some(concurrency), ..Config::default() })?;
//!
//! let now = Instant::from_millis(0.0);
//! let Decision::Granted(grant) = governor.acquire(now, &Request::default()) else { panic!("the pool is idle") };
//! let Decision::Denied(denial) = governor.acquire(now, &Request::default()) else { panic!("one at a time") };
//! assert_eq!(denial.retry_at, Some(grant.expires_at));
//!
//! governor.release(now, grant.lease, &Report::default());
//! assert!(matches!(governor.acquire(now, &Request::default()), Decision::Granted(_)));
//! # Ok::<(), throttleai::ConfigError>(())
//! ```
//!
//! Guarantees, in core time: an admission never takes a concurrency maximum or a window above its limit; a refused call has
//! consumed nothing; a lease ends exactly once; memory is bounded by [`Caps`]. No guarantee: what leases that expired while
//! their call went on really use, and what reports that exceed their estimate add to a window until it has drained.
//!
//! Features: `std` (default) is only a promise to other crates, the core is `no_std` with `alloc`; `wasm` adds the bindings
//! for JavaScript, `providers` those of its entry for providers' dialects.
#![no_std]
#![cfg_attr(not(any(feature = "wasm", feature = "providers")), forbid(unsafe_code))]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::allow_attributes_without_reason
    )
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod adaptive;
mod chunks;
mod codec;
mod config;
mod decision;
mod error;
mod fairness;
mod gate;
mod governor;
mod heap;
mod index;
mod lease;
mod limit;
mod list;
mod observation;
pub mod provider;
mod queue;
mod text;
mod time;
pub mod trace;
#[cfg(feature = "wasm")]
pub mod wasm;
#[cfg(feature = "providers")]
pub mod wasm_providers;

pub use config::{
    Adaptive, Algorithm, Caps, Concurrency, Config, Fairness, Limit, Overflow, Queue, QueueOverflow, Rate, Value,
    Window,
};
pub use decision::{
    ActorHandle, Amounts, Cause, Decision, Denial, Enqueued, Grant, HiddenLimit, KEYS_MAX, KeyHandle, Keys, Learnt,
    LeaseId, METRICS_MAX, Metric, Never, Outcome, Output, Priority, Reason, Released, Report, ReportedAmounts, Request,
    Subject, TOKENS_MAX, Tokens, WaiterId, WakeReason, Warning,
};
pub use error::{ConfigError, ImageError, Mistake};
pub use governor::{ConcurrencyView, Diagnosis, Governor, LimitDiagnosis, RateView, RestoreError, View};
pub use observation::{Answered, GateMoved, Observation, Remaining};
pub use time::Instant;

// The README's Rust example is a doctest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Decides nothing: every command as data, so that a run can be recorded, replayed bit for bit, and kept as a journal.
//!
//! An [`Input`] is one command in a compact, versioned form. [`Governor::apply`] gives it and returns an [`Answer`], with
//! all outputs that followed. A trace is a configuration, the inputs and a digest of the answers: replaying it on any
//! machine gives the same digest, or names the first input whose answer differs.
//!
//! ```
//! use throttleai::trace::{Input, Recorder};
//! use throttleai::{Config, Instant, Request};
//! let mut recorder = Recorder::new(Config::default())?;
//! recorder.apply(&Input::Acquire { now: Instant::from_millis(1.0), request: Request::default() });
//! let trace = recorder.finish();
//! assert_eq!(throttleai::trace::replay(&trace)?.inputs, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The format: magic, version, configuration, then for each input its length, its bytes and the running digest of 64 bits.
//! A change of the format is a new version. Called by tests, tools and journals; the governor does not know it.

mod config;
mod digest;
mod input;
mod observation;
#[cfg(test)]
mod observed;

use alloc::vec::Vec;
use core::hash::Hash;

pub use input::Input;

use crate::codec::{Malformed, Reader, Writer};
use crate::config::Config;
use crate::decision::{Decision, Enqueued, Keys, Output, Released};
use crate::error::{ConfigError, ImageError};
use crate::governor::{Governor, RestoreError};
use crate::time::Instant;
use digest::Digest;

const MAGIC: [u8; 4] = *b"TAIt";
const VERSION: u32 = 1;

/// What a command answered.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum Answer {
    /// Of `record` and `observe`.
    Recorded(Keys),
    /// Of `acquire`.
    Decided(Decision),
    /// Of `enqueue`.
    Enqueued(Enqueued),
    /// Of `cancel`: whether it waited.
    Cancelled(bool),
    /// Of `release`.
    Released(Released),
    /// Of `renew`: the new end.
    Renewed(Option<Instant>),
    /// Of `handle_timeout` and `set_boundaries`.
    Done,
    /// Of `annul`: whether the lease was live.
    Annulled(bool),
    /// Of `set_limit` and `reconfigure`: whether it was done; of `reopen`: whether the gate was closed.
    Changed(bool),
}

impl Governor {
    /// Gives a command and polls all outputs that followed.
    pub fn apply(&mut self, input: &Input) -> (Answer, Vec<Output>) {
        let answer = match *input {
            Input::Reconfigure { now, ref config } => {
                Answer::Changed(self.reconfigure(now, Config::clone(config)).is_ok())
            }
            Input::Acquire { now, ref request } => Answer::Decided(self.acquire(now, request)),
            Input::Enqueue { now, ref request, deadline } => Answer::Enqueued(self.enqueue(now, request, deadline)),
            Input::Cancel { now, waiter } => Answer::Cancelled(self.cancel(now, waiter)),
            Input::Release { now, lease, ref report } => Answer::Released(self.release(now, lease, report)),
            Input::Renew { now, lease, ttl_us } => Answer::Renewed(self.renew(now, lease, ttl_us)),
            Input::Annul { now, lease } => Answer::Annulled(self.annul(now, lease)),
            Input::Timeout { now } => {
                self.handle_timeout(now);
                Answer::Done
            }
            Input::SetLimit { now, place, amount } => Answer::Changed(self.set_limit(now, place, amount).is_ok()),
            Input::Record { now, ref request } => Answer::Recorded(self.record(now, request)),
            Input::Observe { now, ref seen } => Answer::Recorded(self.observe(now, seen)),
            Input::Reopen { now, family } => Answer::Changed(self.reopen(now, family)),
            Input::Boundaries { now, limit, ends, next_ends } => {
                self.set_boundaries(now, limit, ends, next_ends);
                Answer::Done
            }
        };
        (answer, core::iter::from_fn(|| self.poll_output()).collect())
    }
}

/// A governor whose run is written down.
#[derive(Debug)]
pub struct Recorder {
    governor: Governor,
    digest: Digest,
    writer: Writer,
}

impl Recorder {
    /// Starts a governor and its trace.
    ///
    /// # Errors
    /// [`ConfigError`], as of [`Governor::new`].
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let mut writer = Writer::default();
        MAGIC.iter().for_each(|&byte| writer.u8(byte));
        writer.u32(VERSION);
        config::write(&config, &mut writer);
        Ok(Self { governor: Governor::new(config)?, digest: Digest::default(), writer })
    }

    /// Gives a command, as [`Governor::apply`], and writes it down.
    pub fn apply(&mut self, input: &Input) -> (Answer, Vec<Output>) {
        let bytes = input.encode();
        self.writer.len(bytes.len());
        bytes.iter().for_each(|&byte| self.writer.u8(byte));
        let answer = self.governor.apply(input);
        self.digest.add(&answer);
        self.writer.u64(self.digest.value());
        answer
    }

    /// The governor, to look at.
    #[must_use]
    pub const fn governor(&self) -> &Governor {
        &self.governor
    }

    /// Asks what is no command, such as [`Governor::diagnose`]: nothing is written down, so what is due must have happened.
    pub fn ask<R>(&mut self, question: impl FnOnce(&mut Governor) -> R) -> R {
        question(&mut self.governor)
    }

    /// The trace so far.
    #[must_use]
    pub fn trace(&self) -> &[u8] {
        self.writer.bytes()
    }

    /// The trace at the end.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.writer.into_bytes()
    }
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Inputs replayed.
    pub inputs: u64,
    /// Digest of all answers and outputs.
    pub digest: u64,
}

/// Why a trace could not be replayed to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// The bytes are not a trace of this version.
    Trace(ImageError),
    /// The configuration in it is not valid.
    Config(ConfigError),
    /// An input was answered differently than when it was recorded.
    Differs {
        /// Which input, counted from 0.
        input: u64,
    },
}

impl core::fmt::Display for ReplayError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Trace(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Differs { input } => write!(f, "input {input} was answered differently than recorded"),
        }
    }
}

impl core::error::Error for ReplayError {}

impl From<Malformed> for ReplayError {
    fn from(_: Malformed) -> Self {
        Self::Trace(ImageError::Malformed)
    }
}

impl From<RestoreError> for ReplayError {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Config(error) => Self::Config(error),
            RestoreError::Image(error) => Self::Trace(error),
        }
    }
}

/// Replays a trace and compares every answer with the recorded one.
///
/// # Errors
/// [`ReplayError`], with the number of the first input that is answered differently.
pub fn replay(trace: &[u8]) -> Result<Replayed, ReplayError> {
    let (config, mut r) = open(trace)?;
    let mut governor = Governor::new(config).map_err(ReplayError::Config)?;
    let mut digest = Digest::default();
    let mut inputs = 0u64;
    while !r.is_empty() {
        let (input, recorded) = next(&mut r)?;
        digest.add(&governor.apply(&input));
        if digest.value() != recorded {
            return Err(ReplayError::Differs { input: inputs });
        }
        inputs = inputs.saturating_add(1);
    }
    Ok(Replayed { inputs, digest: digest.value() })
}

/// The configuration and the inputs of a trace, for looking at a failure.
///
/// # Errors
/// [`ReplayError`] if the bytes are not a trace.
pub fn inputs(trace: &[u8]) -> Result<(Config, Vec<Input>), ReplayError> {
    let (config, mut r) = open(trace)?;
    let mut inputs = Vec::new();
    while !r.is_empty() {
        inputs.push(next_input(&mut r)?);
        // The last digest is missing where recording ended in a panic.
        if !r.is_empty() {
            r.u64();
        }
    }
    r.ok()?;
    Ok((config, inputs))
}

fn open(trace: &[u8]) -> Result<(Config, Reader<'_>), ReplayError> {
    let body = trace.strip_prefix(&MAGIC).ok_or(ReplayError::Trace(ImageError::NotAnImage))?;
    let mut r = Reader::new(body);
    let found = r.u32();
    r.ok()?;
    if found != VERSION {
        return Err(ReplayError::Trace(ImageError::Version { found, supported: VERSION }));
    }
    let config = config::read(&mut r);
    r.ok()?;
    Ok((config, r))
}

fn next(r: &mut Reader<'_>) -> Result<(Input, u64), Malformed> {
    let (input, digest) = (next_input(r)?, r.u64());
    r.ok()?;
    Ok((input, digest))
}

fn next_input(r: &mut Reader<'_>) -> Result<Input, Malformed> {
    let len = r.len();
    Input::decode(r.take(len)).ok_or(Malformed)
}

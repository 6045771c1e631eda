//! Decides nothing: gives a governor its commands as data, under the names of its methods, so that whatever the shell does can be
//! replayed natively. Takes the governor's place in the build for tests.
//!
//! Outputs are polled at the end of each command, as the shell does.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Deref;

use crate::config::Config;
use crate::decision::{Decision, Enqueued, Keys, LeaseId, Output, Released, Report, Request, WaiterId};
use crate::error::ConfigError;
use crate::governor::{Diagnosis, Governor, RestoreError};
use crate::observation::Observation;
use crate::time::Instant;
use crate::trace::{Answer, Input, Recorder};

#[derive(Debug)]
enum Kept {
    Traced(Recorder),
    /// A trace begins without state, so this one has none.
    Restored(Governor),
}

#[derive(Debug)]
pub(super) struct Recorded {
    kept: Kept,
    outputs: VecDeque<Output>,
}

/// The rest, which changes nothing.
impl Deref for Recorded {
    type Target = Governor;

    fn deref(&self) -> &Governor {
        match &self.kept {
            Kept::Traced(recorder) => recorder.governor(),
            Kept::Restored(governor) => governor,
        }
    }
}

#[expect(clippy::panic, reason = "a command has one kind of answer")]
fn other() -> ! {
    panic!("the answer of another command")
}

impl Recorded {
    pub(super) fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { kept: Kept::Traced(Recorder::new(config)?), outputs: VecDeque::new() })
    }

    pub(super) fn restore(config: Config, image: &[u8]) -> Result<Self, RestoreError> {
        Ok(Self { kept: Kept::Restored(Governor::restore(config, image)?), outputs: VecDeque::new() })
    }

    pub(super) fn trace(&self) -> Vec<u8> {
        match &self.kept {
            Kept::Traced(recorder) => recorder.trace().to_vec(),
            Kept::Restored(_) => Vec::new(),
        }
    }

    fn apply(&mut self, input: &Input) -> Answer {
        let (answer, outputs) = match &mut self.kept {
            Kept::Traced(recorder) => recorder.apply(input),
            Kept::Restored(governor) => governor.apply(input),
        };
        self.outputs.extend(outputs);
        answer
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn pending_outputs(&self) -> usize {
        self.outputs.len()
    }

    pub(super) fn acquire(&mut self, now: Instant, request: &Request) -> Decision {
        match self.apply(&Input::Acquire { now, request: *request }) {
            Answer::Decided(decision) => decision,
            _ => other(),
        }
    }

    pub(super) fn enqueue(&mut self, now: Instant, request: &Request, deadline: Option<Instant>) -> Enqueued {
        match self.apply(&Input::Enqueue { now, request: *request, deadline }) {
            Answer::Enqueued(enqueued) => enqueued,
            _ => other(),
        }
    }

    pub(super) fn cancel(&mut self, now: Instant, waiter: WaiterId) -> bool {
        self.apply(&Input::Cancel { now, waiter }) == Answer::Cancelled(true)
    }

    pub(super) fn release(&mut self, now: Instant, lease: LeaseId, report: &Report) -> Released {
        match self.apply(&Input::Release { now, lease, report: *report }) {
            Answer::Released(released) => released,
            _ => other(),
        }
    }

    pub(super) fn renew(&mut self, now: Instant, lease: LeaseId, ttl_us: Option<u64>) -> Option<Instant> {
        match self.apply(&Input::Renew { now, lease, ttl_us }) {
            Answer::Renewed(end) => end,
            _ => other(),
        }
    }

    pub(super) fn annul(&mut self, now: Instant, lease: LeaseId) -> bool {
        self.apply(&Input::Annul { now, lease }) == Answer::Annulled(true)
    }

    pub(super) fn set_limit(&mut self, now: Instant, place: u32, amount: u64) -> Result<(), ConfigError> {
        // The answer of a trace does not say why not.
        let checked = self.config().clone().set_limit(place, amount);
        self.apply(&Input::SetLimit { now, place, amount });
        checked
    }

    pub(super) fn reconfigure(&mut self, now: Instant, config: Config) -> Result<(), ConfigError> {
        // The answer of a trace does not say why not.
        config.check()?;
        self.apply(&Input::Reconfigure { now, config: config.into() });
        Ok(())
    }

    pub(super) fn record(&mut self, now: Instant, request: &Request) -> Keys {
        match self.apply(&Input::Record { now, request: *request }) {
            Answer::Recorded(keys) => keys,
            _ => other(),
        }
    }

    pub(super) fn observe(&mut self, now: Instant, seen: &Observation) -> Keys {
        match self.apply(&Input::Observe { now, seen: seen.clone().into() }) {
            Answer::Recorded(keys) => keys,
            _ => other(),
        }
    }

    pub(super) fn reopen(&mut self, now: Instant, family: u32) -> bool {
        self.apply(&Input::Reopen { now, family }) == Answer::Changed(true)
    }

    pub(super) fn set_boundaries(&mut self, now: Instant, limit: u32, ends: Instant, next_ends: Instant) {
        self.apply(&Input::Boundaries { now, limit, ends, next_ends });
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.apply(&Input::Timeout { now });
    }

    pub(super) fn diagnose(&mut self, now: Instant, request: &Request) -> Diagnosis {
        self.ask(now, |governor| governor.diagnose(now, request))
    }

    pub(super) fn rooms(&mut self, now: Instant, request: &Request) -> Diagnosis {
        self.ask(now, |governor| governor.rooms(now, request))
    }

    /// What a question lets happen first is a command of its own in a trace.
    fn ask<R>(&mut self, now: Instant, question: impl FnOnce(&mut Governor) -> R) -> R {
        self.handle_timeout(now);
        match &mut self.kept {
            Kept::Traced(recorder) => recorder.ask(question),
            Kept::Restored(governor) => question(governor),
        }
    }
}

//! The saved state: everything that decides later answers, in a versioned format. A change of the format is a new version
//! and a migration with a test.
//!
//! Not in an image: the configuration (it is given again, and may have changed), waiters and outputs (they belong to
//! callers of this process). Whatever can be counted again is counted again, so a damaged image cannot break an invariant.

use alloc::vec::Vec;

use super::Governor;
use crate::adaptive::Adaptive;
use crate::codec::{Reader, Writer};
use crate::config::Config;
use crate::decision::Output;
use crate::error::{ConfigError, ImageError};
use crate::fairness::Fairness;
use crate::lease::{Leases, NO_ACTOR};
use crate::limit::Limits;
use crate::time::{CoreTime, TimeLine};

const MAGIC: [u8; 4] = *b"TAIi";
const VERSION: u32 = 1;

impl Governor {
    /// The state as bytes, for [`restore`](Self::restore). Poll the outputs first: those still pending are lost, and so are
    /// waiters.
    ///
    /// ```
    /// use throttleai::{Config, Decision, Governor, Instant, Request};
    /// let mut governor = Governor::new(Config::default())?;
    /// let now = Instant::from_millis(1_000.0);
    /// let Decision::Granted(grant) = governor.acquire(now, &Request::default()) else { unreachable!() };
    /// let image = governor.save();
    /// let again = Governor::restore(Config::default(), &image)?;
    /// assert!(again.is_live(grant.lease));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut w = Writer::default();
        MAGIC.iter().for_each(|&byte| w.u8(byte));
        w.u32(VERSION);
        self.clock.write(&mut w);
        self.leases.write(&mut w);
        self.limits.write(&mut w);
        self.queue.write(&mut w);
        w.bool(self.fairness.is_some());
        if let Some(fairness) = &self.fairness {
            fairness.write(&mut w, &self.pending_handles());
        }
        w.bool(self.adaptive.is_some());
        if let Some(adaptive) = &self.adaptive {
            adaptive.write(&mut w);
        }
        self.gates.write(&mut w);
        w.option(self.reaper_at.map(CoreTime::as_micros));
        w.into_bytes()
    }

    fn pending_handles(&self) -> Vec<u32> {
        let freed = |output: &Output| if let Output::ActorFreed(handle) = output { Some(handle.0) } else { None };
        self.outputs.iter().filter_map(freed).collect()
    }

    /// A governor that goes on where the saved one was. Limits that are new, or whose name, metric, window, algorithm or keys
    /// changed, count what is admitted from now on; a maximum that was lowered is obeyed. Keys of sets that are gone are freed.
    ///
    /// # Errors
    /// [`RestoreError`] for a bad configuration, or for bytes that no governor of this version has written.
    pub fn restore(config: Config, image: &[u8]) -> Result<Self, RestoreError> {
        let mut governor = Self::new(config)?;
        let body = image.strip_prefix(&MAGIC).ok_or(ImageError::NotAnImage)?;
        let mut r = Reader::new(body);
        let found = r.u32();
        r.ok().map_err(ImageError::from)?;
        if found != VERSION {
            return Err(ImageError::Version { found, supported: VERSION }.into());
        }
        governor.read(&mut r);
        r.end().map_err(ImageError::from)?;
        Ok(governor)
    }

    fn read(&mut self, r: &mut Reader<'_>) {
        self.clock = TimeLine::read(r);
        self.leases = Leases::read(r, self.clock.last());
        let saved = Limits::read(r, self.clock.last());
        if r.ok().is_ok() && self.limits.adopt(saved, self.clock.last()).begins {
            self.clock.tick();
        }
        self.queue.read(r);
        if r.bool() {
            // Read also where it is not wanted any more.
            let mut unused = Fairness::unused(&self.config, self.limits.count_tokens());
            self.fairness.as_mut().unwrap_or(&mut unused).restore(r);
        }
        if r.bool() {
            // Read all the same where the configuration has none any more.
            let mut unused = Adaptive::new(crate::config::Adaptive::default(), 0);
            self.adaptive.as_mut().unwrap_or(&mut unused).restore(r);
        }
        self.gates.restore(r);
        self.reaper_at = r.option().map(CoreTime::from_micros);
        r.require(self.leases.live() == 0 || self.reaper_at.is_some());
        if r.ok().is_ok() {
            r.require(self.hold_again());
        }
    }

    /// Counts again what the leases hold; false if one of them names an actor or a key that cannot hold any.
    fn hold_again(&mut self) -> bool {
        let mut known = true;
        if self.fairness.is_none() {
            self.leases.forget_actors();
        }
        for (id, lease) in self.leases.iter() {
            if let Some(pool) = &mut self.pool {
                pool.take(lease.weight);
            }
            if let Some(fairness) = self.fairness.as_mut().filter(|_| lease.actor != NO_ACTOR) {
                known &= fairness.actors.hold_again(lease.actor, lease.weight);
            }
            known &= self.limits.hold_again(id.slot);
            self.gates.hold_again(id.slot, lease.admitted);
        }
        self.limits.rest_unused(self.clock.last());
        if let Some(fairness) = &mut self.fairness {
            fairness.actors.rest_unused();
        }
        known
    }
}

/// Why a governor could not be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The configuration is wrong.
    Config(ConfigError),
    /// The bytes are.
    Image(ImageError),
}

impl core::fmt::Display for RestoreError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Image(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RestoreError {}

impl From<ConfigError> for RestoreError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<ImageError> for RestoreError {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

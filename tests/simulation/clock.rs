//! Core time as the documents define it, written down naively: a step back of at most a second stands still, a larger one
//! or a start from 0 is bridged, more than a year forward is a year.

use throttleai::Instant;

#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    pub core: i128,
    offset: i128,
    read: bool,
    /// How often the clock was set.
    pub sets: u64,
}

impl Clock {
    pub fn observe(&mut self, now: Instant) -> i128 {
        const YEAR: i128 = 367 * 86_400 * 1_000_000;
        let now = i128::from(now.as_micros());
        let then = now + self.offset;
        let not_started = self.core == 0 && then >= 100_000_000_000_000;
        if !std::mem::replace(&mut self.read, true) {
            self.core = then;
        } else if then < self.core - 1_000_000 || not_started {
            self.offset = self.core - now;
            self.sets += 1;
        } else if then > self.core + YEAR {
            self.core += YEAR;
            self.offset = self.core - now;
            self.sets += 1;
        } else {
            self.core = self.core.max(then);
        }
        self.core
    }

    /// A core instant in the caller's time.
    pub const fn to_caller(self, core: i128) -> i128 {
        core - self.offset
    }
}

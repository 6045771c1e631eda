//! Notes what has changed, so that whoever stands first there is looked at; and when somebody is to be looked at whatever happens.

use alloc::vec::Vec;

use super::parks::SLOTS;
use super::{At, Queue};
use crate::time::CoreTime;

impl Queue {
    /// One of those behind the first may fit before it does.
    pub(crate) fn look_sooner(&mut self, park: u32, at: CoreTime, now: CoreTime) {
        if let Some(free_at) = self.parks.get_mut(park).and_then(|of| of.why.free_at.as_mut()).filter(|own| at < **own)
        {
            *free_at = at;
            self.parks.look_at(park, at.max(now.plus(1)));
        }
    }

    /// Whether anybody waits for slots.
    pub(crate) fn waits_for_slots(&self) -> bool {
        self.first(SLOTS).is_some()
    }

    /// Slots have come free.
    #[inline]
    pub(crate) fn slots_came(&mut self) {
        if !self.is_empty() {
            self.parks.change(SLOTS);
        }
    }

    /// What the effective maximum is when somebody begins to wait where nobody did.
    pub(crate) const fn begin(&mut self, effective_max: u64) {
        if self.is_empty() {
            self.effective_max = effective_max;
        }
    }

    /// Room may have come for those who wait for slots: the effective maximum was raised, or nobody is held back any longer than
    /// until `opens_at`, which is sooner than they were told.
    pub(crate) fn note_room(&mut self, effective_max: u64, opens_at: Option<CoreTime>) {
        let is_raised = effective_max > core::mem::replace(&mut self.effective_max, effective_max);
        if is_raised || self.why(SLOTS).is_some_and(|why| why.free_at > opens_at) {
            self.parks.change(SLOTS);
        }
    }

    /// Something has come back to what binds waiters.
    pub(crate) fn came_back(&mut self, at: At) {
        if let Some(park) = self.parks.find(at) {
            self.parks.change(park);
        }
    }

    /// A limit has changed, for all its keys.
    pub(crate) fn limit_changed(&mut self, place: u32) {
        for park in self.parks.numbers().filter(|&park| self.at(park).place == place).collect::<Vec<_>>() {
            self.parks.change(park);
        }
    }

    /// Notes what time has brought.
    pub(crate) fn come(&mut self, now: CoreTime) {
        self.parks.come(now);
    }

    /// When the next deadline or turn at a limit comes.
    pub(crate) fn next_instant(&self) -> Option<CoreTime> {
        let deadline = self.deadlines.peek().map(|(at, _)| CoreTime::from_micros(at));
        [deadline, self.parks.next_instant()].into_iter().flatten().min()
    }
}

//! Names that the governor hands out: of actors, of the keys of limits, of leases and of waiters.

use core::hash::{Hash, Hasher};

/// Names an actor for as long as the governor remembers it. Handed out by grants, see [`Grant::actor`](crate::Grant::actor).
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

/// No keys. A constant, or wasm would make it beside a request and copy it.
pub(crate) const NO_KEYS: Keys = Keys { len: 0, sets: [0; KEYS_MAX], handles: [NO_HANDLE; KEYS_MAX] };

impl Default for Keys {
    #[inline]
    fn default() -> Self {
        NO_KEYS
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

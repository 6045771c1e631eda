//! Decides nothing: carries numbers between JavaScript and the governor. One call crosses per operation, with numbers only;
//! what does not fit into the returned `i32` is read from the governor's view, a fixed piece of linear memory (`view`).
//! Configuration, snapshots and images cross as objects, when a governor is made, looked at or saved (`config`).
//!
//! The shell checks types and ranges before it calls; here only what could break the arithmetic is bounded. JavaScript is
//! never called back from here: a governor that is in use must not be entered again.
#![allow(unsafe_code, reason = "wasm-bindgen's macros expand to it; there is none of our own")]

mod config;
#[cfg(feature = "lab")]
mod lab;
#[cfg(target_family = "wasm")]
mod memory;
mod panic;
mod plain;
#[cfg(feature = "lab")]
mod record;
mod view;

use alloc::vec::Vec;

use wasm_bindgen::prelude::*;

use crate::config::Config;
use crate::decision::{
    ActorHandle, Amounts, Decision, Denial, Enqueued, Grant, Keys, LeaseId, Outcome, Priority, Released, Report,
    Request, Tokens, WaiterId,
};
#[cfg(not(feature = "lab"))]
use crate::governor::Governor;
use crate::governor::Wake;
use crate::observation::{Answered, Observation};
use crate::time::{Instant, whole};
#[cfg(feature = "lab")]
use record::Recorded as Governor;
use view::{View, write_denial, write_grant, write_output};

/// Returned in place of a grant, without the bit of [`DUE`].
const DENIED: i32 = -2;
const QUEUED: i32 = -4;
/// A grant is the slot, above these bits.
const SLOT_SHIFT: u32 = 3;
/// The shell has something to do after the command: see what has changed in the view.
const DUE: i32 = 1;
/// The lease is one that was held already.
const REUSED: i32 = 2;
/// The actor's handle is another one than that of the request.
const RENAMED: i32 = 4;
/// Above the code that `release` returns: as [`DUE`].
const RELEASE_DUE: u32 = 8;
/// Of `release`, beside the outcome: the shell wants to know how long the lease was held.
const TELL: u32 = 16;
/// In place of a handle.
const NO_HANDLE: u32 = u32::MAX;
/// Bits of `flags`.
const BACKGROUND: u32 = 1;
const BARGE: u32 = 2;
/// Also of `release`, beside the outcome: the view has amounts beyond tokens.
const AMOUNTS: u32 = 4;
/// Also of `release`, beside the outcome: the view has the status of the provider's answer, the pause it asks for, and when a
/// stream began.
const ANSWERED: u32 = 8;
const KEYS: u32 = 8;
const UNLIMITED: u32 = 16;
const SHARE: u32 = 32;
/// Of those, what has something beside the arguments.
const BESIDE: u32 = AMOUNTS | KEYS | UNLIMITED | SHARE;
/// The family stands above the bits of `flags`.
const FAMILY_SHIFT: u32 = 8;
/// Of `observe`, beside what came of the call: the provider counts when a call ends; the view has keys.
const COUNTS_AT_END: u32 = 8;
const OBSERVED_KEYS: u32 = 16;
/// Limits of one answer, at most.
const OBSERVED_MAX: u32 = 8;

/// One governor. The shell describes this class in `js/core/binding.ts`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Core {
    governor: Governor,
    view: View,
    /// What the time-out in the view was computed from: it rarely changes.
    wake: Wake,
    /// Whether the view says of outputs or waiters that there are any.
    busy: bool,
}

#[wasm_bindgen]
impl Core {
    /// A governor from what a user wrote; throws plain data that names the field.
    #[wasm_bindgen(constructor)]
    pub fn new(written: JsValue) -> Result<Core, JsValue> {
        let governor = Governor::new(parse(written)?).map_err(|error| config::describe(&error))?;
        Ok(Self::of(governor))
    }

    /// A governor that goes on where the saved one was.
    pub fn restore(written: JsValue, image: &[u8]) -> Result<Core, JsValue> {
        let governor = Governor::restore(parse(written)?, image).map_err(|error| config::describe_restore(&error))?;
        Ok(Self::of(governor))
    }

    fn of(governor: Governor) -> Self {
        let mut core = Self { governor, view: View::default(), wake: Wake::default(), busy: false };
        core.view.set(view::TIMEOUT, f64::INFINITY);
        core.tell();
        core
    }

    /// Where the view lies in linear memory.
    pub fn view_ptr(&self) -> u32 {
        self.view.address()
    }

    /// A slot with bits below, `DENIED`, or `QUEUED` where it may wait: not if `deadline` is NaN, without end if it is not
    /// finite.
    #[expect(clippy::too_many_arguments, reason = "numbers are what crosses cheaply")]
    pub fn acquire(
        &mut self,
        now: f64,
        actor: u32,
        flags: u32,
        weight: f64,
        prompt: f64,
        output: f64,
        claim_slot: i32,
        claim_generation: u32,
        deadline: f64,
    ) -> i32 {
        let mut request = request(actor, flags, weight, prompt, output, claim_slot, claim_generation);
        if flags & BESIDE != 0 {
            self.read_beside(flags, &mut request);
        }
        let now = Instant::from_millis(now);
        let code = if deadline.is_nan() {
            match self.governor.acquire(now, &request) {
                Decision::Granted(grant) => self.granted(flags, &request, &grant),
                Decision::Denied(denial) => self.denied(&denial),
            }
        } else {
            self.enqueue(now, flags, &request, deadline)
        };
        if self.publish() { code | DUE } else { code }
    }

    /// 1 if it was waiting.
    pub fn cancel(&mut self, now: f64, waiter: u32, generation: u32) -> u32 {
        let waited = self.governor.cancel(Instant::from_millis(now), WaiterId { slot: waiter, generation });
        self.tell();
        u32::from(waited)
    }

    /// A `ReleaseCode`, perhaps with `RELEASE_DUE`.
    #[expect(clippy::too_many_arguments, reason = "numbers are what crosses cheaply")]
    pub fn release(
        &mut self,
        now: f64,
        slot: u32,
        generation: u32,
        flags: u32,
        latency: f64,
        prompt: f64,
        output: f64,
    ) -> u32 {
        let outcome = match flags & !(AMOUNTS | ANSWERED | TELL) {
            1 => Outcome::Error,
            2 => Outcome::Timeout,
            3 => Outcome::Cancelled,
            _ => Outcome::Success,
        };
        let mut report = Report::of(outcome, latency, prompt, output);
        if flags & AMOUNTS != 0 {
            report.amounts = self.view.reported();
        }
        if flags & ANSWERED != 0 {
            report.outcome = outcome.with_status(self.view.status());
            report.retry_after_us = self.view.retry_after_us();
            report.first_token_us = self.view.first_token_us();
        }
        let released = self.governor.release(Instant::from_millis(now), LeaseId { slot, generation }, &report);
        let code = match released {
            Released::Live { held_us, ttl_us, late, weight } if flags & TELL != 0 => {
                // Divisions are slow: the shell divides.
                self.view.set(view::HELD_US, held_us as i64 as f64);
                self.view.set(view::TTL_US, ttl_us as i64 as f64);
                self.view.set(view::WEIGHT, weight as i64 as f64);
                u32::from(late)
            }
            Released::Live { .. } => 0,
            Released::Unknown => 2,
            Released::Double => 3,
            Released::AfterExpiry => 4,
        };
        if self.publish() { code | RELEASE_DUE } else { code }
    }

    /// 1 if the lease is live and was renewed; `View.EXPIRES_AT` has its new end. A `ttl` of NaN is the configured one.
    pub fn renew(&mut self, now: f64, slot: u32, generation: u32, ttl: f64) -> u32 {
        let ttl_us = Some(ttl).filter(|ttl| !ttl.is_nan()).map(|ttl| (ttl * 1000.0) as u64);
        let renewed = self.governor.renew(Instant::from_millis(now), LeaseId { slot, generation }, ttl_us);
        if let Some(expires_at) = renewed {
            self.view.set(view::EXPIRES_AT, expires_at.as_millis_ceil_f64());
        }
        self.tell();
        u32::from(renewed.is_some())
    }

    /// 1 if the lease was live and has been taken back.
    pub fn annul(&mut self, now: f64, slot: u32, generation: u32) -> u32 {
        let annulled = self.governor.annul(Instant::from_millis(now), LeaseId { slot, generation });
        self.tell();
        u32::from(annulled)
    }

    /// 1 while the lease is held.
    pub fn is_live(&self, slot: u32, generation: u32) -> u32 {
        u32::from(self.governor.is_live(LeaseId { slot, generation }))
    }

    /// The limit at a place allows `amount` from now on: dollars of money, whole units of anything else. Throws what the constructor
    /// throws.
    pub fn set_limit(&mut self, now: f64, place: u32, amount: f64, money: bool) -> Result<(), JsValue> {
        let amount = if money { amount * 1e6 + 0.5 } else { amount };
        let changed = self.governor.set_limit(Instant::from_millis(now), place, whole(amount));
        self.tell();
        changed.map_err(|error| config::describe(&error))
    }

    /// Goes by another configuration from now on; throws what the constructor throws.
    pub fn reconfigure(&mut self, now: f64, written: JsValue) -> Result<(), JsValue> {
        let changed = self.governor.reconfigure(Instant::from_millis(now), parse(written)?);
        self.tell();
        changed.map_err(|error| config::describe(&error))
    }

    /// What the limits say of a call; the view has the denial that it would get. What leases in flight have reserved is said
    /// only if asked for: that takes time in proportion to them.
    #[expect(clippy::too_many_arguments, reason = "numbers are what crosses cheaply")]
    pub fn diagnose(
        &mut self,
        now: f64,
        actor: u32,
        flags: u32,
        weight: f64,
        prompt: f64,
        output: f64,
        reserved: bool,
    ) -> Result<JsValue, JsValue> {
        let mut request = request(actor, flags, weight, prompt, output, -1, 0);
        self.read_beside(flags, &mut request);
        let now = Instant::from_millis(now);
        let diagnosis =
            if reserved { self.governor.diagnose(now, &request) } else { self.governor.rooms(now, &request) };
        self.tell();
        if let Some(denial) = &diagnosis.denial {
            write_denial(&mut self.view, denial);
        }
        view::diagnosis(&diagnosis)
    }

    /// Counts a call that was made elsewhere; `flags` as of `acquire`.
    pub fn record(&mut self, now: f64, flags: u32, prompt: f64, output: f64) {
        let mut request = request(NO_HANDLE, flags, 0.0, prompt, output, -1, 0);
        self.read_beside(flags, &mut request);
        let keys = self.governor.record(Instant::from_millis(now), &request);
        self.view.set_handles(keys);
        self.tell();
    }

    /// Takes in what a provider has answered; the view has so many limits. A `slot` of -1: no lease; a `retry_at` of NaN: not
    /// said.
    #[expect(clippy::too_many_arguments, reason = "numbers are what crosses cheaply")]
    pub fn observe(
        &mut self,
        now: f64,
        family: u32,
        answered: u32,
        slot: i32,
        generation: u32,
        retry_at: f64,
        limits: u32,
    ) {
        let known = |at: f64| Some(at).filter(|at| !at.is_nan()).map(Instant::from_millis);
        let seen = Observation {
            lease: u32::try_from(slot).ok().map(|slot| LeaseId { slot, generation }),
            family,
            answered: match answered & 7 {
                0 => Answered::Ok,
                1 => Answered::Transient,
                2 => Answered::Overload,
                3 => Answered::Terminal,
                _ => Answered::Other,
            },
            retry_at: known(retry_at),
            counts_at_end: answered & COUNTS_AT_END != 0,
            keys: if answered & OBSERVED_KEYS != 0 { self.view.keys() } else { Keys::default() },
            limits: self.view.remaining(limits),
        };
        let keys = self.governor.observe(Instant::from_millis(now), &seen);
        self.view.set_handles(keys);
        self.tell();
    }

    /// 1 if the gate of a family was closed and has been opened.
    pub fn reopen(&mut self, now: f64, family: u32) -> u32 {
        let opened = self.governor.reopen(Instant::from_millis(now), family);
        self.tell();
        u32::from(opened)
    }

    /// Says when the calendar periods of a limit end, in milliseconds.
    pub fn set_boundaries(&mut self, now: f64, limit: u32, ends: f64, next_ends: f64) {
        let [now, ends, next_ends] = [now, ends, next_ends].map(Instant::from_millis);
        self.governor.set_boundaries(now, limit, ends, next_ends);
        self.tell();
    }

    /// Lets due things happen.
    pub fn handle_timeout(&mut self, now: f64) {
        self.governor.handle_timeout(Instant::from_millis(now));
        self.tell();
    }

    /// Writes the next output into the view; its kind, 0 for none.
    pub fn poll_output(&mut self) -> u32 {
        let kind = self.governor.poll_output().map_or(0, |output| write_output(&mut self.view, &output));
        self.tell();
        kind
    }

    /// One number of the state.
    pub fn gauge(&self, now: f64, which: u32) -> f64 {
        view::gauge(&self.governor, Instant::from_millis(now), which)
    }

    /// The view that users read.
    pub fn snapshot(&self, now: f64) -> Result<JsValue, JsValue> {
        view::snapshot(&self.governor, Instant::from_millis(now))
    }

    /// The state as an image.
    pub fn save(&self) -> Vec<u8> {
        self.governor.save()
    }

    /// What the shell has written into the view for a request.
    #[inline(never)]
    fn read_beside(&self, flags: u32, request: &mut Request) {
        if flags & AMOUNTS != 0 {
            request.amounts = self.view.amounts();
        }
        if flags & KEYS != 0 {
            request.keys = self.view.keys();
        }
        if flags & SHARE != 0 {
            request.share = Some(self.view.share());
        }
        request.unlimited = flags & UNLIMITED != 0;
    }

    #[inline(never)]
    fn enqueue(&mut self, now: Instant, flags: u32, request: &Request, deadline: f64) -> i32 {
        let deadline = Some(deadline).filter(|at| at.is_finite()).map(Instant::from_millis);
        match self.governor.enqueue(now, request, deadline) {
            Enqueued::Granted(grant) => self.granted(flags, request, &grant),
            Enqueued::Waiting { waiter, actor, keys } => self.queued(waiter, actor, keys),
            Enqueued::Denied(denial) => self.denied(&denial),
        }
    }

    #[inline]
    fn granted(&mut self, flags: u32, request: &Request, grant: &Grant) -> i32 {
        write_grant(&mut self.view, grant);
        // The request of a lease that is returned again may have named other keys.
        if flags & KEYS != 0 && !grant.reused {
            self.view.set_handles(self.governor.keys_of(grant.lease));
        }
        let code = (grant.lease.slot << SLOT_SHIFT) as i32;
        let code = if grant.reused { code | REUSED } else { code };
        if grant.actor == request.actor { code } else { code | RENAMED }
    }

    #[inline(never)]
    fn denied(&mut self, denial: &Denial) -> i32 {
        write_denial(&mut self.view, denial);
        DENIED
    }

    fn queued(&mut self, waiter: WaiterId, actor: Option<ActorHandle>, keys: Keys) -> i32 {
        self.view.set_handles(keys);
        self.view.set(view::WAITER, f64::from(waiter.slot));
        self.view.set(view::WAITER_GENERATION, f64::from(waiter.generation));
        self.view.set(view::ACTOR, f64::from(actor.map_or(NO_HANDLE, |actor| actor.0)));
        QUEUED
    }

    /// Writes what the shell reads after every command.
    #[inline(never)]
    fn tell(&mut self) {
        self.publish();
    }

    /// The same. Whether there is anything new for the shell to do.
    #[inline]
    fn publish(&mut self) -> bool {
        let wake = self.governor.wake();
        let busy = self.governor.waiting() > 0 || self.governor.pending_outputs() > 0;
        let due = busy || self.busy || wake != self.wake;
        if due {
            self.write_state(wake, busy);
        }
        due
    }

    #[inline(never)]
    fn write_state(&mut self, wake: Wake, busy: bool) {
        (self.wake, self.busy) = (wake, busy);
        let timeout = self.governor.poll_timeout().map_or(f64::INFINITY, |(at, _)| timer_ms(at));
        self.view.set(view::TIMEOUT, timeout);
        self.view.set(view::PENDING, self.governor.pending_outputs() as f64);
        self.view.set(view::WAITING, f64::from(self.governor.waiting()));
    }
}

/// When the shell's timer is to come, in milliseconds with a fraction: not rounded up, since the delay will be. Just after an
/// instant that the float cannot give exactly.
fn timer_ms(at: Instant) -> f64 {
    let (us, ms) = (at.as_micros() as i64 as f64, at.as_millis_ceil_f64());
    if ms * 1000.0 > us { (us + 0.5) / 1000.0 } else { ms }
}

/// 53 random bits from the platform; throws where there is no source.
#[wasm_bindgen]
pub fn random_seed() -> Result<f64, JsValue> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).map_err(|_| js_sys::Error::new("no source of randomness"))?;
    Ok((u64::from_le_bytes(bytes) >> 11) as f64)
}

fn parse(written: JsValue) -> Result<Config, JsValue> {
    Config::parse(&config::value(&written)).map_err(|error| config::describe(&error))
}

#[inline]
fn request(
    actor: u32,
    flags: u32,
    weight: f64,
    prompt: f64,
    output: f64,
    claim_slot: i32,
    claim_generation: u32,
) -> Request {
    Request {
        actor: Some(ActorHandle(actor)).filter(|_| actor != NO_HANDLE),
        share: None,
        priority: if flags & BACKGROUND == 0 { Priority::Interactive } else { Priority::Background },
        weight: Request::weight_of(weight),
        tokens: Tokens::rounded_up(prompt, output),
        amounts: Amounts::default(),
        keys: Keys::default(),
        unlimited: false,
        family: flags >> FAMILY_SHIFT,
        barge: flags & BARGE != 0,
        claim: u32::try_from(claim_slot).ok().map(|slot| LeaseId { slot, generation: claim_generation }),
    }
}

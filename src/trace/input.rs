//! Decides how a command stands in a trace or journal: a tag, then its numbers as varints.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::codec::{Reader, Writer};
use crate::config::Config;
use crate::decision::{
    ActorHandle, Amounts, Keys, LeaseId, Outcome, Priority, Report, ReportedAmounts, Request, Tokens, WaiterId,
};
use crate::observation::Observation;
use crate::time::Instant;

/// One command of a [`Governor`](crate::Governor).
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are the arguments of the methods that the variants name")]
pub enum Input {
    /// [`acquire`](crate::Governor::acquire)
    Acquire { now: Instant, request: Request },
    /// [`enqueue`](crate::Governor::enqueue)
    Enqueue { now: Instant, request: Request, deadline: Option<Instant> },
    /// [`cancel`](crate::Governor::cancel)
    Cancel { now: Instant, waiter: WaiterId },
    /// [`release`](crate::Governor::release)
    Release { now: Instant, lease: LeaseId, report: Report },
    /// [`renew`](crate::Governor::renew)
    Renew { now: Instant, lease: LeaseId, ttl_us: Option<u64> },
    /// [`handle_timeout`](crate::Governor::handle_timeout)
    Timeout { now: Instant },
    /// [`annul`](crate::Governor::annul)
    Annul { now: Instant, lease: LeaseId },
    /// [`set_limit`](crate::Governor::set_limit)
    SetLimit { now: Instant, place: u32, amount: u64 },
    /// [`reconfigure`](crate::Governor::reconfigure)
    Reconfigure { now: Instant, config: Box<Config> },
    /// [`record`](crate::Governor::record)
    Record { now: Instant, request: Request },
    /// [`set_boundaries`](crate::Governor::set_boundaries)
    Boundaries { now: Instant, limit: u32, ends: Instant, next_ends: Instant },
    /// [`observe`](crate::Governor::observe)
    Observe { now: Instant, seen: Box<Observation> },
    /// [`reopen`](crate::Governor::reopen)
    Reopen { now: Instant, family: u32 },
}

impl Input {
    /// The command as bytes.
    ///
    /// ```
    /// use throttleai::{Instant, trace::Input};
    /// let input = Input::Timeout { now: Instant::from_millis(1.0) };
    /// assert_eq!(Input::decode(&input.encode()), Some(input));
    /// ```
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        match self {
            Self::Acquire { now, request } => {
                start(&mut w, 0, *now);
                write_request(request, &mut w);
            }
            Self::Enqueue { now, request, deadline } => {
                start(&mut w, 1, *now);
                write_request(request, &mut w);
                w.option(deadline.map(Instant::as_micros));
            }
            Self::Cancel { now, waiter } => {
                start(&mut w, 2, *now);
                w.u32(waiter.slot);
                w.u32(waiter.generation);
            }
            Self::Release { now, lease, report } => {
                start(&mut w, 3, *now);
                write_lease(*lease, &mut w);
                w.u8(report.outcome as u8);
                let Report { latency_us, first_token_us, prompt_tokens, output_tokens, retry_after_us, .. } = *report;
                [latency_us, first_token_us, prompt_tokens, output_tokens, retry_after_us]
                    .iter()
                    .for_each(|&n| w.option(n));
                write_reported(&report.amounts, &mut w);
            }
            Self::Renew { now, lease, ttl_us } => {
                start(&mut w, 4, *now);
                write_lease(*lease, &mut w);
                w.option(*ttl_us);
            }
            Self::Timeout { now } => start(&mut w, 5, *now),
            Self::Annul { now, lease } => {
                start(&mut w, 6, *now);
                write_lease(*lease, &mut w);
            }
            Self::SetLimit { now, place, amount } => {
                start(&mut w, 8, *now);
                w.u32(*place);
                w.u64(*amount);
            }
            Self::Reconfigure { now, config } => {
                start(&mut w, 10, *now);
                super::config::write(config, &mut w);
            }
            Self::Record { now, request } => {
                start(&mut w, 9, *now);
                write_request(request, &mut w);
            }
            Self::Observe { now, seen } => {
                start(&mut w, 11, *now);
                super::observation::write(seen, &mut w);
            }
            Self::Reopen { now, family } => {
                start(&mut w, 12, *now);
                w.u32(*family);
            }
            Self::Boundaries { now, limit, ends, next_ends } => {
                start(&mut w, 7, *now);
                w.u32(*limit);
                w.u64(ends.as_micros());
                w.u64(next_ends.as_micros());
            }
        }
        w.into_bytes()
    }

    /// The command that these bytes are; `None` if they are none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        let input = read(&mut r);
        r.end().is_ok().then_some(input)
    }
}

fn start(w: &mut Writer, tag: u8, now: Instant) {
    w.u8(tag);
    w.u64(now.as_micros());
}

fn read(r: &mut Reader<'_>) -> Input {
    let tag = r.u8();
    let now = Instant::from_micros(r.u64());
    match tag {
        0 => Input::Acquire { now, request: read_request(r) },
        1 => Input::Enqueue { now, request: read_request(r), deadline: r.option().map(Instant::from_micros) },
        2 => Input::Cancel { now, waiter: WaiterId { slot: r.u32(), generation: r.u32() } },
        3 => Input::Release { now, lease: read_lease(r), report: read_report(r) },
        4 => Input::Renew { now, lease: read_lease(r), ttl_us: r.option() },
        6 => Input::Annul { now, lease: read_lease(r) },
        7 => {
            let [limit, ends, next_ends] = [u64::from(r.u32()), r.u64(), r.u64()];
            let [ends, next_ends] = [ends, next_ends].map(Instant::from_micros);
            Input::Boundaries { now, limit: limit as u32, ends, next_ends }
        }
        8 => Input::SetLimit { now, place: r.u32(), amount: r.u64() },
        10 => Input::Reconfigure { now, config: Box::new(super::config::read(r)) },
        9 => Input::Record { now, request: read_request(r) },
        11 => Input::Observe { now, seen: Box::new(super::observation::read(r)) },
        12 => Input::Reopen { now, family: r.u32() },
        timeout => {
            r.require(timeout == 5);
            Input::Timeout { now }
        }
    }
}

pub(super) fn write_lease(lease: LeaseId, w: &mut Writer) {
    w.u32(lease.slot);
    w.u32(lease.generation);
}

pub(super) fn read_lease(r: &mut Reader<'_>) -> LeaseId {
    LeaseId { slot: r.u32(), generation: r.u32() }
}

fn read_report(r: &mut Reader<'_>) -> Report {
    let outcome = match r.u8() {
        1 => Outcome::Error,
        2 => Outcome::Timeout,
        3 => Outcome::Cancelled,
        4 => Outcome::Refused,
        5 => Outcome::Overloaded,
        success => {
            r.require(success == 0);
            Outcome::Success
        }
    };
    let [latency_us, first_token_us, prompt_tokens, output_tokens, retry_after_us] = [(); 5].map(|()| r.option());
    let amounts = read_reported(r);
    Report { outcome, latency_us, first_token_us, prompt_tokens, output_tokens, retry_after_us, amounts }
}

/// Most calls count nothing but tokens: one byte.
fn write_reported(amounts: &ReportedAmounts, w: &mut Writer) {
    w.bool(*amounts != ReportedAmounts::default());
    if *amounts != ReportedAmounts::default() {
        w.option(amounts.cost_micros);
        amounts.custom.iter().for_each(|&amount| w.option(amount));
    }
}

fn read_reported(r: &mut Reader<'_>) -> ReportedAmounts {
    let mut amounts = ReportedAmounts::default();
    if r.bool() {
        amounts.cost_micros = r.option();
        for amount in &mut amounts.custom {
            *amount = r.option();
        }
    }
    amounts
}

fn write_amounts(amounts: &Amounts, w: &mut Writer) {
    w.bool(*amounts != Amounts::default());
    if *amounts != Amounts::default() {
        w.u64(amounts.cost_micros);
        amounts.custom.iter().for_each(|&amount| w.u64(amount));
    }
}

fn read_amounts(r: &mut Reader<'_>) -> Amounts {
    let mut amounts = Amounts::default();
    if r.bool() {
        amounts.cost_micros = r.u64();
        for amount in &mut amounts.custom {
            *amount = r.u64();
        }
    }
    amounts
}

fn write_request(request: &Request, w: &mut Writer) {
    w.option(request.actor.map(|actor| u64::from(actor.0)));
    w.option(request.share.map(u64::from));
    w.bool(request.priority == Priority::Background);
    w.bool(request.barge);
    w.u64(request.weight);
    w.u64(request.tokens.prompt);
    w.u64(request.tokens.output);
    write_amounts(&request.amounts, w);
    request.keys.write(w);
    w.bool(request.unlimited);
    w.u32(request.family);
    w.bool(request.claim.is_some());
    if let Some(claim) = request.claim {
        write_lease(claim, w);
    }
}

fn read_request(r: &mut Reader<'_>) -> Request {
    let actor = r.option();
    let share = r.option();
    r.require([actor, share].iter().flatten().all(|&number| number <= u64::from(u32::MAX)));
    Request {
        actor: actor.map(|handle| ActorHandle(handle as u32)),
        share: share.map(|share| share as u32),
        priority: if r.bool() { Priority::Background } else { Priority::Interactive },
        barge: r.bool(),
        weight: r.u64(),
        tokens: Tokens { prompt: r.u64(), output: r.u64() },
        amounts: read_amounts(r),
        keys: Keys::read(r),
        unlimited: r.bool(),
        family: r.u32(),
        claim: if r.bool() { Some(read_lease(r)) } else { None },
    }
}

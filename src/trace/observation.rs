//! Decides how a provider's answer stands in a trace.

use super::input::{read_lease, write_lease};
use crate::codec::{Reader, Writer};
use crate::decision::Keys;
use crate::observation::{Answered, Observation, Remaining};
use crate::time::Instant;

const ANSWERED: [Answered; 5] =
    [Answered::Ok, Answered::Transient, Answered::Overload, Answered::Terminal, Answered::Other];

pub(super) fn write(seen: &Observation, w: &mut Writer) {
    w.bool(seen.lease.is_some());
    if let Some(lease) = seen.lease {
        write_lease(lease, w);
    }
    w.u32(seen.family);
    w.u8(seen.answered as u8);
    w.option(seen.retry_at.map(Instant::as_micros));
    w.bool(seen.counts_at_end);
    seen.keys.write(w);
    w.len(seen.limits.len());
    for limit in &seen.limits {
        w.u32(limit.place);
        w.u64(limit.amount);
        w.option(limit.resets_at.map(Instant::as_micros));
    }
}

pub(super) fn read(r: &mut Reader<'_>) -> Observation {
    let mut seen = Observation { lease: r.bool().then(|| read_lease(r)), family: r.u32(), ..Observation::default() };
    match ANSWERED.get(usize::from(r.u8())) {
        Some(&answered) => seen.answered = answered,
        None => r.fail(),
    }
    seen.retry_at = r.option().map(Instant::from_micros);
    seen.counts_at_end = r.bool();
    seen.keys = Keys::read(r);
    r.each(|r| {
        let (place, amount) = (r.u32(), r.u64());
        seen.limits.push(Remaining { place, amount, resets_at: r.option().map(Instant::from_micros) });
    });
    seen
}

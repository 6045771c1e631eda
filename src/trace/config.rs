//! Decides how a configuration stands at the head of a trace.

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::codec::{Reader, Writer};
use crate::config::{
    Adaptive, Algorithm, Caps, Concurrency, Config, Fairness, Limit, Overflow, Queue, QueueOverflow, Rate,
};

pub(super) fn write(config: &Config, w: &mut Writer) {
    w.bool(config.concurrency.is_some());
    if let Some(concurrency) = &config.concurrency {
        w.u64(concurrency.max_in_flight);
        w.u64(concurrency.interactive_reserve);
    }
    w.bool(config.rate.is_some());
    if let Some(rate) = &config.rate {
        w.option(rate.requests);
        w.option(rate.tokens);
        w.u64(rate.window_us);
    }
    w.len(config.metrics.len());
    config.metrics.iter().for_each(|name| w.text(name));
    w.len(config.limits.len());
    config.limits.iter().for_each(|limit| write_limit(limit, w));
    w.bool(config.fairness.is_some());
    if let Some(fairness) = &config.fairness {
        w.f64(fairness.soft_cap_ratio);
        w.u64(fairness.starvation_window_us);
    }
    w.bool(config.adaptive.is_some());
    if let Some(adaptive) = &config.adaptive {
        w.f64(adaptive.alpha);
        w.f64(adaptive.target_deny_rate);
        w.f64(adaptive.latency_threshold);
        w.u64(adaptive.adjust_interval_us);
        w.u64(adaptive.min_concurrency);
    }
    w.u64(config.lease_ttl_us);
    w.u64(config.reaper_interval_us);
    w.u32(config.queue.max);
    w.bool(config.queue.overflow == QueueOverflow::DropOldest);
    w.u64(config.queue.ageing_us);
    w.bool(config.shares);
    w.bool(config.probes);
    w.u32(config.caps.actors);
    w.u32(config.caps.keys);
    w.u32(config.caps.leases);
    w.u32(config.caps.id_bytes);
    w.bool(config.caps.overflow == Overflow::Deny);
}

pub(super) fn read(r: &mut Reader<'_>) -> Config {
    Config {
        concurrency: given(r, |r| Concurrency { max_in_flight: r.u64(), interactive_reserve: r.u64() }),
        rate: given(r, |r| Rate { requests: r.option(), tokens: r.option(), window_us: r.u64() }),
        metrics: list(r, |r| r.text().to_string()),
        limits: list(r, read_limit),
        fairness: given(r, |r| Fairness { soft_cap_ratio: r.f64(), starvation_window_us: r.u64() }),
        adaptive: given(r, read_adaptive),
        lease_ttl_us: r.u64(),
        reaper_interval_us: r.u64(),
        queue: Queue {
            max: r.u32(),
            overflow: if r.bool() { QueueOverflow::DropOldest } else { QueueOverflow::Reject },
            ageing_us: r.u64(),
        },
        shares: r.bool(),
        probes: r.bool(),
        caps: Caps {
            actors: r.u32(),
            keys: r.u32(),
            leases: r.u32(),
            id_bytes: r.u32(),
            overflow: if r.bool() { Overflow::Deny } else { Overflow::Share },
        },
    }
}

fn read_adaptive(r: &mut Reader<'_>) -> Adaptive {
    Adaptive {
        alpha: r.f64(),
        target_deny_rate: r.f64(),
        latency_threshold: r.f64(),
        adjust_interval_us: r.u64(),
        min_concurrency: r.u64(),
    }
}

fn write_limit(limit: &Limit, w: &mut Writer) {
    limit.write_identity(w);
    w.u64(limit.limit);
    w.option(if let Algorithm::TokenBucket { burst } = limit.algorithm { burst } else { None });
    w.option(limit.max_debt);
    w.len(limit.warn_at.len());
    limit.warn_at.iter().for_each(|&part| w.u32(part));
}

fn read_limit(r: &mut Reader<'_>) -> Limit {
    let mut limit = Limit::read_identity(r);
    limit.limit = r.u64();
    let given = r.option();
    if let Algorithm::TokenBucket { burst } = &mut limit.algorithm {
        *burst = given;
    }
    limit.max_debt = r.option();
    limit.warn_at = list(r, Reader::u32);
    limit
}

fn list<'a, T>(r: &mut Reader<'a>, mut read: impl FnMut(&mut Reader<'a>) -> T) -> Vec<T> {
    let mut list = Vec::new();
    r.each(|r| list.push(read(r)));
    list
}

fn given<'a, T>(r: &mut Reader<'a>, read: impl FnOnce(&mut Reader<'a>) -> T) -> Option<T> {
    if r.bool() { Some(read(r)) } else { None }
}

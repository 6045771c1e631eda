//! The documented rules, naively: every number is counted anew from a list of all leases that ever were.

use std::collections::BTreeMap;

use throttleai::{Cause, Config, Reason, Tokens};

const UNIT: u64 = 1_000_000;

#[derive(Clone, Debug)]
pub struct Ask {
    pub actor: u8,
    pub background: bool,
    pub weight: u64,
    pub tokens: Tokens,
}

/// What a denial says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    pub reason: Reason,
    pub cause: Cause,
    pub used: u64,
    pub limit: u64,
    pub retry_at: Option<u64>,
    pub retry_after_ms: u32,
    pub binding: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Live,
    Expired,
    Released,
}

#[derive(Clone, Debug)]
struct Lease {
    actor: u8,
    weight: u64,
    admitted: u64,
    expires_at: u64,
    tokens: Tokens,
    state: State,
}

pub struct Model {
    config: Config,
    leases: Vec<Lease>,
    /// When each actor that was let in before was last refused for concurrency while below its share.
    starved: BTreeMap<u8, u64>,
    stranger_starved: Option<u64>,
    /// Actors that were let in at least once.
    known: Vec<u8>,
    /// Instants at which only slots kept the last denied call.
    slots_at: Option<u64>,
}

impl Model {
    pub fn new(config: Config) -> Self {
        Self { config, leases: vec![], starved: BTreeMap::new(), stranger_starved: None, known: vec![], slots_at: None }
    }

    fn held(&self) -> impl Iterator<Item = &Lease> {
        self.leases.iter().filter(|lease| lease.state == State::Live)
    }

    pub fn live(&self) -> usize {
        self.held().count()
    }

    pub fn active(&self) -> u64 {
        self.held().map(|lease| lease.weight).sum()
    }

    fn held_by(&self, actor: u8) -> u64 {
        self.held().filter(|lease| lease.actor == actor).map(|lease| lease.weight).sum()
    }

    fn window(&self) -> u64 {
        self.config.rate.map_or(0, |rate| rate.window_us)
    }

    fn counted(&self, now: u64) -> impl Iterator<Item = &Lease> {
        let window = self.window();
        self.leases.iter().filter(move |lease| lease.admitted + window > now)
    }

    pub fn requests(&self, now: u64) -> u64 {
        self.counted(now).count() as u64
    }

    pub fn tokens(&self, now: u64) -> u64 {
        self.counted(now).map(|lease| lease.tokens.total()).sum()
    }

    pub fn sweep(&mut self, now: u64) {
        for lease in self.leases.iter_mut().filter(|lease| lease.state == State::Live && lease.expires_at <= now) {
            lease.state = State::Expired;
        }
        let window = self.config.fairness.map_or(0, |fairness| fairness.starvation_window_us);
        self.starved.retain(|_, &mut then| now - then < window);
        self.stranger_starved = self.stranger_starved.filter(|then| now - then < window);
    }

    pub fn acquire(&mut self, now: u64, ask: &Ask) -> Result<u64, Told> {
        self.sweep(now);
        let refusals = self.refusals(now, ask);
        let Some(first) = refusals.first().copied() else {
            return Ok(self.grant(now, ask));
        };
        let last = refusals.iter().fold((Some(now), None), |(at, binding), told| match (at, told.retry_at) {
            (Some(before), Some(at)) if at >= before => (Some(at), told.binding),
            (Some(_), None) => (None, told.binding),
            _ => (at, binding),
        });
        self.slots_at = last.0.filter(|_| last.1.is_none());
        if matches!(first.cause, Cause::Slots | Cause::Reserve) {
            self.note_starved(now, ask.actor);
        }
        Err(Told { retry_at: last.0, binding: last.1, ..first })
    }

    /// Whether the promise was that of slots, which is an upper bound and not exact.
    pub fn only_slots_bind(&self, at: u64) -> bool {
        self.slots_at == Some(at)
    }

    fn grant(&mut self, now: u64, ask: &Ask) -> u64 {
        let expires_at = now + self.config.lease_ttl_us;
        let Ask { actor, weight, tokens, .. } = *ask;
        self.leases.push(Lease { actor, weight, admitted: now, expires_at, tokens, state: State::Live });
        self.starved.remove(&actor);
        if !self.known.contains(&actor) {
            self.known.push(actor);
            self.stranger_starved = None;
        }
        expires_at
    }

    fn refusals(&self, now: u64, ask: &Ask) -> Vec<Told> {
        let mut all = Vec::new();
        if let Some(pool) = self.config.concurrency {
            all.extend(self.refusal_by_slots(now, ask, pool.max_in_flight, pool.interactive_reserve));
            all.extend(self.refusal_by_share(now, ask, pool.max_in_flight));
        }
        let Some(rate) = self.config.rate else { return all };
        let limits = [(rate.requests, 1), (rate.tokens, ask.tokens.total())];
        for (index, (max, asked)) in limits.into_iter().enumerate().filter_map(|(i, (max, n))| Some((i, (max?, n)))) {
            let used = if index == 0 { self.requests(now) } else { self.tokens(now) };
            let binding = Some(if rate.requests.is_some() { index as u32 } else { 0 });
            if used + asked > max {
                all.push(self.refusal_by_rate(now, index, asked, used, max, binding));
            }
        }
        all
    }

    fn refusal_by_rate(&self, now: u64, index: usize, asked: u64, used: u64, max: u64, binding: Option<u32>) -> Told {
        let sum = |t: u64| if index == 0 { self.requests(t) } else { self.tokens(t) };
        let leave = self.counted(now).map(|lease| lease.admitted + self.window());
        let retry_at = leave.filter(|&t| sum(t) + asked <= max).min();
        let cause = if retry_at.is_some() { Cause::Limit } else { Cause::TooLarge };
        let retry_after_ms = retry_at.map_or(5_000, |at| polite(at - now));
        Told { reason: Reason::Rate, cause, used, limit: max, retry_at, retry_after_ms, binding }
    }

    fn refusal_by_slots(&self, now: u64, ask: &Ask, m: u64, reserve: u64) -> Option<Told> {
        let (ceiling, reserve) = if ask.background { (m - reserve, reserve.min(m - UNIT)) } else { (m, 0) };
        let fits = |active: u64| active == 0 || active + ask.weight + reserve <= m;
        let cause = if ask.weight > ceiling {
            Cause::TooLarge
        } else if fits(self.active()) {
            return None;
        } else if self.active() + ask.weight > m {
            Cause::Slots
        } else {
            Cause::Reserve
        };
        let retry_at = (cause != Cause::TooLarge).then(|| self.when_expired(fits)).flatten();
        Some(self.about_slots(now, Reason::Concurrency, cause, m, retry_at))
    }

    fn refusal_by_share(&self, now: u64, ask: &Ask, m: u64) -> Option<Told> {
        let fairness = self.config.fairness?;
        let held = self.held_by(ask.actor);
        let loaded = (self.active() + ask.weight) * 2 >= m;
        let cap = (m as f64 * fairness.soft_cap_ratio + 0.5) as u64;
        let above_cap = held + ask.weight > cap;
        let strangers = u64::from(self.stranger_starved.is_some());
        let mut active: Vec<u8> = self.held().filter(|lease| lease.weight > 0).map(|lease| lease.actor).collect();
        active.extend(self.starved.keys());
        active.sort_unstable();
        active.dedup();
        let somebody_starves = !self.starved.is_empty() || strangers > 0;
        let at_share = held * (active.len() as u64 + strangers) >= m;
        if held == 0 || !loaded || !(above_cap || (at_share && somebody_starves)) {
            return None;
        }
        let most = (m / 2).saturating_sub(ask.weight).saturating_sub(1);
        let light = self.when_expired(|active| active <= most || active == 0);
        let over = (held + ask.weight).saturating_sub(cap).min(held);
        let own = if over == 0 { Some(now) } else { self.when_own_expired(ask.actor, over) };
        let newest = self.starved.values().copied().chain(self.stranger_starved).max().filter(|_| at_share);
        let forgiven = newest.map_or(now, |then| then + fairness.starvation_window_us);
        let retry_at = own.map(|own| own.max(forgiven)).into_iter().chain(light).min();
        Some(self.about_slots(now, Reason::Policy, Cause::Share, m, retry_at))
    }

    fn about_slots(&self, now: u64, reason: Reason, cause: Cause, m: u64, retry_at: Option<u64>) -> Told {
        let hint = self.held().map(|lease| lease.expires_at).min();
        let by_load = 250_000 + self.active().min(m) * 750 / m * 1_000;
        let retry_after_ms = polite(hint.map_or(by_load, |at| at.saturating_sub(now)));
        Told { reason, cause, used: self.active(), limit: m, retry_at, retry_after_ms, binding: None }
    }

    /// The instant by which so much has expired that `fits` says yes.
    fn when_expired(&self, fits: impl Fn(u64) -> bool) -> Option<u64> {
        let mut ends: Vec<(u64, u64)> = self.held().map(|lease| (lease.expires_at, lease.weight)).collect();
        ends.sort_unstable();
        let mut active = self.active();
        ends.into_iter()
            .find(|(_, weight)| {
                active -= weight;
                fits(active)
            })
            .map(|(at, _)| at)
    }

    /// The instant by which the actor's own leases have let go of `over`, if the 16 leases that expire first tell.
    fn when_own_expired(&self, actor: u8, over: u64) -> Option<u64> {
        let mut ends: Vec<&Lease> = self.held().collect();
        ends.sort_by_key(|lease| lease.expires_at);
        let mut ended = 0;
        ends.into_iter().take(16).find_map(|lease| {
            ended += if lease.actor == actor { lease.weight } else { 0 };
            (ended >= over).then_some(lease.expires_at)
        })
    }

    fn note_starved(&mut self, now: u64, actor: u8) {
        let (Some(fairness), Some(pool)) = (self.config.fairness, self.config.concurrency) else { return };
        if fairness.starvation_window_us == 0 {
            return;
        }
        if !self.known.contains(&actor) {
            self.stranger_starved = Some(now);
            return;
        }
        let mut active: Vec<u8> = self.held().filter(|lease| lease.weight > 0).map(|lease| lease.actor).collect();
        active.extend(self.starved.keys());
        active.push(actor);
        active.sort_unstable();
        active.dedup();
        let actors = active.len() as u64 + u64::from(self.stranger_starved.is_some());
        if self.held_by(actor) * actors < pool.max_in_flight {
            self.starved.insert(actor, now);
        }
    }

    pub fn release(&mut self, now: u64, index: usize, prompt: Option<u64>, output: Option<u64>) -> &'static str {
        // A tombstone is looked for when a lease expires, and serves while the token window of its admission lasts.
        let window = self.config.rate.filter(|rate| rate.tokens.is_some()).map_or(0, |rate| rate.window_us);
        let lease = &mut self.leases[index];
        let known = match lease.state {
            State::Live => "live",
            State::Expired if lease.admitted + window > now => "after expiry",
            State::Expired => "unknown",
            State::Released => "double",
        };
        if known == "live" || known == "after expiry" {
            lease.state = State::Released;
            lease.tokens =
                Tokens { prompt: prompt.unwrap_or(lease.tokens.prompt), output: output.unwrap_or(lease.tokens.output) };
        }
        known
    }

    pub fn renew(&mut self, now: u64, index: usize, ttl_us: Option<u64>) -> Option<u64> {
        let ttl_us = ttl_us.unwrap_or(self.config.lease_ttl_us);
        let lease = self.leases.get_mut(index).filter(|lease| lease.state == State::Live)?;
        lease.expires_at = now + ttl_us;
        Some(lease.expires_at)
    }
}

fn polite(us: u64) -> u32 {
    us.div_ceil(1_000).clamp(25, 5_000) as u32
}

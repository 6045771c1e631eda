//! Providers that hide their limit, each with its own way to count, and a client that asks for more than that.

use alloc::collections::{BTreeMap, VecDeque};

use super::*;

const S: u64 = 1_000_000;
const WINDOW: u64 = 60 * S;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Sliding,
    /// With boundaries at this part of a window.
    Fixed(f64),
    Bucket,
}

struct Provider {
    way: Way,
    limit: f64,
    log: VecDeque<(u64, f64)>,
    used: f64,
    period: f64,
    level: f64,
    at: u64,
}

impl Provider {
    fn new(way: Way, limit: u64) -> Self {
        let limit = limit as f64;
        Self { way, limit, log: VecDeque::new(), used: 0.0, period: -1.0, level: limit, at: 0 }
    }

    fn lets_in(&mut self, now: u64, amount: f64) -> bool {
        match self.way {
            Way::Sliding => {
                while let Some((_, gone)) = self.log.front().copied().filter(|(at, _)| at + WINDOW <= now) {
                    self.used -= gone;
                    self.log.pop_front();
                }
            }
            Way::Fixed(part) => {
                let period = (now as f64 / WINDOW as f64 + part).floor();
                if period != self.period {
                    (self.period, self.used) = (period, 0.0);
                }
            }
            Way::Bucket => {
                let gained = (now - self.at) as f64 / WINDOW as f64 * self.limit;
                self.level = (self.level + gained).min(self.limit);
                (self.at, self.used) = (now, self.limit - self.level);
            }
        }
        if self.used + amount > self.limit {
            return false;
        }
        self.used += amount;
        self.level -= amount;
        if self.way == Way::Sliding {
            self.log.push_back((now, amount));
        }
        true
    }
}

#[derive(Clone, Copy, Debug)]
struct Run {
    way: Way,
    limit: u64,
    /// Demand, as a part of the limit.
    load: f64,
    /// Calls have sizes of their own, around a 200th of the limit.
    sizes: bool,
    /// The way to the provider takes so long, as the way back, and up to so much longer.
    away: u64,
    jitter: u64,
    minutes: u64,
    /// After half of them the limit is this part of what it was.
    becomes: f64,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    /// Two minutes after the first refusal: what is believed, over what it is, less 1; and refusals after the first.
    error: f64,
    refused: u32,
    /// Those of calls that were sent when the first was known.
    knowing: u32,
    /// What was let in and refused in the last half, as parts of what could have been let in and of what was sent.
    used: f64,
    share: f64,
    /// What is believed at the end, as the error above.
    last: f64,
}

struct Client {
    run: Run,
    hidden: Hidden,
    provider: Provider,
    rng: fastrand::Rng,
    now: u64,
    order: u32,
    /// Calls that wait, the size of the first, and the instant that it was told.
    queue: u32,
    size: u64,
    told: Option<u64>,
    /// Calls on their way to the provider, refusals on their way back: (at, order) to (sent, amount).
    there: BTreeMap<(u64, u32), (u64, u64)>,
    back: BTreeMap<(u64, u32), (u64, u64)>,
    first: Option<u64>,
    late: [u32; 2],
    found: Found,
}

impl Client {
    fn new(run: Run) -> Self {
        let found = Found { error: f64::NAN, refused: 0, knowing: 0, used: 0.0, share: 0.0, last: f64::NAN };
        let (provider, rng) = (Provider::new(run.way, run.limit), fastrand::Rng::with_seed(run.seed));
        let hidden = Hidden::new(WINDOW, 1 << 50);
        let (there, back, late) = (BTreeMap::new(), BTreeMap::new(), [0; 2]);
        let (now, first, told) = (1_000 * S, None, None);
        Self { run, hidden, provider, rng, now, order: 0, queue: 0, size: 0, told, there, back, first, late, found }
    }

    fn mean(&self) -> f64 {
        if self.run.sizes { self.run.limit as f64 / 200.0 } else { 1.0 }
    }

    /// Sends what fits, and asks when the next one will. An instant that was told is kept if nothing else happens, and not before.
    fn send(&mut self) {
        let t = CoreTime::from_micros(self.now);
        self.hidden.advance(t);
        while self.queue > 0 {
            if self.size == 0 {
                let mean = self.mean();
                self.size = if self.run.sizes { (mean * (0.2 + 1.6 * self.rng.f64())).round() as u64 } else { 1 };
            }
            let fits_at = self.hidden.fits_at(t, self.size).expect("it is no more than it can be");
            let fits = self.hidden.fits(self.size);
            assert_eq!(fits, fits_at == t, "{:?} at {t:?}: {fits_at:?}", self.run);
            if let Some(told) = self.told {
                assert_eq!(fits, self.now >= told, "{:?} at {t:?}: told {told}", self.run);
            }
            if !fits {
                self.told = Some(fits_at.as_micros());
                return;
            }
            self.hidden.add(t, self.size);
            self.order += 1;
            let way = self.run.away + self.rng.u64(0..=self.run.jitter);
            self.there.insert((self.now + way, self.order), (self.now, self.size));
            self.late[0] += u32::from(self.is_late());
            (self.queue, self.size, self.told) = (self.queue - 1, 0, None);
        }
    }

    const fn is_late(&self) -> bool {
        self.now > 1_000 * S + self.run.minutes * 30 * S
    }

    fn arrive(&mut self, at: u64, order: u32, (sent, amount): (u64, u64)) {
        if self.is_late() {
            self.provider.limit = (self.run.limit as f64 * self.run.becomes).round();
        }
        if !self.provider.lets_in(at, amount as f64) {
            let way = self.run.away + self.rng.u64(0..=self.run.jitter);
            self.back.insert((at + way, order), (sent, amount));
        } else if self.is_late() {
            self.found.used += amount as f64 / (self.provider.limit * 0.5 * self.run.minutes as f64);
        }
    }

    fn hear(&mut self, (sent, amount): (u64, u64)) {
        let t = CoreTime::from_micros(self.now);
        self.hidden.advance(t);
        let refusal = Refusal { admitted: CoreTime::from_micros(sent), amount, retry_at: None };
        self.hidden.refused(t, &refusal, false);
        self.told = None;
        let early = self.first.filter(|first| self.now < first + 120 * S);
        self.found.refused += u32::from(early.is_some());
        self.found.knowing += u32::from(early.is_some_and(|first| sent >= first));
        self.late[1] += u32::from(self.is_late());
        self.first = self.first.or(Some(self.now));
    }

    fn error(&self) -> f64 {
        self.hidden.known().map_or(f64::NAN, |known| known.estimate as f64 / self.provider.limit - 1.0)
    }
}

/// A client that has at most five calls waiting, and drops the rest.
fn drive(run: &Run) -> Found {
    let mut client = Client::new(*run);
    let end = client.now + run.minutes * 60 * S;
    let mut next = client.now;
    while client.now < end {
        client.send();
        let at = |map: &BTreeMap<(u64, u32), _>| map.first_key_value().map_or(u64::MAX, |(key, _)| key.0);
        let told = client.told.unwrap_or(u64::MAX);
        client.now = next.min(told).min(at(&client.there)).min(at(&client.back));
        if client.first.is_some_and(|first| client.now >= first + 120 * S) && client.found.error.is_nan() {
            client.found.error = client.error();
        }
        if client.now == next {
            client.queue = (client.queue + 1).min(5);
            let pause = WINDOW as f64 * client.mean() / (client.provider.limit * run.load);
            next += (-(1.0 - client.rng.f64()).ln() * pause) as u64;
        }
        while let Some(entry) = client.there.first_entry().filter(|entry| entry.key().0 <= client.now) {
            let ((at, order), call) = entry.remove_entry();
            client.arrive(at, order, call);
        }
        while let Some(entry) = client.back.first_entry().filter(|entry| entry.key().0 <= client.now) {
            let call = entry.remove();
            client.hear(call);
        }
    }
    let [sent, refused] = client.late;
    Found { share: f64::from(refused) / f64::from(sent.max(1)), last: client.error(), ..client.found }
}

const WAYS: [Way; 5] = [Way::Sliding, Way::Fixed(0.0), Way::Fixed(0.37), Way::Fixed(0.8), Way::Bucket];
const RUN: Run = Run {
    way: Way::Sliding,
    limit: 60,
    load: 1.5,
    sizes: false,
    away: 25_000,
    jitter: 0,
    minutes: 5,
    becomes: 1.0,
    seed: 0,
};

fn each(limits: &[u64], loads: &[f64], seeds: u64, see: &mut dyn FnMut(Run)) {
    for way in WAYS {
        for &limit in limits {
            for &load in loads {
                (0..seeds).for_each(|seed| see(Run { way, limit, load, seed, ..RUN }));
            }
        }
    }
}

#[test]
fn it_is_known_within_a_twentieth_in_two_minutes_with_ten_refusals_after_the_first() {
    for (sizes, jitter) in [(false, 0), (false, 30_000), (true, 0)] {
        let limits: &[u64] = if sizes { &[60_000] } else { &[60, 400] };
        each(limits, &[1.5, 3.0], 2, &mut |run| {
            let run = Run { sizes, jitter, minutes: 7, ..run };
            let found = drive(&run);
            assert!(found.error.abs() <= 0.05 + 1e-9 && found.refused <= 10, "{run:?} {found:?}");
        });
    }
}

#[test]
fn a_try_of_a_large_limit_costs_few_refusals_however_late_they_are_heard() {
    for (load, seed) in [(1.5, 0), (1.5, 1), (3.0, 0), (3.0, 1)] {
        let run = Run { limit: 3000, away: 125_000, load, seed, ..RUN };
        let found = drive(&run);
        assert!(found.error.abs() <= 0.05 && found.knowing <= 10, "{run:?} {found:?}");
    }
}

#[test]
fn a_large_limit_is_met_by_few_calls_at_a_time_until_it_is_known() {
    let mut knowing = alloc::vec::Vec::new();
    each(&[3000], &[1.5, 3.0], 5, &mut |run| {
        knowing.push(drive(&run).knowing);
    });
    knowing.sort_unstable();
    assert!(knowing[25] <= 5 && knowing[40] <= 10 && knowing[49] <= 18, "{knowing:?}");
}

#[test]
fn most_of_it_is_used_and_few_calls_are_refused_then() {
    each(&[60, 200], &[1.5], 1, &mut |run| {
        let run = Run { minutes: 20, ..run };
        let found = drive(&run);
        assert!(found.used >= 0.95 && found.share <= 0.02, "{run:?} {found:?}");
    });
}

#[test]
fn a_limit_that_rises_or_falls_is_found_again() {
    for becomes in [0.5, 2.0] {
        each(&[60, 200], &[1.5], 1, &mut |run| {
            let run = Run { minutes: 50, becomes, ..run };
            let found = drive(&run);
            // A try may be under way.
            assert!(found.last.abs() <= 0.125 && found.used >= 0.8 && found.share <= 0.06, "{run:?} {found:?}");
        });
    }
}

fn at(us: u64) -> CoreTime {
    CoreTime::from_micros(us)
}

/// One that has learnt that it holds 8 calls of 100, refused twice in one instant.
fn refused_twice() -> Hidden {
    let mut hidden = Hidden::new(WINDOW, 100_000);
    (0..10).for_each(|_| hidden.add(at(S), 100));
    for _ in 0..2 {
        hidden.advance(at(S));
        hidden.refused(at(S), &Refusal { admitted: at(S), amount: 100, retry_at: None }, false);
    }
    hidden
}

#[test]
fn nothing_that_is_sent_lets_more_through() {
    let mut hidden = refused_twice();
    // Alone it fits, however large, and nobody waits for so long.
    let mut now = 200 * S;
    for amount in [5_000, 10, 10] {
        hidden.advance(at(now));
        let allowed = hidden.allowed(at(now));
        hidden.add(at(now), amount);
        assert!(hidden.allowed(at(now)) <= allowed, "{} > {allowed}", hidden.allowed(at(now)));
        now += 3 * WINDOW;
    }
}

#[test]
fn a_call_that_counts_more_than_is_allowed_holds_others_back_for_a_window_at_most() {
    let mut hidden = refused_twice();
    hidden.evenly = true;
    hidden.add(at(80 * S), u64::MAX / 2);
    hidden.advance(at(80 * S));
    assert!(hidden.fits_at(at(80 * S), 100).is_some_and(|at_| at_ <= at(80 * S + WINDOW + WINDOW / 64)));
}

#[test]
fn a_copy_knows_as_much() {
    let hidden = refused_twice();
    let copy = hidden.copy();
    assert!(hidden.known().is_some());
    assert_eq!((copy.known(), copy.fits(100), copy.fulls), (hidden.known(), hidden.fits(100), hidden.fulls));
}

#[test]
fn refusals_of_one_instant_are_saved() {
    let hidden = refused_twice();
    assert_eq!(hidden.fulls.len(), 2);
    let mut w = Writer::default();
    hidden.write(&mut w);
    let (bytes, mut again) = (w.into_bytes(), Hidden::new(WINDOW, 100_000));
    let mut r = Reader::new(&bytes);
    again.restore(&mut r, at(S));
    assert!(r.end().is_ok());
    assert_eq!((again.known(), again.fulls), (hidden.known(), hidden.fulls));
}

#[test]
fn a_refused_call_gives_back_what_was_counted_for_it_and_no_more() {
    use crate::{Algorithm, Config, Decision, Governor, Instant, Limit, Metric, Outcome, Report, Request, Tokens};
    let limit = Limit { algorithm: Algorithm::Hidden, ..Limit::new("tokens", Metric::Tokens, 1 << 40, WINDOW) };
    let mut governor = Governor::new(Config { limits: alloc::vec![limit], ..Config::default() }).unwrap();
    let now = Instant::from_millis(1_000.0);
    let [_, refused] = [100, 800].map(|prompt| {
        let request = Request { tokens: Tokens { prompt, output: 0 }, ..Request::default() };
        let Decision::Granted(grant) = governor.acquire(now, &request) else { unreachable!() };
        grant.lease
    });
    // It says that it used another amount than was estimated.
    governor.release(now, refused, &Report::of(Outcome::Refused, 5.0, 10.0, 0.0));
    assert_eq!(governor.limit_view(now, 0).map(|view| view.current), Some(100));
}

/// How many calls of 100 fit at this instant.
fn burst(hidden: &Hidden, now: u64) -> usize {
    let mut later = hidden.copy();
    later.advance(at(now));
    let mut sent = 0;
    while sent < 100 && later.fits(100) {
        later.add(at(now), 100);
        sent += 1;
    }
    sent
}

#[test]
fn sent_evenly_at_most_four_go_at_once() {
    let mut hidden = refused_twice();
    // Long after the refusal, when what is open is more than that.
    let now = S + 2 * WINDOW;
    assert!(burst(&hidden, now) > 4);
    hidden.evenly = true;
    assert_eq!(burst(&hidden, now), 4);
    (0..4).for_each(|_| hidden.add(at(now), 100));
    hidden.advance(at(now));
    let next = hidden.fits_at(at(now), 100).unwrap();
    assert!(next > at(now) && next <= at(now + WINDOW / 8), "{next:?}");
    assert_eq!(burst(&hidden, next.as_micros()), 1);
}

#[test]
fn single_calls_follow_a_refusal_that_is_not_explained_whatever_pause_it_asks_for() {
    let mut hidden = refused_twice();
    hidden.evenly = true;
    let now = S + 3 * WINDOW;
    hidden.advance(at(now));
    for retry_at in [None, Some(at(S)), Some(at(now + 10 * WINDOW))] {
        let mut hidden = hidden.copy();
        let refusal = Refusal { admitted: at(now - S), amount: 100, retry_at };
        assert_eq!(hidden.explains(&refusal), Some(false));
        assert!(!hidden.refused(at(now), &refusal, false));
        assert_eq!(hidden.opens_at, at(now));
        hidden.evenly = false;
        assert_eq!(burst(&hidden, now), 1);
    }
}

#[test]
fn however_much_was_sent_the_way_up_ends() {
    let mut hidden = refused_twice();
    let now = at(4 * WINDOW);
    (hidden.sent, hidden.opens_at) = (u64::MAX, now);
    hidden.advance(now);
    assert!(!hidden.fits(100));
    let end = now.plus(WINDOW / STEP * STEPS);
    assert_eq!(hidden.fits_at(now, 100), Some(end));
    hidden.advance(end);
    assert!(hidden.fits(100));
}

#[test]
fn an_image_that_holds_calls_back_for_ever_is_refused() {
    for (even_at, fits) in [(S, true), (S + WINDOW, true), (S + WINDOW + 1, false), (u64::MAX >> 3, false)] {
        let mut hidden = refused_twice();
        hidden.even_at = at(even_at);
        let mut w = Writer::default();
        hidden.write(&mut w);
        let bytes = w.into_bytes();
        let mut r = Reader::new(&bytes);
        Hidden::new(WINDOW, 100_000).restore(&mut r, at(S));
        assert_eq!(r.end().is_ok(), fits, "{even_at}");
    }
}

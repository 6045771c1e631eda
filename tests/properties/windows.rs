//! How much a rolling window of bounded memory admits, measured against an exact log that keeps every call: never above the
//! limit in any window, and at least 99 % of what the log admits, whether refused calls come back when they were told to or
//! never. For calls that count alike at least 255 of 256 are sure, whenever they come: a window holds back at most a 256th of
//! its limit too long (`src/limit/window.rs`), and of what the log admits, those of each 256 calls that come first fit a limit
//! lower by a 256th; the window admits no fewer by any instant, as it admits whatever fits. Where large calls are refused and
//! lost, smaller ones take their room in either, so that both lose by chance; that is measured only.
//!
//! `cargo test --release --test properties windows -- --nocapture` prints the figures.

use std::collections::VecDeque;

use fastrand::Rng;
use throttleai::{Config, Decision, Governor, Instant, Rate, Report, Request, Tokens};

const WINDOW_US: u64 = 60_000_000;
/// For how many windows the calls go on.
const WINDOWS: u64 = 12;
/// The least that is to be admitted of what the exact log admits.
const LEAST: f64 = 0.99;

/// When it comes, and how much it asks for.
type Call = (u64, u64);

/// Something that admits calls. Time never decreases.
trait Admits {
    /// `None` if it was admitted, else when it would be.
    fn offer(&mut self, call: Call) -> Option<u64>;
    fn admitted(&self) -> u64;
}

/// The exact log: every call leaves one window after its admission.
struct Exact {
    limit: u64,
    calls: VecDeque<Call>,
    sum: u64,
    admitted: u64,
}

impl Exact {
    fn new(limit: u64) -> Self {
        Self { limit, calls: VecDeque::new(), sum: 0, admitted: 0 }
    }

    fn free_at(&self, most: u64) -> u64 {
        let mut sum = self.sum;
        let leaves = self.calls.iter().find(|(_, amount)| {
            sum -= amount;
            sum <= most
        });
        leaves.expect("an empty window has room").0 + WINDOW_US
    }
}

impl Admits for Exact {
    fn offer(&mut self, (now, amount): Call) -> Option<u64> {
        while let Some(&(_, amount)) = self.calls.front().filter(|(at, _)| at + WINDOW_US <= now) {
            self.calls.pop_front();
            self.sum -= amount;
        }
        if self.sum + amount > self.limit {
            return Some(self.free_at(self.limit - amount));
        }
        self.calls.push_back((now, amount));
        self.sum += amount;
        self.admitted += amount;
        None
    }

    fn admitted(&self) -> u64 {
        self.admitted
    }
}

/// A governor, and the exact log of what it admits, which shows that no window is ever above the limit.
struct Governed {
    governor: Governor,
    log: Exact,
}

impl Governed {
    fn new(limit: u64) -> Self {
        let rate = Rate { tokens: Some(limit), window_us: WINDOW_US, ..Rate::default() };
        let config = Config { rate: Some(rate), ..Config::default() };
        Self { governor: Governor::new(config).expect("a valid configuration"), log: Exact::new(limit) }
    }
}

impl Admits for Governed {
    fn offer(&mut self, (now, amount): Call) -> Option<u64> {
        let request = Request { tokens: Tokens { prompt: amount, output: 0 }, ..Request::default() };
        match self.governor.acquire(Instant::from_micros(now), &request) {
            Decision::Granted(grant) => {
                self.governor.release(Instant::from_micros(now), grant.lease, &Report::default());
                assert_eq!(self.log.offer((now, amount)), None, "above the limit at {now}");
                None
            }
            Decision::Denied(denial) => Some(denial.retry_at.expect("it fits at some time").as_micros()),
        }
    }

    fn admitted(&self) -> u64 {
        self.log.admitted
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Refused {
    Lost,
    /// Stand in line and ask again when they were told to.
    ComeBack,
}

fn admitted(mut window: impl Admits, calls: &[Call], refused: Refused) -> u64 {
    let mut line = VecDeque::new();
    let mut turn = 0;
    for &(now, amount) in calls {
        while let Some(&first) = line.front().filter(|_| turn <= now) {
            match window.offer((turn, first)) {
                Some(retry_at) => turn = retry_at,
                None => drop(line.pop_front()),
            }
        }
        let retry_at = if line.is_empty() { window.offer((now, amount)) } else { Some(turn) };
        if let (Some(retry_at), Refused::ComeBack) = (retry_at, refused) {
            turn = retry_at;
            line.push_back(amount);
        }
    }
    window.admitted()
}

/// When calls come.
#[derive(Clone, Copy, Debug)]
enum Arrivals {
    /// Evenly.
    Even,
    Poisson,
    /// 200 at a time, a microsecond apart, at random.
    Bursts,
    /// At random, but in each window at the same instants to the microsecond: what leaves late is in the way of what comes.
    Repeated,
    /// Likewise, but most of them in a few dense crowds, the others far apart: few instants hold most of the window.
    Crowds,
}

/// How much they ask for.
#[derive(Clone, Copy, Debug)]
enum Amounts {
    One,
    Small,
    /// A few ask for hundreds of times as much as most, up to a tenth of the limit or so.
    Heavy,
}

fn amount(rng: &mut Rng, amounts: Amounts, per_window: u64) -> u64 {
    match amounts {
        Amounts::One => 1,
        Amounts::Small => rng.u64(1..10),
        Amounts::Heavy => ((1.0 - rng.f64()).powf(-0.8) as u64).min(per_window / 4),
    }
}

fn calls(seed: u64, arrivals: Arrivals, amounts: Amounts, per_window: u64) -> Vec<Call> {
    let mut rng = Rng::with_seed(seed);
    let pause = WINDOW_US as f64 / per_window as f64;
    let mut now = 0.0;
    let random = |index: u64| {
        now += match arrivals {
            Arrivals::Even => pause,
            Arrivals::Bursts if !index.is_multiple_of(200) => 1.0,
            Arrivals::Bursts => -(1.0 - rng.f64()).ln() * pause * 200.0,
            Arrivals::Crowds if index * 10 % per_window < per_window / 10 * 9 => 1.0 + rng.f64() * 3.0,
            Arrivals::Crowds => -(1.0 - rng.f64()).ln() * pause * 9.0,
            Arrivals::Poisson | Arrivals::Repeated => -(1.0 - rng.f64()).ln() * pause,
        };
        (now as u64, amount(&mut rng, amounts, per_window))
    };
    if !matches!(arrivals, Arrivals::Repeated | Arrivals::Crowds) {
        return (0..per_window * WINDOWS).map(random).collect();
    }
    let once: Vec<Call> = (0..per_window).map(random).filter(|(at, _)| *at < WINDOW_US).collect();
    let again = |window| once.iter().map(move |(at, amount)| (window * WINDOW_US + at, *amount));
    (0..WINDOWS).flat_map(again).collect()
}

/// What the governor admits over what the exact log admits, if the calls ask for `load` times the limit.
fn ratio(calls: &[Call], load: f64, refused: Refused) -> f64 {
    let total: u64 = calls.iter().map(|(_, amount)| amount).sum();
    let largest = calls.iter().map(|(_, amount)| *amount).max().unwrap_or(0);
    let limit = ((total / WINDOWS) as f64 / load) as u64;
    assert!(limit > largest);
    let exact = admitted(Exact::new(limit), calls, refused);
    admitted(Governed::new(limit), calls, refused) as f64 / exact as f64
}

/// The window keeps 1,024 distinct instants: from just above that, where each of them counts, to sixty times as many.
const PER_WINDOW: &[u64] = if cfg!(debug_assertions) { &[1_100, 2_000] } else { &[1_100, 2_000, 6_000, 60_000] };
const LOADS: [f64; 5] = [0.9, 1.0, 1.02, 1.3, 4.0];

/// Prints a row for each number of calls a window; returns the least.
fn measure(arrivals: Arrivals, amounts: Amounts, refused: Refused, per_window: &[u64]) -> f64 {
    let mut least = f64::INFINITY;
    for &per_window in per_window {
        let calls = calls(per_window, arrivals, amounts, per_window);
        let row = LOADS.map(|load| ratio(&calls, load, refused));
        let name = format!("{arrivals:?} {amounts:?} {refused:?}, {per_window} a window");
        println!("{name:>42} {row:.4?}");
        least = row.into_iter().fold(least, f64::min);
    }
    least
}

const ARRIVALS: [Arrivals; 5] =
    [Arrivals::Even, Arrivals::Poisson, Arrivals::Bursts, Arrivals::Repeated, Arrivals::Crowds];

fn expect_most_admitted(amounts: &[Amounts], refused: Refused, expected: f64) {
    println!("admitted by the window / by an exact log, at {LOADS:?} times the limit");
    for arrivals in ARRIVALS {
        for &amounts in amounts {
            let least = measure(arrivals, amounts, refused, PER_WINDOW);
            assert!(least >= expected, "{arrivals:?} {amounts:?} {refused:?}: {least}");
        }
    }
}

#[test]
fn admits_what_an_exact_log_admits_if_refused_calls_come_back() {
    expect_most_admitted(&[Amounts::Small, Amounts::Heavy], Refused::ComeBack, LEAST);
}

#[test]
fn admits_what_an_exact_log_admits_if_refused_calls_are_lost() {
    expect_most_admitted(&[Amounts::Small, Amounts::Heavy], Refused::Lost, LEAST);
}

#[test]
fn of_calls_that_count_alike_at_most_one_in_256_is_refused_too_early() {
    for refused in [Refused::ComeBack, Refused::Lost] {
        expect_most_admitted(&[Amounts::One], refused, 255.0 / 256.0);
    }
    // Six hundred times as many as the window keeps.
    if !cfg!(debug_assertions) {
        assert!(measure(Arrivals::Poisson, Amounts::One, Refused::Lost, &[600_000]) >= 255.0 / 256.0);
    }
}

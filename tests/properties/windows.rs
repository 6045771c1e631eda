//! How much a rolling window of bounded memory admits, measured against an exact log that keeps every call: never above the
//! limit in any window, and at least 99 % of what the log admits, whatever the calls look like, if refused calls come back
//! when they were told to. Calls that never come back are measured too: then one large call that is refused is lost, so the
//! same holds only as long as single calls are small beside the limit, or do not repeat to the microsecond.
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
}

/// How much they ask for.
#[derive(Clone, Copy, Debug)]
enum Amounts {
    Small,
    /// A few ask for hundreds of times as much as most, up to a tenth of the limit or so.
    Heavy,
}

fn amount(rng: &mut Rng, amounts: Amounts, per_window: u64) -> u64 {
    match amounts {
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
            Arrivals::Poisson | Arrivals::Repeated => -(1.0 - rng.f64()).ln() * pause,
        };
        (now as u64, amount(&mut rng, amounts, per_window))
    };
    if !matches!(arrivals, Arrivals::Repeated) {
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

/// The window keeps 600 distinct instants: from just above that, where each of them counts, to a hundred times as many.
const PER_WINDOW: &[u64] = if cfg!(debug_assertions) { &[700, 1_100] } else { &[700, 1_100, 6_000, 60_000] };
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

fn expect_most_admitted(arrivals: Arrivals, amounts: Amounts, refused: Refused, per_window: &[u64]) {
    let least = measure(arrivals, amounts, refused, per_window);
    assert!(least >= LEAST, "{arrivals:?} {amounts:?} {refused:?}: {least}");
}

#[test]
fn admits_what_an_exact_log_admits_if_refused_calls_come_back() {
    println!("admitted by the window / by an exact log, at {LOADS:?} times the limit");
    for arrivals in [Arrivals::Even, Arrivals::Poisson, Arrivals::Bursts, Arrivals::Repeated] {
        for amounts in [Amounts::Small, Amounts::Heavy] {
            expect_most_admitted(arrivals, amounts, Refused::ComeBack, PER_WINDOW);
        }
    }
}

#[test]
fn admits_what_an_exact_log_admits_if_refused_calls_are_lost() {
    println!("admitted by the window / by an exact log, at {LOADS:?} times the limit");
    for arrivals in [Arrivals::Even, Arrivals::Poisson, Arrivals::Bursts, Arrivals::Repeated] {
        expect_most_admitted(arrivals, Amounts::Small, Refused::Lost, PER_WINDOW);
    }
    for arrivals in [Arrivals::Even, Arrivals::Poisson, Arrivals::Bursts] {
        expect_most_admitted(arrivals, Amounts::Heavy, Refused::Lost, PER_WINDOW);
    }
    // A thousand times as many as the window keeps.
    if !cfg!(debug_assertions) {
        expect_most_admitted(Arrivals::Poisson, Amounts::Small, Refused::Lost, &[600_000]);
    }
    // Not guaranteed: printed, so that a change of it is seen.
    measure(Arrivals::Repeated, Amounts::Heavy, Refused::Lost, PER_WINDOW);
}

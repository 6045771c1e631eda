//! What the configured limits would have counted, kept as a list of calls each: an admission must not take one above its
//! limit. A call counts its estimate at admission and at the end what it used; where the debt is bounded, or in a bucket,
//! the less of both, as overuse may be forgiven.

use std::collections::VecDeque;

use throttleai::{Algorithm, Amounts, Config, Limit, Metric, ReportedAmounts, Request, TOKENS_MAX, Tokens, Window};

/// Where a call stands in the list of each limit, counted from the beginning of time.
pub type Charges = Vec<u64>;

/// What a call counts.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub tokens: Tokens,
    pub amounts: Amounts,
}

impl Counted {
    pub fn asked(request: &Request) -> Self {
        let Tokens { prompt, output } = request.tokens;
        let Amounts { cost_micros, custom } = request.amounts;
        Self {
            tokens: Tokens { prompt: prompt.min(TOKENS_MAX), output: output.min(TOKENS_MAX) },
            amounts: Amounts {
                cost_micros: cost_micros.min(TOKENS_MAX),
                custom: custom.map(|amount| amount.min(TOKENS_MAX)),
            },
        }
    }

    pub fn reported(&self, tokens: Tokens, told: &ReportedAmounts) -> Self {
        let mut amounts = self.amounts;
        amounts.cost_micros = told.cost_micros.unwrap_or(amounts.cost_micros).min(TOKENS_MAX);
        for (amount, told) in amounts.custom.iter_mut().zip(told.custom) {
            *amount = told.unwrap_or(*amount).min(TOKENS_MAX);
        }
        Self { tokens, amounts }
    }

    fn of(&self, metric: Metric) -> u64 {
        match metric {
            Metric::Requests => 1,
            Metric::Tokens => self.tokens.prompt + self.tokens.output,
            Metric::InputTokens => self.tokens.prompt,
            Metric::OutputTokens => self.tokens.output,
            Metric::CostUsd => self.amounts.cost_micros,
            Metric::Custom(index) => self.amounts.custom[usize::from(index)],
        }
    }
}

struct Book {
    limit: Limit,
    calls: VecDeque<(i128, u128)>,
    dropped: u64,
    sum: u128,
    /// The ends that a calendar limit was last told.
    ends: [Option<i128>; 2],
    began: i128,
    /// What was counted may be more than the limit of today lets in: of a bucket nothing can be said then.
    unsettled: bool,
}

pub struct Ledger {
    books: Vec<Book>,
    first: u32,
}

impl Ledger {
    pub fn new(config: &Config) -> Self {
        let book = |limit: &Limit| Book {
            limit: limit.clone(),
            calls: VecDeque::new(),
            dropped: 0,
            sum: 0,
            ends: [None; 2],
            began: i128::MIN,
            unsettled: false,
        };
        let rate = config.rate.map_or([None, None], |rate| [rate.requests, rate.tokens]);
        Self { books: config.limits.iter().map(book).collect(), first: rate.iter().flatten().count() as u32 }
    }

    /// Notes an admission, and checks that every limit has room for it.
    pub fn admit(&mut self, t: i128, call: &Counted) -> Charges {
        self.books.iter_mut().map(|book| book.admit(t, u128::from(call.of(book.limit.metric)))).collect()
    }

    /// Notes a call that was made elsewhere.
    pub fn record(&mut self, t: i128, call: &Counted) {
        for book in &mut self.books {
            book.enter(t, u128::from(call.of(book.limit.metric)));
            book.unsettled = true;
        }
    }

    /// A limit allows another amount.
    pub fn set_limit(&mut self, place: u32, amount: u64) {
        if let Some(book) = place.checked_sub(self.first).and_then(|at| self.books.get_mut(at as usize)) {
            book.limit.limit = amount;
            book.unsettled = true;
        }
    }

    /// Corrects a call; `None`: it never was.
    pub fn settle(&mut self, charges: &Charges, from: &Counted, to: Option<&Counted>) {
        for (book, &charge) in self.books.iter_mut().zip(charges) {
            let metric = book.limit.metric;
            let exact =
                book.limit.max_debt.is_none() && book.limit.algorithm != (Algorithm::TokenBucket { burst: None });
            let exact = exact && !matches!(book.limit.algorithm, Algorithm::TokenBucket { .. });
            let used = match to {
                None => 0,
                Some(to) if exact => to.of(metric),
                Some(to) => to.of(metric).min(from.of(metric)),
            };
            book.correct(charge, u128::from(used));
        }
    }

    /// The provider has refused a call: hidden limits count it no more, whatever is reported of it.
    pub fn refuse(&mut self, charges: &mut Charges) {
        for (book, charge) in self.books.iter_mut().zip(charges) {
            if book.limit.algorithm == Algorithm::Hidden {
                book.correct(*charge, 0);
                *charge = u64::MAX;
            }
        }
    }

    /// What a calendar limit was told.
    pub fn boundaries(&mut self, t: i128, place: u32, ends: i128, next: i128) {
        let Some(book) = place.checked_sub(self.first).and_then(|at| self.books.get_mut(at as usize)) else { return };
        book.turn(t);
        book.ends[0] = Some(ends).filter(|&ends| ends > t);
        book.ends[1] = Some(next).filter(|&next| book.ends[0].is_some_and(|ends| next > ends));
    }

    /// The clock was set after `before`: what had been said of the next period does not count any more.
    pub fn clock_set(&mut self, before: i128) {
        for book in &mut self.books {
            book.turn(before);
            book.ends[1] = None;
        }
    }
}

impl Book {
    fn enter(&mut self, t: i128, asked: u128) -> u64 {
        self.let_go(t);
        self.calls.push_back((t, asked));
        self.sum += asked;
        self.dropped + self.calls.len() as u64 - 1
    }

    fn admit(&mut self, t: i128, asked: u128) -> u64 {
        let place = self.enter(t, asked);
        let limit = u128::from(self.limit.limit);
        let most = match self.limit.algorithm {
            // Each key has a limit of its own.
            _ if !self.limit.per.is_empty() => u128::MAX,
            Algorithm::TokenBucket { .. } if self.unsettled => u128::MAX,
            Algorithm::TokenBucket { burst } => limit + burst.map_or(limit, u128::from),
            _ => limit,
        };
        assert!(self.sum <= most, "{} counted by {:?} at {t}", self.sum, self.limit);
        place
    }

    fn let_go(&mut self, t: i128) {
        self.turn(t);
        while self.calls.front().is_some_and(|call| self.is_over(call.0, t)) {
            self.sum -= self.calls.pop_front().map_or(0, |call| call.1);
            self.dropped += 1;
        }
    }

    fn is_over(&self, admitted: i128, t: i128) -> bool {
        match (self.limit.window, self.limit.algorithm) {
            (Window::Calendar, _) => admitted < self.began,
            (Window::Micros(us), Algorithm::FixedWindow) => admitted / i128::from(us) < t / i128::from(us),
            (Window::Micros(us), _) => admitted + i128::from(us) <= t,
        }
    }

    fn turn(&mut self, t: i128) {
        while let Some(ends) = self.ends[0].filter(|&ends| ends <= t) {
            self.began = ends;
            self.ends = [self.ends[1], None];
        }
    }

    fn correct(&mut self, charge: u64, used: u128) {
        if let Some(call) = charge.checked_sub(self.dropped).and_then(|at| self.calls.get_mut(at as usize)) {
            self.sum = self.sum - call.1 + used;
            call.1 = used;
        }
    }
}

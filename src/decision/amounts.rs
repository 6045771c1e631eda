//! What limits count, and how much of it a call is estimated to use and has used.

use crate::time::whole;

/// What a limit counts. All but calls are estimated when admitted and corrected when reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Calls admitted.
    Requests,
    /// Model tokens of prompt and output together.
    Tokens,
    /// Model tokens of the prompt.
    InputTokens,
    /// Model tokens of the answer.
    OutputTokens,
    /// Money, in millionths of a dollar.
    CostUsd,
    /// One of the user's own, whole: an index into [`Config::metrics`](crate::Config::metrics).
    Custom(u8),
}

/// How many metrics of their own the limits of one governor can count.
pub const METRICS_MAX: usize = 4;

/// What a call counts beyond itself and its tokens; each amount at most [`TOKENS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// In millionths of a dollar.
    pub cost_micros: u64,
    /// By index of [`Metric::Custom`].
    pub custom: [u64; METRICS_MAX],
}

/// What a call really counted beyond itself and its tokens; `None` keeps the estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportedAmounts {
    /// In millionths of a dollar.
    pub cost_micros: Option<u64>,
    /// By index of [`Metric::Custom`].
    pub custom: [Option<u64>; METRICS_MAX],
}

impl Amounts {
    pub(crate) fn capped(self) -> Self {
        let Self { cost_micros, custom } = self;
        Self { cost_micros: cost_micros.min(TOKENS_MAX), custom: custom.map(|amount| amount.min(TOKENS_MAX)) }
    }

    /// These, corrected by what was reported.
    pub(crate) fn corrected(self, reported: &ReportedAmounts) -> Self {
        let mut custom = self.custom;
        for (amount, told) in custom.iter_mut().zip(reported.custom) {
            *amount = told.unwrap_or(*amount);
        }
        Self { cost_micros: reported.cost_micros.unwrap_or(self.cost_micros), custom }.capped()
    }
}

/// The tokens of a call: estimated before it, used after it. Whole tokens, each at most [`TOKENS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens of the prompt.
    pub prompt: u64,
    /// Tokens of the answer.
    pub output: u64,
}

/// The largest number of tokens that one half of an estimate or report may name: 10^12. With at most 4,000,000 leases in
/// flight, no window can be taken beyond 2^63 by any sequence of reports.
pub const TOKENS_MAX: u64 = 1_000_000_000_000;

impl Tokens {
    /// Tokens of an estimate or report with fractions (`text.length / 4` is how people estimate): each half is rounded up;
    /// what is not a positive number is 0.
    ///
    /// ```
    /// # use throttleai::Tokens;
    /// assert_eq!(Tokens::rounded_up(12.25, f64::NAN), Tokens { prompt: 13, output: 0 });
    /// ```
    #[must_use]
    pub fn rounded_up(prompt: f64, output: f64) -> Self {
        Self { prompt: round_up(prompt), output: round_up(output) }
    }

    /// Prompt and output together.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.prompt.saturating_add(self.output)
    }

    pub(crate) fn capped(self) -> Self {
        Self { prompt: self.prompt.min(TOKENS_MAX), output: self.output.min(TOKENS_MAX) }
    }
}

pub(crate) fn round_up(amount: f64) -> u64 {
    let down = whole(amount);
    down.saturating_add(u64::from((down as i64 as f64) < amount))
}

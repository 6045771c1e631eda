//! Decides how large a limit is that was full at some instants, when nobody knows how the provider counts.
//!
//! At a refusal, of a *sliding* window: what was let in during the window before. Of a *fixed* one: what was let in between two
//! refusals less than a window apart, if anything was, for then it began anew once between them. Of a *bucket*: what was let
//! in between two refusals, over the time between them. And of any: at most what was let in during the window before, at
//! least half of that. Each way gives an interval at each refusal; a way whose intervals exclude each other is not the
//! provider's. When none is left the limit has changed, and only the latest refusals count.
//!
//! Called by `hidden`. Source: set-membership estimation (Milanese and Vicino, "Optimal estimation theory for dynamic systems
//! with set membership uncertainty", Automatica 27(6), 1991): each observation is a set, and what all have in common is left.

use crate::time::CoreTime;

/// Part by which intervals may miss each other, and units: the way to the provider takes unequal time.
const SLACK: (f64, f64) = (0.01, 1.0);
/// An interval narrower than this part of it is known.
const NARROW: f64 = 0.04;

/// A refusal, and what had been let in by then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Full {
    /// When the refused call was sent.
    pub(super) at: CoreTime,
    /// What it counts.
    pub(super) amount: u64,
    /// Let in ever, and during the window before.
    pub(super) total: u64,
    pub(super) trailing: u64,
}

/// How the provider may count.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Sliding,
    Fixed,
    Bucket,
}

/// At least the first, at most the second.
type Interval = (f64, f64);

/// How many of the refusals are contradicted by later ones; what the others say: the estimate, at least, at most.
#[inline(never)]
pub(super) fn learn(fulls: &[Full], window_us: u64) -> (usize, u64, u64, u64) {
    let unit = fulls.last().map_or(0.0, |full| full.amount as f64);
    for from in 0..fulls.len() {
        let fulls = fulls.get(from..).unwrap_or_default();
        let (mut estimate, mut least, mut most) = (-1.0_f64, f64::INFINITY, 0.0_f64);
        for way in [Way::Sliding, Way::Fixed, Way::Bucket] {
            let Some((low, high)) = common(way, fulls, window_us as f64) else { continue };
            let narrow = high - low <= (NARROW * high).max(unit + 2.0 * SLACK.0 * high);
            // Of several the most: what is too much is refused soon, of what is too little nobody hears.
            estimate = estimate.max(if narrow { low } else { low.max(high - unit) });
            (least, most) = (least.min(low), most.max(high));
        }
        if estimate >= 0.0 {
            return (from, estimate as u64, least as u64, most as u64);
        }
    }
    (0, 0, 0, 0)
}

/// What all refusals have in common by one way, if anything, with some slack.
fn common(way: Way, fulls: &[Full], window: f64) -> Option<Interval> {
    let (mut low, mut high) = (0.0_f64, f64::INFINITY);
    for (count, later) in fulls.iter().enumerate() {
        let (trailing, amount) = (later.trailing as f64, later.amount as f64);
        low = low.max(if way == Way::Sliding { trailing } else { 0.5 * trailing });
        high = high.min(trailing + amount);
        for earlier in fulls.iter().take(count) {
            let windows = later.at.since(earlier.at) as f64 / window;
            let let_in = later.total.saturating_sub(earlier.total) as f64;
            // Over more than a window a bucket may have been full for a while, and fixed windows several.
            let within = windows < 1.0;
            match way {
                Way::Fixed if within && let_in > 0.0 => {
                    (low, high) = (low.max(let_in), high.min(let_in + amount));
                }
                Way::Bucket if windows > 0.0 => {
                    low = low.max((let_in - earlier.amount as f64) / windows);
                    high = if within { high.min((let_in + amount) / windows) } else { high };
                }
                _ => {}
            }
        }
    }
    if low <= high {
        Some((low, high))
    } else if low * (1.0 - SLACK.0) - SLACK.1 <= high * (1.0 + SLACK.0) {
        Some((high, low))
    } else {
        None
    }
}

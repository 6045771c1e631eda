//! Decides how a limit is named in images and traces: by all but its amounts.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::{Algorithm, Limit, Window};
use crate::codec::{Reader, Writer};
use crate::decision::Metric;

impl Limit {
    #[inline(never)]
    pub(crate) fn write_identity(&self, w: &mut Writer) {
        w.text(&self.name);
        w.text(&self.per);
        let (metric, custom) = match self.metric {
            Metric::Requests => (0, 0),
            Metric::Tokens => (1, 0),
            Metric::InputTokens => (2, 0),
            Metric::OutputTokens => (3, 0),
            Metric::CostUsd => (4, 0),
            Metric::Custom(index) => (5, index),
        };
        w.u8(metric);
        w.u8(custom);
        w.option(if let Window::Micros(us) = self.window { Some(us) } else { None });
        w.u8(match self.algorithm {
            Algorithm::SlidingWindow => 0,
            Algorithm::FixedWindow => 1,
            Algorithm::TokenBucket { .. } => 2,
            Algorithm::Hidden => 3,
        });
    }

    /// The limit, with the least amounts there are.
    #[inline(never)]
    pub(crate) fn read_identity(r: &mut Reader<'_>) -> Self {
        let [name, per] = [r.text(), r.text()].map(ToString::to_string);
        let metric = match (r.u8(), r.u8()) {
            (1, 0) => Metric::Tokens,
            (2, 0) => Metric::InputTokens,
            (3, 0) => Metric::OutputTokens,
            (4, 0) => Metric::CostUsd,
            (5, index) => Metric::Custom(index),
            requests => {
                r.require(requests == (0, 0));
                Metric::Requests
            }
        };
        let window = r.option().map_or(Window::Calendar, Window::Micros);
        let algorithm = match r.u8() {
            1 => Algorithm::FixedWindow,
            2 => Algorithm::TokenBucket { burst: None },
            3 => Algorithm::Hidden,
            sliding => {
                r.require(sliding == 0);
                Algorithm::SlidingWindow
            }
        };
        Self { name, metric, limit: 1, window, algorithm, per, warn_at: Vec::new(), max_debt: None }
    }
}

//! Decides how written limits become [`Limit`]s. Names, and windows in words, are the shell's: it hands over milliseconds.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Unit, no_others, number, wrong};
use crate::config::{Algorithm, Limit, Value, Window};
use crate::decision::{METRICS_MAX, Metric};
use crate::error::ConfigError;

const FIELDS: [&str; 7] = ["name", "metric", "limit", "window", "algorithm", "burst", "maxDebt"];
/// In place of milliseconds: periods whose ends the shell tells.
const CALENDAR: &str = "calendar";

/// The limits, and the names of the metrics that are none of the governor's own.
pub(super) fn limits(written: &Value) -> Result<(Vec<Limit>, Vec<String>), ConfigError> {
    let items = match written.field("limits") {
        Value::Absent => return Ok((Vec::new(), Vec::new())),
        Value::List(items) => items,
        other => return Err(wrong("limits", other, "an array of limits")),
    };
    let mut metrics = Vec::new();
    let limits = items.iter().enumerate().map(|(index, item)| limit(item, &format!("limits[{index}]"), &mut metrics));
    let limits = limits.collect::<Result<Vec<_>, _>>()?;
    Ok((limits, metrics))
}

#[inline(never)]
fn limit(written: &Value, at: &str, metrics: &mut Vec<String>) -> Result<Limit, ConfigError> {
    let path = |field: &str| format!("{at}.{field}");
    if !matches!(written, Value::Fields(_)) {
        return Err(wrong(at.to_string(), written, "an object"));
    }
    no_others(written, at.to_string(), &FIELDS)?;
    let name = match written.field("name") {
        Value::Text(name) => name.clone(),
        other => return Err(wrong(path("name"), other, "a text")),
    };
    let metric = metric(written.field("metric"), path("metric"), metrics)?;
    let unit = if metric == Metric::CostUsd { Unit::Dollars } else { Unit::Count };
    let window = match written.field("window") {
        Value::Text(text) if text == CALENDAR => Window::Calendar,
        _ => Window::Micros(number(written, path("window"), Unit::Millis)?.unwrap_or(0)),
    };
    let burst = number(written, path("burst"), unit)?;
    let algorithm = algorithm(written.field("algorithm"), path("algorithm"), window, burst)?;
    if burst.is_some() && !matches!(algorithm, Algorithm::TokenBucket { .. }) {
        return Err(wrong(
            path("burst"),
            written.field("burst"),
            "left out where the algorithm is not \"token-bucket\"",
        ));
    }
    let limit = number(written, path("limit"), unit)?.unwrap_or(0);
    let max_debt = number(written, path("maxDebt"), unit)?;
    Ok(Limit { name, metric, limit, window, algorithm, max_debt })
}

#[inline(never)]
fn metric(written: &Value, path: String, metrics: &mut Vec<String>) -> Result<Metric, ConfigError> {
    let Value::Text(name) = written else { return Err(wrong(path, written, "a text")) };
    Ok(match name.as_str() {
        "" => return Err(wrong(path, written, "a text that is not empty")),
        "requests" => Metric::Requests,
        "tokens" => Metric::Tokens,
        "inputTokens" => Metric::InputTokens,
        "outputTokens" => Metric::OutputTokens,
        "costUsd" => Metric::CostUsd,
        own => {
            let known = metrics.iter().position(|metric| metric == own);
            let index = known.unwrap_or(metrics.len());
            if index >= METRICS_MAX {
                let allowed = format!("one of at most {METRICS_MAX} names of your own, or a metric that is built in");
                return Err(wrong(path, written, &allowed));
            }
            if known.is_none() {
                metrics.push(own.to_string());
            }
            Metric::Custom(u8::try_from(index).unwrap_or(u8::MAX))
        }
    })
}

#[inline(never)]
fn algorithm(written: &Value, path: String, window: Window, burst: Option<u64>) -> Result<Algorithm, ConfigError> {
    let text = match written {
        Value::Absent if window == Window::Calendar => return Ok(Algorithm::FixedWindow),
        Value::Absent => return Ok(Algorithm::default()),
        Value::Text(text) => text.as_str(),
        other => return Err(wrong(path, other, "a text")),
    };
    match text {
        "fixed-window" => Ok(Algorithm::FixedWindow),
        "sliding-window" => Ok(Algorithm::SlidingWindow),
        "token-bucket" => Ok(Algorithm::TokenBucket { burst }),
        _ => Err(wrong(path, written, "\"sliding-window\", \"token-bucket\" or \"fixed-window\"")),
    }
}

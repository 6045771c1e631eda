//! Decides how written limits become [`Limit`]s. Names, and windows in words, are the shell's: it hands over milliseconds.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::form::{Form, Unit};
use crate::config::{Algorithm, Config, LIMIT_MAX, Limit, Value, Window};
use crate::decision::{METRICS_MAX, Metric};
use crate::text::{digits, item, joined};

const FIELDS: [&str; 10] =
    ["name", "metric", "limit", "window", "hidden", "algorithm", "per", "burst", "warnAt", "maxDebt"];
/// In place of milliseconds: periods whose ends the shell tells.
const CALENDAR: &str = "calendar";

/// The limits, and the names of the metrics that are none of the governor's own.
pub(super) fn read(form: &mut Form<'_>, config: &mut Config) {
    let items = match form.written.field("limits") {
        Value::Absent => return,
        Value::List(items) => items,
        _ => return form.wrong("limits", "an array of limits"),
    };
    for (index, written) in items.iter().enumerate() {
        let path = item("limits", index);
        let mut form = Form { written, mistakes: form.mistakes.at(&path) };
        config.limits.push(limit(&mut form, &mut config.metrics));
        if form.mistakes.any() {
            return;
        }
    }
}

#[inline(never)]
fn limit(form: &mut Form<'_>, metrics: &mut Vec<String>) -> Limit {
    if !matches!(form.written, Value::Fields(_)) {
        form.mistakes.note("", &form.written.shown(), "an object");
    }
    form.no_others(&FIELDS);
    let name = text(form, "name").to_owned();
    let metric = metric(form, metrics);
    let unit = if metric == Metric::CostUsd { Unit::Dollars } else { Unit::Count };
    let window = match form.written.field("window") {
        Value::Text(text) if text == CALENDAR => Window::Calendar,
        _ => Window::Micros(form.number("window", Unit::Millis).unwrap_or(0)),
    };
    let burst = form.number("burst", unit);
    let algorithm = algorithm(form, window, burst);
    if burst.is_some() && !matches!(algorithm, Algorithm::TokenBucket { .. }) {
        form.wrong("burst", "left out where the algorithm is not \"token-bucket\"");
    }
    // Of a hidden limit nothing need be known.
    let absent = if algorithm == Algorithm::Hidden { LIMIT_MAX } else { 0 };
    let limit = form.number("limit", unit).unwrap_or(absent);
    let max_debt = form.number("maxDebt", unit);
    let per = if *form.written.field("per") == Value::Absent { String::new() } else { text(form, "per").to_owned() };
    let warn_at = warnings(form);
    Limit { name, metric, limit, window, algorithm, per, warn_at, max_debt }
}

/// Parts as numbers, kept in millionths; what is none is out of range.
fn warnings(form: &mut Form<'_>) -> Vec<u32> {
    match form.written.field("warnAt") {
        Value::Absent => return Vec::new(),
        Value::List(items) => {
            let part = |item: &Value| if let Value::Number(part) = item { (part * 1e6 + 0.5) as u32 } else { 0 };
            return items.iter().map(part).collect();
        }
        _ => form.wrong("warnAt", "an array of numbers"),
    }
    Vec::new()
}

fn text<'a>(form: &mut Form<'a>, field: &str) -> &'a str {
    if let Value::Text(text) = form.written.field(field) {
        return text;
    }
    form.wrong(field, "a text");
    ""
}

fn metric(form: &mut Form<'_>, metrics: &mut Vec<String>) -> Metric {
    match text(form, "metric") {
        "" => form.wrong("metric", "a text that is not empty"),
        "requests" => {}
        "tokens" => return Metric::Tokens,
        "inputTokens" => return Metric::InputTokens,
        "outputTokens" => return Metric::OutputTokens,
        "costUsd" => return Metric::CostUsd,
        own => {
            let known = metrics.iter().position(|metric| metric == own);
            let index = known.unwrap_or(metrics.len());
            if index >= METRICS_MAX {
                let most = digits(METRICS_MAX as u64);
                form.wrong(
                    "metric",
                    &joined(&["one of at most ", &most, " names of your own, or a metric that is built in"]),
                );
            } else if known.is_none() {
                metrics.push(own.to_owned());
            }
            return Metric::Custom(u8::try_from(index).unwrap_or(u8::MAX));
        }
    }
    Metric::Requests
}

fn algorithm(form: &mut Form<'_>, window: Window, burst: Option<u64>) -> Algorithm {
    match form.written.field("hidden") {
        Value::Absent | Value::Bool(false) => {}
        Value::Bool(true) if *form.written.field("algorithm") == Value::Absent => return Algorithm::Hidden,
        Value::Bool(true) => form.wrong("algorithm", "left out of a hidden limit"),
        _ => form.wrong("hidden", "a boolean"),
    }
    match form.written.field("algorithm") {
        Value::Absent if window == Window::Calendar => return Algorithm::FixedWindow,
        Value::Absent => {}
        Value::Text(text) => match text.as_str() {
            "fixed-window" => return Algorithm::FixedWindow,
            "sliding-window" => {}
            "token-bucket" => return Algorithm::TokenBucket { burst },
            _ => form.wrong("algorithm", "\"sliding-window\", \"token-bucket\" or \"fixed-window\""),
        },
        _ => form.wrong("algorithm", "a text"),
    }
    Algorithm::SlidingWindow
}

//! Decides how written configuration becomes a [`Config`]: which fields there are, in which unit, and what is not a number.
//! Ranges are `check`'s.

mod limits;

use alloc::format;
use alloc::string::ToString;

use super::{Adaptive, Caps, Concurrency, Config, Fairness, Overflow, Path, Rate, Value, WEIGHT_UNIT};
use crate::error::{ConfigError, Mistake};

const ADAPTIVE: [&str; 5] = ["alpha", "targetDenyRate", "latencyThreshold", "adjustIntervalMs", "minConcurrency"];

/// How a written number is counted.
#[derive(Clone, Copy)]
enum Unit {
    /// Whole things; a fraction of one is none.
    Count,
    /// Milliseconds, kept in microseconds.
    Millis,
    /// Slots, kept in millionths.
    Weight,
    /// Dollars, kept in millionths.
    Dollars,
}

impl Config {
    /// Reads what a JavaScript user wrote, with the documented field names, and checks it.
    ///
    /// # Errors
    /// [`ConfigError`] with the first field that is wrong.
    ///
    /// ```
    /// use throttleai::{Config, Value};
    /// let rate = Value::Fields(vec![("requestsPerMinute".into(), Value::Number(f64::NAN))]);
    /// let error = Config::parse(&Value::Fields(vec![("rate".into(), rate)])).unwrap_err();
    /// assert_eq!(error.to_string(), "rate.requestsPerMinute must be a number from 1 to 9007199254740991, got NaN");
    /// ```
    pub fn parse(written: &Value) -> Result<Self, ConfigError> {
        let default = Self::default();
        let queue = section(written, "queue", &["max"])?;
        let concurrency = concurrency(section(written, "concurrency", &["maxInFlight", "interactiveReserve"])?)?;
        let most = concurrency.map_or(u64::MAX, |concurrency| concurrency.max_in_flight.max(1));
        let (limits, metrics) = limits::limits(written)?;
        let config = Self {
            concurrency,
            rate: section(written, "rate", &["requestsPerMinute", "tokensPerMinute", "windowMs"])?
                .map(rate)
                .transpose()?,
            limits,
            metrics,
            fairness: switch(written, "fairness", &["softCapRatio", "starvationWindowMs"])?
                .map(fairness)
                .transpose()?,
            adaptive: switch(written, "adaptive", &ADAPTIVE)?.map(|written| adaptive(written, most)).transpose()?,
            lease_ttl_us: number(written, "leaseTtlMs", Unit::Millis)?.unwrap_or(default.lease_ttl_us),
            reaper_interval_us: number(written, "reaperIntervalMs", Unit::Millis)?
                .unwrap_or(default.reaper_interval_us),
            queue_max: small(queue.unwrap_or(&Value::Absent), "queue.max")?.unwrap_or(default.queue_max),
            caps: caps(
                section(written, "caps", &["actors", "leases", "idBytes", "overflow"])?.unwrap_or(&Value::Absent),
            )?,
        };
        match config.check() {
            Ok(()) => Ok(config),
            Err(mut error) => {
                error.value = at(written, &error.field).to_string();
                Err(error)
            }
        }
    }
}

/// What was written at a path.
#[inline(never)]
fn at<'a>(written: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(written, |value, name| match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((list, index)) => value.field(list).item(index.parse().unwrap_or(usize::MAX)),
        None => value.field(name),
    })
}

fn concurrency(written: Option<&Value>) -> Result<Option<Concurrency>, ConfigError> {
    let Some(written) = written else { return Ok(None) };
    let max = number(written, "concurrency.maxInFlight", Unit::Weight)?;
    let reserve = number(written, "concurrency.interactiveReserve", Unit::Weight)?.unwrap_or(0);
    let max_in_flight = max.ok_or_else(|| wrong("concurrency.maxInFlight", &Value::Absent, "a number above 0"))?;
    Ok(Some(Concurrency { max_in_flight, interactive_reserve: reserve }))
}

fn rate(written: &Value) -> Result<Rate, ConfigError> {
    Ok(Rate {
        requests: number(written, "rate.requestsPerMinute", Unit::Count)?,
        tokens: number(written, "rate.tokensPerMinute", Unit::Count)?,
        window_us: number(written, "rate.windowMs", Unit::Millis)?.unwrap_or(Rate::default().window_us),
    })
}

fn fairness(written: &Value) -> Result<Fairness, ConfigError> {
    let default = Fairness::default();
    Ok(Fairness {
        soft_cap_ratio: real(written, "fairness.softCapRatio")?.unwrap_or(default.soft_cap_ratio),
        starvation_window_us: number(written, "fairness.starvationWindowMs", Unit::Millis)?
            .unwrap_or(default.starvation_window_us),
    })
}

/// By default the floor is one slot, or the maximum if that is less.
fn adaptive(written: &Value, most: u64) -> Result<Adaptive, ConfigError> {
    let default = Adaptive::default();
    Ok(Adaptive {
        alpha: real(written, "adaptive.alpha")?.unwrap_or(default.alpha),
        target_deny_rate: real(written, "adaptive.targetDenyRate")?.unwrap_or(default.target_deny_rate),
        latency_threshold: real(written, "adaptive.latencyThreshold")?.unwrap_or(default.latency_threshold),
        adjust_interval_us: number(written, "adaptive.adjustIntervalMs", Unit::Millis)?
            .unwrap_or(default.adjust_interval_us),
        min_concurrency: number(written, "adaptive.minConcurrency", Unit::Weight)?
            .unwrap_or(default.min_concurrency.min(most)),
    })
}

fn caps(written: &Value) -> Result<Caps, ConfigError> {
    let default = Caps::default();
    Ok(Caps {
        actors: small(written, "caps.actors")?.unwrap_or(default.actors),
        leases: small(written, "caps.leases")?.unwrap_or(default.leases),
        id_bytes: small(written, "caps.idBytes")?.unwrap_or(default.id_bytes),
        overflow: match written.field("overflow") {
            Value::Absent => default.overflow,
            Value::Text(text) if text == "share" => Overflow::Share,
            Value::Text(text) if text == "deny" => Overflow::Deny,
            other => return Err(wrong("caps.overflow", other, "\"share\" or \"deny\"")),
        },
    })
}

#[inline(never)]
fn wrong(field: impl Into<Path>, value: &Value, allowed: &str) -> ConfigError {
    Mistake { field: field.into(), value: value.to_string(), allowed: allowed.to_string(), message: None }.into()
}

/// The last part of a path.
fn leaf(path: &str) -> &str {
    let dot = path.bytes().rposition(|byte| byte == b'.');
    dot.and_then(|dot| path.get(dot.saturating_add(1)..)).unwrap_or(path)
}

/// A misspelt field would be a limit that is not there.
#[inline(never)]
fn no_others(section: &Value, name: impl Into<Path>, known: &[&str]) -> Result<(), ConfigError> {
    let Value::Fields(fields) = section else { return Ok(()) };
    match fields.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        Some((key, _)) => Err(wrong(name, &Value::Text(key.clone()), &format!("an object with {}", known.join(", ")))),
        None => Ok(()),
    }
}

/// An object with fields, if given.
#[inline(never)]
fn section<'a>(written: &'a Value, name: &'static str, known: &[&str]) -> Result<Option<&'a Value>, ConfigError> {
    match written.field(name) {
        Value::Absent => Ok(None),
        fields @ Value::Fields(_) => no_others(fields, name, known).map(|()| Some(fields)),
        other => Err(wrong(name, other, "an object")),
    }
}

/// `true` (all defaults), `false`, or an object with fields.
fn switch<'a>(written: &'a Value, name: &'static str, known: &[&str]) -> Result<Option<&'a Value>, ConfigError> {
    match written.field(name) {
        Value::Absent | Value::Bool(false) => Ok(None),
        on @ (Value::Bool(true) | Value::Fields(_)) => no_others(on, name, known).map(|()| Some(on)),
        other => Err(wrong(name, other, "true, false or an object")),
    }
}

#[inline(never)]
fn real(written: &Value, path: &'static str) -> Result<Option<f64>, ConfigError> {
    match written.field(leaf(path)) {
        Value::Absent => Ok(None),
        Value::Number(value) if value.is_finite() => Ok(Some(*value)),
        other => Err(wrong(path, other, "a finite number")),
    }
}

/// A number in units. What is not finite or negative becomes a number that is out of every range, so that `check` says what
/// the range is.
#[inline(never)]
fn number(written: &Value, path: impl Into<Path>, unit: Unit) -> Result<Option<u64>, ConfigError> {
    let path = path.into();
    let value = written.field(leaf(&path));
    let number = match value {
        Value::Absent => return Ok(None),
        Value::Number(number) => *number,
        other => return Err(wrong(path, other, "a number")),
    };
    if !number.is_finite() || number < 0.0 {
        return Ok(Some(u64::MAX));
    }
    Ok(Some(match unit {
        Unit::Count => number as u64,
        Unit::Millis => (number * 1_000.0) as u64,
        Unit::Weight => (number * WEIGHT_UNIT as f64 + 0.5) as u64,
        Unit::Dollars => (number * 1e6 + 0.5) as u64,
    }))
}

#[inline(never)]
fn small(written: &Value, path: &'static str) -> Result<Option<u32>, ConfigError> {
    Ok(number(written, path, Unit::Count)?.map(|value| u32::try_from(value).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;

    fn fields(list: Vec<(&str, Value)>) -> Value {
        Value::Fields(list.into_iter().map(|(key, value)| (String::from(key), value)).collect())
    }

    /// A configuration in which only the field at `path` is written.
    fn only(path: &str, value: Value) -> Value {
        match path.split_once('.') {
            None => fields(vec![(path, value)]),
            Some(("concurrency", leaf)) => {
                fields(vec![("concurrency", fields(vec![("maxInFlight", Value::Number(5.0)), (leaf, value)]))])
            }
            Some(("adaptive", leaf)) => fields(vec![
                ("concurrency", fields(vec![("maxInFlight", Value::Number(5.0))])),
                ("adaptive", fields(vec![(leaf, value)])),
            ]),
            Some((section, leaf)) => fields(vec![(section, fields(vec![(leaf, value)]))]),
        }
    }

    const NUMBERS: [(&str, f64, f64); 16] = [
        ("concurrency.maxInFlight", 0.000_001, 1e9),
        ("concurrency.interactiveReserve", 0.0, 4.999_999),
        ("rate.requestsPerMinute", 1.0, 9_007_199_254_740_991.0),
        ("rate.tokensPerMinute", 1.0, 9_007_199_254_740_991.0),
        ("rate.windowMs", 1.0, 31_622_400_000.0),
        ("fairness.softCapRatio", 0.000_001, 1.0),
        ("fairness.starvationWindowMs", 0.0, 31_622_400_000.0),
        ("adaptive.alpha", 0.000_001, 1.0),
        ("adaptive.targetDenyRate", 0.0, 1.0),
        ("adaptive.latencyThreshold", 1.0, 1000.0),
        ("adaptive.adjustIntervalMs", 1.0, 31_622_400_000.0),
        ("adaptive.minConcurrency", 0.000_001, 5.0),
        ("leaseTtlMs", 1.0, 31_622_400_000.0),
        ("reaperIntervalMs", 1.0, 2_147_483_647.0),
        ("queue.max", 0.0, 1_000_000.0),
        ("caps.actors", 1.0, 4_000_000.0),
    ];

    #[test]
    fn every_number_has_a_range() {
        for (path, min, max) in NUMBERS {
            for good in [min, max] {
                assert!(Config::parse(&only(path, Value::Number(good))).is_ok(), "{path} = {good}");
            }
            let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -1e-9, max * 1.01, 1e300];
            let zero = if min > 0.0 { vec![0.0, -0.0] } else { vec![] };
            let below = if min > 0.0 && min < 0.1 { vec![] } else { vec![min / 3.0 - 0.1] };
            for bad in bad.into_iter().chain(zero).chain(below) {
                let error = Config::parse(&only(path, Value::Number(bad))).expect_err(path);
                assert_eq!(error.field, path, "{bad}");
            }
            for bad in [Value::Text("5".into()), Value::Bool(true), fields(vec![])] {
                assert_eq!(Config::parse(&only(path, bad)).expect_err(path).field, path);
            }
            assert_eq!(Config::parse(&fields(vec![(path, Value::Absent)])), Ok(Config::default()));
        }
    }

    #[test]
    fn sections_are_objects_and_switches_are_switches() {
        for section in ["concurrency", "rate", "queue", "caps"] {
            for bad in [Value::Bool(true), Value::Number(5.0), Value::Text("x".into())] {
                assert_eq!(Config::parse(&fields(vec![(section, bad)])).unwrap_err().field, section);
            }
        }
        for switch in ["fairness", "adaptive"] {
            assert!(Config::parse(&fields(vec![(switch, Value::Bool(false))])).is_ok());
            assert!(Config::parse(&fields(vec![(switch, Value::Bool(true))])).is_ok());
            assert_eq!(Config::parse(&fields(vec![(switch, Value::Number(1.0))])).unwrap_err().field, switch);
        }
        assert_eq!(
            Config::parse(&fields(vec![("concurrency", fields(vec![]))])).unwrap_err().field,
            "concurrency.maxInFlight"
        );
        assert_eq!(Config::parse(&only("caps.overflow", Value::Text("x".into()))).unwrap_err().field, "caps.overflow");
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let error = Config::parse(&only("rate.tokensPerMinut", Value::Number(5.0))).unwrap_err();
        let allowed = "an object with requestsPerMinute, tokensPerMinute, windowMs";
        assert_eq!(error.to_string(), format!("rate must be {allowed}, got \"tokensPerMinut\""));
    }

    #[test]
    fn less_than_a_slot_can_adapt() {
        let concurrency = fields(vec![("maxInFlight", Value::Number(0.5))]);
        let config = fields(vec![("concurrency", concurrency), ("adaptive", Value::Bool(true))]);
        assert_eq!(Config::parse(&config).unwrap().adaptive.unwrap().min_concurrency, 500_000);
    }

    #[test]
    fn the_documented_message_for_the_reserve() {
        let error = Config::parse(&only("concurrency.interactiveReserve", Value::Number(7.0))).unwrap_err();
        assert_eq!(error.to_string(), "interactiveReserve (7) must be less than maxInFlight (5)");
    }
}

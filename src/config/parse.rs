//! Decides how written configuration becomes a [`Config`]: which fields there are, and in which unit. Ranges are `check`'s.

mod form;
mod limits;

use super::mistakes::Mistakes;
use super::{Adaptive, Caps, Concurrency, Config, Fairness, Overflow, QueueOverflow, Rate, Value};
use crate::error::ConfigError;
use crate::text::joined;
use form::{Form, Unit};

const ADAPTIVE: [&str; 5] = ["alpha", "targetDenyRate", "latencyThreshold", "adjustIntervalMs", "minConcurrency"];

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
        let mut first = None;
        let config = read(&mut Form { written, mistakes: Mistakes::new(&mut first) });
        if let Some(error) = first {
            return Err(error);
        }
        match config.check() {
            Ok(()) => Ok(config),
            Err(mut error) => {
                error.value = at(written, &error.field).shown();
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

fn read(form: &mut Form<'_>) -> Config {
    let mut config = Config::default();
    if let Some(mut form) = form.section("concurrency", &["maxInFlight", "interactiveReserve"]) {
        config.concurrency = Some(concurrency(&mut form));
    }
    limits::read(form, &mut config);
    if let Some(mut form) = form.section("rate", &["requestsPerMinute", "tokensPerMinute", "windowMs"]) {
        let mut rate = Rate { requests: form.number("requestsPerMinute", Unit::Count), ..Rate::default() };
        rate.tokens = form.number("tokensPerMinute", Unit::Count);
        form.set("windowMs", Unit::Millis, &mut rate.window_us);
        config.rate = Some(rate);
    }
    if let Some(mut form) = form.switch("fairness", &["softCapRatio", "starvationWindowMs"]) {
        let mut fairness = Fairness::default();
        form.set_real("softCapRatio", &mut fairness.soft_cap_ratio);
        form.set("starvationWindowMs", Unit::Millis, &mut fairness.starvation_window_us);
        config.fairness = Some(fairness);
    }
    if let Some(mut form) = form.switch("adaptive", &ADAPTIVE) {
        let most = config.concurrency.map_or(u64::MAX, |concurrency| concurrency.max_in_flight.max(1));
        config.adaptive = Some(adaptive(&mut form, most));
    }
    form.set("leaseTtlMs", Unit::Millis, &mut config.lease_ttl_us);
    form.set("reaperIntervalMs", Unit::Millis, &mut config.reaper_interval_us);
    if let Some(mut form) = form.section("queue", &["max", "overflow", "ageingMs"]) {
        let overflows = [("reject", QueueOverflow::Reject), ("drop-oldest", QueueOverflow::DropOldest)];
        form.set_small("max", &mut config.queue.max);
        form.set("ageingMs", Unit::Millis, &mut config.queue.ageing_us);
        choose(&mut form, "overflow", overflows, &mut config.queue.overflow);
    }
    // Whoever has the names evaluates what was written.
    config.shares = *form.written.field("shares") != Value::Absent;
    config.probes = *form.written.field("probes") != Value::Absent;
    if let Some(mut form) = form.section("caps", &["actors", "keys", "leases", "idBytes", "overflow"]) {
        caps(&mut form, &mut config.caps);
    }
    config
}

fn concurrency(form: &mut Form<'_>) -> Concurrency {
    if *form.written.field("maxInFlight") == Value::Absent {
        form.wrong("maxInFlight", "a number above 0");
    }
    let mut concurrency = Concurrency { max_in_flight: 0, interactive_reserve: 0 };
    form.set("maxInFlight", Unit::Weight, &mut concurrency.max_in_flight);
    form.set("interactiveReserve", Unit::Weight, &mut concurrency.interactive_reserve);
    concurrency
}

/// By default the floor is one slot, or the maximum if that is less.
fn adaptive(form: &mut Form<'_>, most: u64) -> Adaptive {
    let mut adaptive = Adaptive::default();
    adaptive.min_concurrency = adaptive.min_concurrency.min(most);
    form.set_real("alpha", &mut adaptive.alpha);
    form.set_real("targetDenyRate", &mut adaptive.target_deny_rate);
    form.set_real("latencyThreshold", &mut adaptive.latency_threshold);
    form.set("adjustIntervalMs", Unit::Millis, &mut adaptive.adjust_interval_us);
    form.set("minConcurrency", Unit::Weight, &mut adaptive.min_concurrency);
    adaptive
}

fn caps(form: &mut Form<'_>, caps: &mut Caps) {
    form.set_small("actors", &mut caps.actors);
    form.set_small("keys", &mut caps.keys);
    form.set_small("leases", &mut caps.leases);
    form.set_small("idBytes", &mut caps.id_bytes);
    choose(form, "overflow", [("share", Overflow::Share), ("deny", Overflow::Deny)], &mut caps.overflow);
}

fn choose<T: Copy>(form: &mut Form<'_>, field: &str, [one, other]: [(&str, T); 2], chosen: &mut T) {
    match form.written.field(field) {
        Value::Absent => {}
        Value::Text(text) if text == one.0 => *chosen = one.1,
        Value::Text(text) if text == other.0 => *chosen = other.1,
        _ => form.wrong(field, &joined(&["\"", one.0, "\" or \"", other.0, "\""])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString};
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

    const NUMBERS: [(&str, f64, f64); 18] = [
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
        ("queue.ageingMs", 0.0, 31_622_400_000.0),
        ("caps.actors", 1.0, 4_000_000.0),
        ("caps.keys", 1.0, 4_000_000.0),
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
        for path in ["caps.overflow", "queue.overflow"] {
            assert_eq!(Config::parse(&only(path, Value::Text("x".into()))).unwrap_err().field, path);
        }
        assert_eq!(
            Config::parse(&only("caps.overflow", Value::Text("deny".into()))).unwrap().caps.overflow,
            Overflow::Deny
        );
        let oldest = only("queue.overflow", Value::Text("drop-oldest".into()));
        assert_eq!(Config::parse(&oldest).unwrap().queue.overflow, QueueOverflow::DropOldest);
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

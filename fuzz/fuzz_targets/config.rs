//! Anything a user of another language can write as configuration: a governor, or an error that names a field.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use throttleai::{Config, Governor, Instant, Request, Value};

/// Documented names often enough that the fuzzer need not find them, and any others.
const NAMES: [&str; 33] = [
    "concurrency",
    "maxInFlight",
    "interactiveReserve",
    "rate",
    "requestsPerMinute",
    "tokensPerMinute",
    "windowMs",
    "fairness",
    "softCapRatio",
    "starvationWindowMs",
    "adaptive",
    "alpha",
    "targetDenyRate",
    "latencyThreshold",
    "adjustIntervalMs",
    "minConcurrency",
    "leaseTtlMs",
    "reaperIntervalMs",
    "queue",
    "max",
    "caps",
    "actors",
    "leases",
    "overflow",
    "limits",
    "name",
    "metric",
    "limit",
    "window",
    "algorithm",
    "hidden",
    "burst",
    "maxDebt",
];

#[derive(Arbitrary, Debug)]
enum Written {
    Absent,
    Bool(bool),
    Small(u8),
    Number(f64),
    Text(String),
    Fields(Vec<(Name, Written)>),
    List(Vec<Written>),
}

#[derive(Arbitrary, Debug)]
enum Name {
    Documented(u8),
    Other(String),
}

fn value(written: Written) -> Value {
    match written {
        Written::Absent => Value::Absent,
        Written::Bool(on) => Value::Bool(on),
        Written::Small(number) => Value::Number(f64::from(number)),
        Written::Number(number) => Value::Number(number),
        Written::Text(text) => Value::Text(text),
        Written::List(items) => Value::List(items.into_iter().map(value).collect()),
        Written::Fields(fields) => {
            Value::Fields(fields.into_iter().map(|(key, inner)| (name(key), value(inner))).collect())
        }
    }
}

fn name(name: Name) -> String {
    match name {
        Name::Documented(index) => NAMES[usize::from(index) % NAMES.len()].into(),
        Name::Other(name) => name,
    }
}

fuzz_target!(|written: Vec<(Name, Written)>| {
    match Config::parse(&value(Written::Fields(written))) {
        Ok(config) => {
            let mut governor = Governor::new(config).expect("a parsed configuration has been checked");
            governor.acquire(Instant::from_millis(1.0), &Request::default());
            governor.check_invariants().expect("invariants");
        }
        Err(error) => assert!(!error.field.is_empty() && !error.to_string().is_empty()),
    }
});

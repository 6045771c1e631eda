//! Anything a provider can answer, and any table that a user can write: a reading, or an error that names a field. What one
//! header says does not depend on another that is not of the same limit.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use throttleai::Instant;
use throttleai::provider::{Answer, DIALECT, READ, Reading, builtin, call, header_names, names, read};

#[derive(Arbitrary, Debug)]
enum Value {
    /// What providers send.
    Usual(u8),
    Number(u64),
    Text(String),
}

const USUAL: [&str; 16] = [
    "0",
    "-1",
    "60",
    "7.66",
    "6m0s",
    "194ms",
    "1790000060",
    "1790000060500",
    "2026-09-21T14:14:20Z",
    "Mon, 21 Sep 2026 14:14:20 GMT",
    "100, 100;w=60",
    "\"default\";q=10;w=1, \"day\";q=5;w=86400",
    "\"default\";r=1;t=2",
    "limit=10, remaining=1, reset=7",
    "0.42",
    "9223372036854775807",
];

#[derive(Arbitrary, Debug)]
struct Made {
    dialect: u8,
    status: Option<u16>,
    /// The header by its place among those that the dialect reads, or any other.
    headers: Vec<(Result<u8, String>, Value)>,
    body: Option<String>,
    now_ms: u64,
    /// A table, or anything else.
    table: Option<String>,
}

fuzz_target!(|made: Made| {
    let all: Vec<_> = names().collect();
    let dialect = builtin(all[usize::from(made.dialect) % all.len()]).expect("a dialect");
    let known = header_names(dialect);
    let headers: Vec<(String, String)> = made
        .headers
        .iter()
        .take(16)
        .map(|(name, value)| {
            let name = match name {
                Ok(index) => known[usize::from(*index) % known.len()].clone(),
                Err(name) => name.clone(),
            };
            let value = match value {
                Value::Usual(index) => USUAL[usize::from(*index) % USUAL.len()].into(),
                Value::Number(number) => number.to_string(),
                Value::Text(text) => text.clone(),
            };
            (name, value)
        })
        .collect();
    let pairs: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let now = Instant::from_micros(made.now_ms.saturating_mul(1_000));
    let answer = Answer { status: made.status, headers: &pairs, body: made.body.as_deref(), now };
    let reading = read(&answer, dialect);
    check(&reading, now);
    // The last header, alone, cannot take from what the others said of other limits.
    if let Some(((name, _), others)) = pairs.split_last()
        && !name.eq_ignore_ascii_case("date")
        && !name.to_ascii_lowercase().starts_with("ratelimit")
    {
        let before = read(&Answer { headers: others, ..answer }, dialect);
        let name = name.to_ascii_lowercase();
        for limit in before.limits {
            let kept = reading.limits.iter().any(|after| *after == limit || after.from.contains(&name));
            let alone = limit.limit.is_none() && limit.remaining.is_none();
            assert!(kept || alone, "{name} took {limit:?}\nfrom {reading:?}");
        }
    }
    if let Some(table) = made.table {
        let told = call(DIALECT, &format!(r#"{{"define":{table}}}"#), None);
        assert!(told.starts_with(['{', '[']) && told.ends_with(['}', ']']), "{told}");
        let _ = call(READ, &table, made.body.as_deref());
    }
});

fn check(reading: &Reading, now: Instant) {
    assert!(reading.limits.len() <= 64 && reading.ignored.len() <= 32);
    // A day past at most, and a year ahead with a clock that differs by less than that.
    let believable = |at: Instant| at.as_micros() >= now.as_micros().saturating_sub(86_400_000_000);
    assert!(reading.limits.iter().filter_map(|limit| limit.reset_at).all(believable), "{reading:?}");
    assert!(reading.retry.as_ref().is_none_or(|(at, _)| believable(*at)), "{reading:?}");
    for limit in &reading.limits {
        assert!(limit.limit.is_none_or(|amount| amount.micros() > 0) && !limit.from.is_empty(), "{limit:?}");
    }
}

//! Decides how questions and answers look as text, for callers that share no memory with Rust's types: JSON in, JSON out. The
//! fields are described where they are public, in `js/providers/types.ts`. What a user wrote wrongly comes back as `error`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::answer::{Answer, Limit, Reading};
use super::define::{MIDNIGHTS, define};
use super::dialect::{Count, Counts, Dialect, Kind, Settle, Source, Test, Why, Window, Word};
use super::moment::Format;
use super::number::ONE;
use super::{builtin, generic, header_names, names, of_headers, of_host, read, tree};
use crate::config::Value;
use crate::error::ConfigError;
use crate::time::Instant;

/// Asks what an answer says: `{ dialect, url?, status?, headers: [name, value][], now }`, and its body.
pub const READ: u32 = 0;
/// Asks about dialects: `{ define }` checks a table and gives it back, `{ table }` gives one by name, `{ headersOf, url? }` the names
/// of the headers that one reads, `{ url }` the name of the one of a host, `{}` all names.
pub const DIALECT: u32 = 1;

/// Answers a question.
#[must_use]
pub fn call(operation: u32, about: &str, body: Option<&str>) -> String {
    let about = tree::parse(about).unwrap_or_default();
    let mut json = Json::default();
    let done = if operation == READ { read_answer(&about, body, &mut json) } else { dialects(&about, &mut json) };
    done.map_or_else(|error| described(&error), |()| json.0)
}

fn read_answer(about: &Value, body: Option<&str>, json: &mut Json) -> Result<(), ConfigError> {
    let headers = pairs(about.field("headers"));
    let number = |name| if let Value::Number(number) = about.field(name) { Some(*number) } else { None };
    let status = number("status").map(|status| status as u16);
    let now = Instant::from_millis(number("now").unwrap_or(0.0));
    let answer = Answer { status, headers: &headers, body, now };
    let reading = match about.field("dialect") {
        Value::Text(name) => read(&answer, named(name, about, &headers)),
        table => read(&answer, &define(table)?),
    };
    write_reading(&reading, json);
    Ok(())
}

/// The dialect of a name, else that of the host or of the headers.
fn named(name: &str, about: &Value, headers: &[(&str, &str)]) -> &'static Dialect<'static> {
    let found = || text(about.field("url")).and_then(of_host).or_else(|| of_headers(headers)).unwrap_or(generic());
    builtin(name).unwrap_or_else(found)
}

fn dialects(about: &Value, json: &mut Json) -> Result<(), ConfigError> {
    let has = |name| *about.field(name) != Value::Absent;
    if has("define") {
        write_table(&define(about.field("define"))?, json);
    } else if let Some(dialect) = text(about.field("table")).and_then(builtin) {
        write_table(dialect, json);
    } else if has("headersOf") {
        let names = match about.field("headersOf") {
            Value::Text(name) => header_names(named(name, about, &[])),
            table => header_names(&define(table)?),
        };
        write_list(names.iter().map(String::as_str), json);
    } else if let Some(url) = text(about.field("url")) {
        match of_host(url) {
            Some(dialect) => json.text(dialect.name),
            None => json.word("null"),
        }
    } else {
        write_list(names(), json);
    }
    Ok(())
}

fn write_list<'a>(texts: impl Iterator<Item = &'a str>, json: &mut Json) {
    json.open('[');
    texts.for_each(|text| json.text(text));
    json.close(']');
}

fn text(value: &Value) -> Option<&str> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

fn pairs(list: &Value) -> Vec<(&str, &str)> {
    let Value::List(items) = list else { return Vec::new() };
    items.iter().filter_map(|pair| Some((text(pair.item(0))?, text(pair.item(1))?))).collect()
}

fn described(error: &ConfigError) -> String {
    let mut json = Json::default();
    json.open('{');
    json.key("error");
    json.open('{');
    json.text_field("field", &error.field);
    json.text_field("value", &error.value);
    json.text_field("allowed", &error.allowed);
    json.close('}');
    json.close('}');
    json.0
}

/// A text that grows member by member.
#[derive(Default)]
struct Json(String);

impl Json {
    fn open(&mut self, with: char) {
        self.comma();
        self.0.push(with);
    }

    fn close(&mut self, with: char) {
        self.0.push(with);
    }

    /// Separates from what was before.
    fn comma(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(',');
        }
    }

    fn key(&mut self, name: &str) {
        self.text(name);
        self.0.push(':');
    }

    #[inline(never)]
    fn text(&mut self, text: &str) {
        self.comma();
        self.0.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => {
                    self.0.push('\\');
                    self.0.push(character);
                }
                control @ '\0'..='\u{1f}' => {
                    let _ = write!(self.0, "\\u{:04x}", u32::from(control));
                }
                _ => self.0.push(character),
            }
        }
        self.0.push('"');
    }

    /// A number, or another word of JSON.
    fn word(&mut self, word: &str) {
        self.comma();
        self.0.push_str(word);
    }

    fn text_field(&mut self, name: &str, text: &str) {
        self.key(name);
        self.text(text);
    }

    /// Left out where it is empty.
    fn some_text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text_field(name, text);
        }
    }

    fn flag(&mut self, name: &str, on: bool) {
        self.key(name);
        self.word(if on { "true" } else { "false" });
    }

    /// Left out where it is off.
    fn some_flag(&mut self, name: &str, on: bool) {
        if on {
            self.flag(name, on);
        }
    }

    #[inline(never)]
    fn number(&mut self, name: &str, number: u64) {
        self.key(name);
        let _ = write!(self.0, "{number}");
    }

    /// Millionths, as a decimal.
    #[inline(never)]
    fn micros(&mut self, name: &str, micros: u64) {
        self.number(name, micros.checked_div(ONE).unwrap_or(0));
        let part = micros.checked_rem(ONE).unwrap_or(0);
        if part > 0 {
            let _ = write!(self.0, ".{part:06}");
        }
    }

    fn named<T: PartialEq>(&mut self, name: &str, words: &[(&str, T)], wanted: &T) {
        if let Some((word, _)) = words.iter().find(|(_, it)| it == wanted) {
            self.text_field(name, word);
        }
    }

    fn window(&mut self, window: Window) {
        match window {
            Window::Unknown => {}
            Window::Millis(millis) => self.number("window", millis),
            Window::Day => self.text_field("window", "day"),
            Window::Month => self.text_field("window", "month"),
        }
    }

    fn source(&mut self, source: Source<'_>) {
        match source {
            Source::Header(name) => self.text_field("header", name),
            Source::Body(path) => self.text_field("body", path),
        }
    }

    fn format(&mut self, name: &str, format: Format) {
        let words = Format::NAMES.iter().filter(|(_, part)| format.has(*part)).map(|(word, _)| *word);
        self.some_text(name, &words.collect::<Vec<_>>().join("|"));
    }

    fn counts(&mut self, counts: Counts) {
        self.key("counts");
        self.open('{');
        self.named("settle", &Settle::NAMES, &counts.settle);
        self.flag("refused", counts.refused);
        self.flag("cachedInput", counts.cached_input);
        self.close('}');
    }
}

fn write_reading(reading: &Reading, json: &mut Json) {
    json.open('{');
    json.text_field("dialect", &reading.dialect);
    json.named("kind", &Kind::NAMES, &reading.kind);
    if let Some(why) = &reading.why {
        json.named("why", &Why::NAMES, why);
    }
    json.some_text("code", reading.code.as_deref().unwrap_or_default());
    if let Some((at, from)) = &reading.retry {
        json.number("retryAt", at.as_millis_ceil());
        json.text_field("retryFrom", from);
    }
    json.key("limits");
    json.open('[');
    reading.limits.iter().for_each(|limit| write_limit(limit, json));
    json.close(']');
    if !reading.usage.is_empty() {
        json.key("usage");
        json.open('{');
        let usage = &reading.usage;
        let counts = [
            usage.input_tokens,
            usage.output_tokens,
            usage.total_tokens,
            usage.cached_input_tokens,
            usage.cache_write_tokens,
        ];
        for ((name, _), count) in Count::NAMES.iter().zip(counts) {
            count.into_iter().for_each(|count| json.number(name, count));
        }
        usage.cost_micros.into_iter().for_each(|cost| json.micros("costUsd", cost));
        json.close('}');
    }
    json.key("ignored");
    json.open('[');
    for ignored in &reading.ignored {
        json.open('{');
        json.text_field(if ignored.header { "header" } else { "body" }, &ignored.place);
        json.text_field("value", &ignored.value);
        json.text_field("reason", ignored.reason.as_str());
        json.close('}');
    }
    json.close(']');
    if reading.skew_us != 0 {
        json.key("clockSkewMs");
        let _ = write!(json.0, "{}", reading.skew_us.checked_div(1_000).unwrap_or(0));
    }
    json.counts(reading.counts);
    json.close('}');
}

fn write_limit(limit: &Limit, json: &mut Json) {
    json.open('{');
    json.text_field("metric", &limit.metric);
    json.window(limit.window);
    json.some_text("pool", &limit.pool);
    limit.limit.into_iter().for_each(|amount| json.micros("limit", amount.micros()));
    limit.remaining.into_iter().for_each(|amount| json.micros("remaining", amount.micros()));
    if let Some(at) = limit.reset_at {
        json.number("resetAt", at.as_millis_ceil());
        json.some_flag("resetIsFull", limit.full);
    }
    if limit.rounded_to > 0 && limit.remaining.is_some() {
        json.number("roundedTo", limit.rounded_to.into());
    }
    json.key("from");
    write_list(limit.from.iter().map(String::as_str), json);
    json.close('}');
}

/// A dialect in the form that `define` reads.
fn write_table(dialect: &Dialect<'_>, json: &mut Json) {
    json.open('{');
    json.text_field("name", dialect.name);
    for (name, patterns) in [("hosts", &dialect.hosts), ("signs", &dialect.signs)] {
        json.key(name);
        write_list(patterns.iter().copied(), json);
    }
    json.key("meters");
    json.open('[');
    for meter in dialect.meters.iter() {
        json.open('{');
        json.text_field("header", meter.header);
        if let Some(word) = &meter.says {
            json.named("says", &Word::NAMES, word);
        }
        json.text_field("metric", meter.metric);
        json.window(meter.window);
        json.some_text("pool", meter.pool);
        json.format("reset", meter.reset);
        json.some_flag("full", meter.full);
        if meter.rounded_to > 0 {
            json.number("roundedTo", meter.rounded_to.into());
        }
        json.close('}');
    }
    json.close(']');
    json.flag("ietf", dialect.ietf);
    write_rules(dialect, json);
    json.counts(dialect.counts);
    json.close('}');
}

fn write_rules(dialect: &Dialect<'_>, json: &mut Json) {
    json.key("retry");
    json.open('[');
    for hint in dialect.retry.iter() {
        json.open('{');
        json.source(hint.source);
        json.some_text("after", hint.after);
        json.format("format", hint.format);
        json.close('}');
    }
    json.close(']');
    json.key("errors");
    json.open('[');
    for rule in dialect.errors.iter() {
        json.open('{');
        if rule.status > 0 {
            json.number("status", rule.status.into());
        }
        if let Some((source, test)) = rule.says {
            json.source(source);
            match test {
                Test::Is(text) => json.text_field("is", text),
                Test::Contains(text) => json.text_field("contains", text),
            }
        }
        json.named("kind", &Kind::NAMES, &rule.kind);
        json.named("why", &Why::NAMES, &rule.why);
        if let Some(midnight) = &rule.until {
            json.named("until", &MIDNIGHTS, midnight);
        }
        json.close('}');
    }
    json.close(']');
    json.key("usage");
    json.open('[');
    for rule in dialect.usage.iter() {
        json.open('{');
        json.source(rule.source);
        json.named("count", &Count::NAMES, &rule.count);
        json.some_flag("adds", rule.adds);
        json.close('}');
    }
    json.close(']');
}

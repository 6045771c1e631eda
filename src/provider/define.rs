//! Decides whether a table that a user wrote is a dialect: all names known, all words in their lists, all sizes within bounds. The
//! first mistake is told with its field, value and range. What a table means is in `dialect`; `describe` writes one.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use super::date::Midnight;
use super::dialect::{
    Count, Counts, Dialect, ErrorRule, Hint, Kind, Meter, Rows, Settle, Source, Test, UsageRule, Why, Window, Word,
};
use super::moment::Format;
use crate::config::Value;
use crate::error::{ConfigError, Mistake};

/// Longest text, in bytes, and most rows of a list.
const TEXT_BYTES_MAX: usize = 128;
const ROWS_MAX: usize = 64;
/// Longest window, in milliseconds: 366 days.
const WINDOW_MS_MAX: u64 = 366 * 86_400_000;

pub(super) const MIDNIGHTS: [(&str, Midnight); 2] = [("utc", Midnight::Utc), ("pacific", Midnight::Pacific)];

/// A dialect from what a user wrote; it borrows the texts.
pub fn define(written: &Value) -> Result<Dialect<'_>, ConfigError> {
    let top = Part { value: written, path: String::new() };
    top.only(&["name", "hosts", "signs", "meters", "ietf", "retry", "errors", "usage", "counts"])?;
    let counts = top.part("counts");
    counts.only(&["settle", "refused", "cachedInput"])?;
    Ok(Dialect {
        name: top.needed("name", top.text("name")?, TEXT_ALLOWED)?,
        hosts: top.rows("hosts", |part| part.pattern())?,
        signs: top.rows("signs", |part| part.pattern())?,
        meters: top.rows("meters", |part| part.meter())?,
        ietf: top.flag("ietf", false)?,
        retry: top.rows("retry", |part| part.hint())?,
        errors: top.rows("errors", |part| part.error_rule())?,
        usage: top.rows("usage", |part| part.usage_rule())?,
        counts: Counts {
            settle: counts.word("settle", &Settle::NAMES)?.unwrap_or(Settle::Actual),
            refused: counts.flag("refused", false)?,
            cached_input: counts.flag("cachedInput", true)?,
        },
    })
}

const TEXT_ALLOWED: &str = "a text of 1 to 128 bytes";

/// A part of a table, and where it is.
struct Part<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Part<'a> {
    fn part(&self, name: &str) -> Part<'a> {
        let dot = if self.path.is_empty() { "" } else { "." };
        Part { value: self.value.field(name), path: format!("{}{dot}{name}", self.path) }
    }

    #[inline(never)]
    fn wrong<T>(&self, allowed: &dyn Display) -> Result<T, ConfigError> {
        let (value, allowed) = (self.value.to_string(), allowed.to_string());
        let field = if self.path.is_empty() { "dialect".to_string() } else { self.path.clone() };
        Err(Mistake { field, value, allowed, message: None }.into())
    }

    fn needed<T>(&self, name: &str, found: Option<T>, allowed: &str) -> Result<T, ConfigError> {
        found.map_or_else(|| self.part(name).wrong(&allowed), Ok)
    }

    /// An object with these fields, if it is there at all.
    fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        let allowed = || format!("an object with {}", known.join(", "));
        match self.value {
            Value::Absent if !self.path.is_empty() => Ok(()),
            Value::Fields(fields) => match fields.iter().find(|(key, _)| !known.contains(&key.as_str())) {
                Some((key, _)) => {
                    let value = Value::Text(key.clone());
                    Part { value: &value, path: self.path.clone() }.wrong(&allowed())
                }
                None => Ok(()),
            },
            _ => self.wrong(&allowed()),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, ConfigError> {
        match self.value.field(name) {
            Value::Absent => Ok(None),
            Value::Text(text) if !text.is_empty() && text.len() <= TEXT_BYTES_MAX => Ok(Some(text)),
            _ => self.part(name).wrong(&TEXT_ALLOWED),
        }
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, ConfigError> {
        match self.value.field(name) {
            Value::Absent => Ok(default),
            Value::Bool(on) => Ok(*on),
            _ => self.part(name).wrong(&"true or false"),
        }
    }

    fn number(&self, name: &str, min: u64, max: u64) -> Result<Option<u64>, ConfigError> {
        match self.value.field(name) {
            Value::Absent => Ok(None),
            Value::Number(number) if (*number as u64) as f64 == *number && (min..=max).contains(&(*number as u64)) => {
                Ok(Some(*number as u64))
            }
            _ => self.part(name).wrong(&format_args!("a whole number from {min} to {max}")),
        }
    }

    fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => self.part(name).wrong(&one_of(words)),
        }
    }

    fn rows<T: Clone>(
        &self,
        name: &str,
        read: fn(&Part<'a>) -> Result<T, ConfigError>,
    ) -> Result<Rows<'a, T>, ConfigError> {
        let list = self.part(name);
        match list.value {
            Value::Absent => Ok(Cow::Owned(Vec::new())),
            Value::List(items) if items.len() <= ROWS_MAX => {
                let rows = items.iter().enumerate();
                rows.map(|(index, value)| read(&Part { value, path: format!("{}[{index}]", list.path) })).collect()
            }
            _ => list.wrong(&format_args!("a list of at most {ROWS_MAX}")),
        }
    }

    /// A host or header, with at most one `*`.
    fn pattern(&self) -> Result<&'a str, ConfigError> {
        match self.value {
            Value::Text(text) if named(text) && text.matches('*').count() <= 1 => Ok(text),
            _ => self.wrong(&"a name in lower case, with at most one *"),
        }
    }

    fn meter(&self) -> Result<Meter<'a>, ConfigError> {
        self.only(&["header", "says", "metric", "window", "pool", "reset", "full", "roundedTo"])?;
        let header = self.part("header").pattern()?;
        let says = self.word("says", &Word::NAMES)?;
        if header.contains('*') == says.is_some() {
            let allowed = if says.is_some() { "absent beside a header with *" } else { &one_of(&Word::NAMES) };
            return self.part("says").wrong(&allowed);
        }
        Ok(Meter {
            header,
            says,
            metric: self.needed("metric", self.text("metric")?, TEXT_ALLOWED)?,
            window: self.window()?,
            pool: self.text("pool")?.unwrap_or_default(),
            reset: self.format("reset")?.unwrap_or(Format::NONE),
            full: self.flag("full", false)?,
            rounded_to: self.number("roundedTo", 0, 1_000_000)?.and_then(|it| u32::try_from(it).ok()).unwrap_or(0),
        })
    }

    fn window(&self) -> Result<Window, ConfigError> {
        match self.value.field("window") {
            Value::Text(text) if text == "day" => Ok(Window::Day),
            Value::Text(text) if text == "month" => Ok(Window::Month),
            Value::Text(_) => self.part("window").wrong(&"a number of milliseconds, \"day\" or \"month\""),
            _ => Ok(self.number("window", 1, WINDOW_MS_MAX)?.map_or(Window::Unknown, Window::Millis)),
        }
    }

    fn format(&self, name: &str) -> Result<Option<Format>, ConfigError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let known = |word: &str| Format::NAMES.iter().find(|(name, _)| *name == word).map(|(_, format)| *format);
        let all = text.split('|').try_fold(Format::NONE, |all, word| all.or(known(word)?));
        match all {
            Some(format) => Ok(Some(format)),
            None => {
                self.part(name).wrong(&format_args!("{}, joined with |, at most one a number", one_of(&Format::NAMES)))
            }
        }
    }

    fn source(&self) -> Result<Option<Source<'a>>, ConfigError> {
        match (self.text("header")?, self.text("body")?) {
            (Some(_), None) => Ok(Some(Source::Header(self.part("header").plain()?))),
            (None, Some(path)) => Ok(Some(Source::Body(path))),
            (None, None) => Ok(None),
            _ => self.part("body").wrong(&"absent beside a header"),
        }
    }

    /// A header.
    fn plain(&self) -> Result<&'a str, ConfigError> {
        match self.value {
            Value::Text(text) if named(text) && !text.contains('*') => Ok(text),
            _ => self.wrong(&"a name in lower case"),
        }
    }

    fn needed_source(&self) -> Result<Source<'a>, ConfigError> {
        self.needed("header", self.source()?, "a name in lower case, or body a path")
    }

    fn hint(&self) -> Result<Hint<'a>, ConfigError> {
        self.only(&["header", "body", "after", "format"])?;
        Ok(Hint {
            source: self.needed_source()?,
            after: self.text("after")?.unwrap_or_default(),
            format: self.needed("format", self.format("format")?, &one_of(&Format::NAMES))?,
        })
    }

    fn error_rule(&self) -> Result<ErrorRule<'a>, ConfigError> {
        self.only(&["status", "header", "body", "is", "contains", "kind", "why", "until"])?;
        let test = match (self.text("is")?, self.text("contains")?) {
            (Some(text), None) => Some(Test::Is(text)),
            (None, Some(text)) => Some(Test::Contains(text)),
            (None, None) => None,
            _ => return self.part("contains").wrong(&"absent beside is"),
        };
        let says = match (self.source()?, test) {
            (Some(source), Some(test)) => Some((source, test)),
            (None, None) => None,
            (Some(_), None) => return self.part("is").wrong(&"a text, or contains one"),
            (None, Some(_)) => return self.part("body").wrong(&"a path, or header a name in lower case"),
        };
        let status = self.number("status", 100, 599)?;
        if says.is_none() && status.is_none() {
            return self.part("status").wrong(&"a whole number from 100 to 599, or there is body or header");
        }
        Ok(ErrorRule {
            status: status.and_then(|it| u16::try_from(it).ok()).unwrap_or(0),
            says,
            kind: self.needed("kind", self.word("kind", &Kind::NAMES)?, &one_of(&Kind::NAMES))?,
            why: self.needed("why", self.word("why", &Why::NAMES)?, &one_of(&Why::NAMES))?,
            until: self.word("until", &MIDNIGHTS)?,
        })
    }

    fn usage_rule(&self) -> Result<UsageRule<'a>, ConfigError> {
        self.only(&["header", "body", "count", "adds"])?;
        Ok(UsageRule {
            source: self.needed_source()?,
            count: self.needed("count", self.word("count", &Count::NAMES)?, &one_of(&Count::NAMES))?,
            adds: self.flag("adds", false)?,
        })
    }
}

/// Names of hosts and headers, which are compared in lower case.
fn named(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= TEXT_BYTES_MAX
        && !text.bytes().any(|byte| byte.is_ascii_uppercase() || byte <= b' ')
}

fn one_of<T>(words: &[(&str, T)]) -> String {
    words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

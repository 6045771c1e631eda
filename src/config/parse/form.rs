//! Decides what is taken from a written configuration, field by field: what is a number, and what is no field at all.

use crate::config::mistakes::Mistakes;
use crate::config::{Value, WEIGHT_UNIT};
use crate::text::{joined, quoted};

/// How a written number is counted.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    /// Whole things; a fraction of one is none.
    Count,
    /// Milliseconds, kept in microseconds.
    Millis,
    /// Slots, kept in millionths.
    Weight,
    /// Dollars, kept in millionths.
    Dollars,
}

/// One part of what was written. What is wrong is noted; fields that were not given, or wrongly, stay what they are.
pub(super) struct Form<'a> {
    pub(super) written: &'a Value,
    pub(super) mistakes: Mistakes<'a>,
}

impl Form<'_> {
    #[inline(never)]
    pub(super) fn wrong(&mut self, field: &str, allowed: &str) {
        self.mistakes.note(field, &self.written.field(field).shown(), allowed);
    }

    /// A misspelt field would be a limit that is not there.
    #[inline(never)]
    pub(super) fn no_others(&mut self, known: &[&str]) {
        let Value::Fields(fields) = self.written else { return };
        if let Some((key, _)) = fields.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            self.mistakes.note("", &quoted(key), &joined(&["an object with ", &known.join(", ")]));
        }
    }

    /// An object with fields, if given.
    pub(super) fn section<'b>(&'b mut self, name: &'b str, known: &[&str]) -> Option<Form<'b>> {
        self.part(name, known, false)
    }

    /// `true` (all defaults), `false`, or an object with fields.
    pub(super) fn switch<'b>(&'b mut self, name: &'b str, known: &[&str]) -> Option<Form<'b>> {
        self.part(name, known, true)
    }

    #[inline(never)]
    fn part<'b>(&'b mut self, name: &'b str, known: &[&str], may_switch: bool) -> Option<Form<'b>> {
        let written = self.written.field(name);
        match written {
            Value::Absent => return None,
            Value::Bool(false) if may_switch => return None,
            Value::Bool(true) if may_switch => {}
            Value::Fields(_) => {}
            _ => {
                self.wrong(name, if may_switch { "true, false or an object" } else { "an object" });
                return None;
            }
        }
        let mut part = Form { written, mistakes: self.mistakes.at(name) };
        part.no_others(known);
        Some(part)
    }

    /// A number in units. What is not finite or negative becomes a number that is out of every range, so that `check` says
    /// what the range is.
    #[inline(never)]
    pub(super) fn number(&mut self, field: &str, unit: Unit) -> Option<u64> {
        let number = match self.written.field(field) {
            Value::Absent => return None,
            Value::Number(number) => *number,
            _ => {
                self.wrong(field, "a number");
                return None;
            }
        };
        let scale = match unit {
            Unit::Count => 1.0,
            Unit::Millis => 1_000.0,
            Unit::Weight => WEIGHT_UNIT as f64,
            Unit::Dollars => 1e6,
        };
        let half = if matches!(unit, Unit::Weight | Unit::Dollars) { 0.5 } else { 0.0 };
        Some(if number.is_finite() && number >= 0.0 { (number * scale + half) as u64 } else { u64::MAX })
    }

    #[inline(never)]
    pub(super) fn set(&mut self, field: &str, unit: Unit, into: &mut u64) {
        *into = self.number(field, unit).unwrap_or(*into);
    }

    #[inline(never)]
    pub(super) fn set_small(&mut self, field: &str, into: &mut u32) {
        if let Some(number) = self.number(field, Unit::Count) {
            *into = u32::try_from(number).unwrap_or(u32::MAX);
        }
    }

    #[inline(never)]
    pub(super) fn set_real(&mut self, field: &str, into: &mut f64) {
        match self.written.field(field) {
            Value::Absent => {}
            Value::Number(value) if value.is_finite() => *into = *value,
            _ => self.wrong(field, "a finite number"),
        }
    }
}

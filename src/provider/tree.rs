//! Decides nothing: a JSON text as a tree, for what is small and looked at as a whole: a dialect of the user's, and what the shell
//! says of an answer.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::json::{Broken, Scalar, Sink, scan, unescape};
use super::number::scaled;
use crate::config::Value;

/// The tree of a text.
pub(super) fn parse(text: &str) -> Result<Value, Broken> {
    let mut tree = Tree { open: Vec::new(), root: Value::Absent };
    scan(text, &mut tree)?;
    Ok(tree.root)
}

struct Tree {
    /// What is being filled, outermost first, each with the name of its next member.
    open: Vec<(Value, String)>,
    root: Value,
}

impl Tree {
    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some((Value::List(items), _)) => items.push(value),
            Some((Value::Fields(fields), key)) => fields.push((core::mem::take(key), value)),
            _ => self.root = value,
        }
    }
}

impl<'a> Sink<'a> for Tree {
    fn open(&mut self, list: bool) {
        let empty = if list { Value::List(Vec::new()) } else { Value::Fields(Vec::new()) };
        self.open.push((empty, String::new()));
    }

    fn key(&mut self, raw: &'a str) {
        if let Some((_, key)) = self.open.last_mut() {
            *key = unescape(raw).into_owned();
        }
    }

    fn scalar(&mut self, scalar: Scalar<'a>) {
        self.put(match scalar {
            Scalar::Text(raw) => Value::Text(unescape(raw).into_owned()),
            Scalar::Number(text) => number(text),
            Scalar::Bool(on) => Value::Bool(on),
            Scalar::Null => Value::Absent,
        });
    }

    fn close(&mut self) {
        if let Some((value, _)) = self.open.pop() {
            self.put(value);
        }
    }
}

/// A number to the millionth; what is not written as one stays a text.
fn number(text: &str) -> Value {
    let (digits, sign) = match text.strip_prefix('-') {
        Some(digits) => (digits, -1.0),
        None => (text, 1.0),
    };
    match scaled(digits, 6) {
        Some(micros) => Value::Number(sign * (micros.floor as f64) / 1e6),
        None => Value::Text(text.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_what_was_written() {
        let tree = parse(r#"{"a": [1, -2.5, "x\ty", {}], "b": {"c": true, "d": null}}"#).expect("JSON");
        assert_eq!(tree.field("a").item(0), &Value::Number(1.0));
        assert_eq!(tree.field("a").item(1), &Value::Number(-2.5));
        assert_eq!(tree.field("a").item(2), &Value::Text("x\ty".into()));
        assert_eq!(tree.field("a").item(3), &Value::Fields(Vec::new()));
        assert_eq!(tree.field("b").field("c"), &Value::Bool(true));
        assert_eq!(tree.field("b").field("d"), &Value::Absent);
        assert_eq!(parse("1790000000000.25"), Ok(Value::Number(1_790_000_000_000.25)));
        assert_eq!(parse("{"), Err(Broken));
    }
}

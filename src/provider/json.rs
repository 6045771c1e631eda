//! Decides where the parts of a JSON text are, in one pass and without building a tree: bodies are large, and what is wanted of
//! them is a few named leaves. Whoever reads gets the parts in order ([`Sink`]).
//!
//! Invariants: no recursion; what is kept is bounded by [`DEPTH_MAX`]; a text that breaks off has handed out what was before it.
//! The grammar is that of RFC 8259, except that numbers are not looked into here.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// Deepest nesting; answers have about eight levels.
const DEPTH_MAX: usize = 64;

/// A value that holds no others. Strings are as written, with their escapes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Text(&'a str),
    Number(&'a str),
    Bool(bool),
    Null,
}

/// Takes the parts of a text.
pub(super) trait Sink<'a> {
    /// An object or a list begins.
    fn open(&mut self, list: bool);
    /// The name of the member that follows.
    fn key(&mut self, raw: &'a str);
    fn scalar(&mut self, scalar: Scalar<'a>);
    /// The last object or list that is open ends.
    fn close(&mut self);
}

/// The text is not JSON from some place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// Hands all parts to `sink`.
pub(super) fn scan<'a>(text: &'a str, sink: &mut dyn Sink<'a>) -> Result<(), Broken> {
    let mut scanner = Scanner { rest: text, lists: Vec::new() };
    scanner.value(sink)?;
    while !scanner.lists.is_empty() {
        scanner.next(sink)?;
    }
    scanner.skip_space();
    if scanner.rest.is_empty() { Ok(()) } else { Err(Broken) }
}

struct Scanner<'a> {
    rest: &'a str,
    /// What is open, outermost first: whether it is a list.
    lists: Vec<bool>,
}

impl<'a> Scanner<'a> {
    /// A value, up to its first member if it has some.
    fn value(&mut self, sink: &mut dyn Sink<'a>) -> Result<(), Broken> {
        self.skip_space();
        let scalar = match self.rest.bytes().next().ok_or(Broken)? {
            b'{' => return self.open(false, '}', sink),
            b'[' => return self.open(true, ']', sink),
            b'"' => Scalar::Text(self.string()?),
            b't' => self.word("true", Scalar::Bool(true))?,
            b'f' => self.word("false", Scalar::Bool(false))?,
            b'n' => self.word("null", Scalar::Null)?,
            _ => self.number()?,
        };
        sink.scalar(scalar);
        Ok(())
    }

    fn open(&mut self, list: bool, end: char, sink: &mut dyn Sink<'a>) -> Result<(), Broken> {
        self.skip(1);
        sink.open(list);
        self.skip_space();
        if self.take(end) {
            sink.close();
            return Ok(());
        }
        if self.lists.len() >= DEPTH_MAX {
            return Err(Broken);
        }
        self.lists.push(list);
        self.member(list, sink)
    }

    fn member(&mut self, list: bool, sink: &mut dyn Sink<'a>) -> Result<(), Broken> {
        if !list {
            self.skip_space();
            let key = self.string()?;
            self.skip_space();
            if !self.take(':') {
                return Err(Broken);
            }
            sink.key(key);
        }
        self.value(sink)
    }

    /// What follows a value: another one, or the end of what holds it.
    fn next(&mut self, sink: &mut dyn Sink<'a>) -> Result<(), Broken> {
        let list = *self.lists.last().ok_or(Broken)?;
        self.skip_space();
        if self.take(',') {
            return self.member(list, sink);
        }
        if !self.take(if list { ']' } else { '}' }) {
            return Err(Broken);
        }
        self.lists.pop();
        sink.close();
        Ok(())
    }

    /// What stands between quotes.
    fn string(&mut self) -> Result<&'a str, Broken> {
        if !self.take('"') {
            return Err(Broken);
        }
        let mut escaped = false;
        for (at, byte) in self.rest.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    let text = self.rest.get(..at).ok_or(Broken)?;
                    self.skip(at.saturating_add(1));
                    return Ok(text);
                }
                0..=0x1f => return Err(Broken),
                _ => {}
            }
        }
        Err(Broken)
    }

    fn number(&mut self) -> Result<Scalar<'a>, Broken> {
        let part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let end = self.rest.bytes().position(|byte| !part(byte)).unwrap_or(self.rest.len());
        let text = self.rest.get(..end).filter(|text| text.bytes().any(|byte| byte.is_ascii_digit())).ok_or(Broken)?;
        self.skip(end);
        Ok(Scalar::Number(text))
    }

    fn word(&mut self, word: &str, scalar: Scalar<'a>) -> Result<Scalar<'a>, Broken> {
        self.rest = self.rest.strip_prefix(word).ok_or(Broken)?;
        Ok(scalar)
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}

/// What a string says. A half of a surrogate pair, and an escape that is none, become U+FFFD.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut after = escaped.chars();
        let kind = after.next();
        rest = after.as_str();
        text.push(match kind {
            Some(same @ ('"' | '\\' | '/')) => same,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => unicode(&mut rest),
            _ => char::REPLACEMENT_CHARACTER,
        });
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character of `XXXX`, or of `XXXX\uXXXX`; moves behind it.
fn unicode(rest: &mut &str) -> char {
    fn unit(text: &str) -> Option<(u32, &str)> {
        let (digits, rest) = text.split_at_checked(4)?;
        Some((u32::from_str_radix(digits, 16).ok()?, rest))
    }
    let Some((first, after)) = unit(rest) else { return char::REPLACEMENT_CHARACTER };
    *rest = after;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    match after.strip_prefix("\\u").and_then(unit) {
        Some((second @ 0xdc00..0xe000, after)) => {
            *rest = after;
            let high = first.wrapping_sub(0xd800) << 10;
            char::from_u32(high.wrapping_add(second.wrapping_sub(0xdc00)).wrapping_add(0x1_0000))
                .unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => char::REPLACEMENT_CHARACTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use proptest::prelude::*;

    /// Writes what it is told.
    #[derive(Default)]
    struct Told(String);

    impl<'a> Sink<'a> for Told {
        fn open(&mut self, list: bool) {
            self.0.push_str(if list { "[ " } else { "{ " });
        }
        fn key(&mut self, raw: &'a str) {
            self.0.push_str(&format!("{raw}: "));
        }
        fn scalar(&mut self, scalar: Scalar<'a>) {
            self.0.push_str(&format!("{scalar:?} "));
        }
        fn close(&mut self) {
            self.0.push_str("end ");
        }
    }

    fn told(text: &str) -> (String, bool) {
        let mut told = Told::default();
        let whole = scan(text, &mut told).is_ok();
        (told.0.trim_end().to_string(), whole)
    }

    #[test]
    fn parts_come_in_order() {
        let (parts, whole) = told(r#" {"a": [1, -2.5e3, {}], "b\"": "x\n", "c": {"d": null, "e": [true, false]}} "#);
        assert!(whole);
        assert_eq!(
            parts,
            r#"{ a: [ Number("1") Number("-2.5e3") { end end b\": Text("x\\n") c: { d: Null e: [ Bool(true) Bool(false) end end end"#
        );
    }

    #[test]
    fn what_breaks_off_has_told_what_was_before() {
        for cut in
            [r#"{"a": 1, "b": "#, r#"{"a": 1, "b": tr"#, r#"{"a": 1, "b": "x"#, r#"{"a": 1,, "b": 2}"#, r#"{"a": 1]"#]
        {
            let (parts, whole) = told(cut);
            assert!(!whole && parts.starts_with(r#"{ a: Number("1")"#), "{cut}: {parts}");
        }
        for text in
            ["", "<html>", "{", "[1,]", "{\"a\" 1}", "{a: 1}", "'a'", "\"a", "1 2", "nul", "\"\u{1}\"", "{\"a\":}", "]"]
        {
            assert!(!told(text).1, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(told(&nested(DEPTH_MAX)).1);
        assert!(!told(&nested(DEPTH_MAX + 1)).1);
        assert!(!told(&"[".repeat(1_000_000)).1);
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(unescape(r#"a\"\\\/\b\f\n\r\tz"#), "a\"\\/\u{8}\u{c}\n\r\tz");
        assert_eq!(unescape(r"\u00e9\ud83d\ude00\u0041"), "é😀A");
        for broken in [r"\ud83d", r"\ud83dx", r"\ud83d\u0041", r"\ude00", r"\u12", r"\x", r"\"] {
            assert!(unescape(broken).contains(char::REPLACEMENT_CHARACTER), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[\\[\\]{}\",:0-9a-z\\\\ué ]{0,60}") {
            let _ = (told(&text), unescape(&text));
        }

        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}\",:01tfn \\\\]{0,24}") {
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert!(told(&text).1);
            }
        }

        #[test]
        fn strings_come_back(text in "\\PC{0,40}") {
            let written = serde_json::to_string(&text).expect("a string");
            let raw = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("quotes");
            prop_assert_eq!(unescape(raw), text);
        }
    }
}

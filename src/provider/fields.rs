//! Decides what the IETF's `RateLimit` fields say (draft-ietf-httpapi-ratelimit-headers and draft-polli-ratelimit-headers), in the
//! forms that servers send, which are as many as there were drafts:
//!
//! - up to 06: `RateLimit-Limit: 100, 100;w=60`, `RateLimit-Remaining: 50`, `RateLimit-Reset: 30`; policies in the first field or,
//!   from 06 on, in `RateLimit-Policy: 100;w=60`;
//! - 07: `RateLimit: limit=100, remaining=50, reset=30` with that policy;
//! - from 08 on: `RateLimit: "default";r=50;t=30` and `RateLimit-Policy: "default";q=100;w=60;qu="requests"`.
//!
//! They are read as members with parameters, the common part of Structured Fields (RFC 9651) that all of them are written in.
//! Resets are seconds from now in all of them. At most [`MEMBERS_MAX`] members and parameters are looked at.

use alloc::vec::Vec;

const MEMBERS_MAX: usize = 16;

/// A member of a list or dictionary.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Member<'a> {
    /// The item, or the key of a dictionary.
    pub(super) head: &'a str,
    /// The value of a dictionary's key; empty for an item.
    pub(super) value: &'a str,
    params: Vec<(&'a str, &'a str)>,
}

impl<'a> Member<'a> {
    /// The value of a parameter.
    pub(super) fn param(&self, name: &str) -> Option<&'a str> {
        self.params.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// The members of a field; strings lose their quotes, and keep what escapes others in them. `None`: it is written in no such form.
pub(super) fn members(field: &str) -> Option<Vec<Member<'_>>> {
    let mut members = Vec::new();
    for written in parts(field, ',')? {
        let mut parts = parts(written, ';')?.into_iter();
        let (head, value) = pair(parts.next()?)?;
        let params = parts.map(pair).collect::<Option<Vec<_>>>()?;
        members.push(Member { head, value, params });
    }
    (!members.is_empty()).then_some(members)
}

/// `key=value`, or an item alone.
fn pair(written: &str) -> Option<(&str, &str)> {
    let written = written.trim_matches([' ', '\t']);
    if written.starts_with('"') {
        return Some((bare(written)?, ""));
    }
    let (key, value) = written.split_once('=').unwrap_or((written, ""));
    (!key.is_empty() && !key.contains('"')).then_some((key, bare(value)?))
}

/// An item without its quotes.
fn bare(item: &str) -> Option<&str> {
    match item.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|text| !has_quote(text)),
        None => (!item.contains('"')).then_some(item),
    }
}

/// Whether a quote would end the string before its end, or the last one does not end it.
fn has_quote(text: &str) -> bool {
    let mut escaped = false;
    for character in text.chars() {
        if character == '"' && !escaped {
            return true;
        }
        escaped = character == '\\' && !escaped;
    }
    escaped
}

/// Cut at a separator that does not stand in quotes.
fn parts(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, character) in text.char_indices() {
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        if character == separator && !quoted {
            parts.push(text.get(start..at)?);
            start = at.saturating_add(1);
        }
        if parts.len() >= MEMBERS_MAX {
            return None;
        }
    }
    parts.push(text.get(start..)?);
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    type Written<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>);

    fn read(field: &str) -> Vec<Written<'_>> {
        members(field).expect("members").into_iter().map(|it| (it.head, it.value, it.params)).collect()
    }

    #[test]
    fn every_draft_is_members_with_parameters() {
        assert_eq!(read("100, 100;w=60"), [("100", "", vec![]), ("100", "", vec![("w", "60")])]);
        assert_eq!(read("limit=100, remaining=50"), [("limit", "100", vec![]), ("remaining", "50", vec![])]);
        assert_eq!(
            read(r#""a,b;c";q=100;w=10;qu="requests", other;r=5"#),
            [("a,b;c", "", vec![("q", "100"), ("w", "10"), ("qu", "requests")]), ("other", "", vec![("r", "5")])]
        );
    }

    #[test]
    fn quotes_and_backslashes_in_strings_are_escaped() {
        assert_eq!(
            read(r#""a\";b, \\";r=5, "\\";q=1"#),
            [(r#"a\";b, \\"#, "", vec![("r", "5")]), (r"\\", "", vec![("q", "1")])]
        );
    }

    #[test]
    fn what_is_written_otherwise_is_none() {
        for field in ["", ",", "a;;b", "\"a", "a\"b", "a=\"b", ";w=1", r#""a\""#, r#""a\\"b""#, &"a,".repeat(17)] {
            assert_eq!(members(field), None, "{field:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,60}") {
            let _ = members(&text);
        }
    }
}

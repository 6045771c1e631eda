//! Decides which leaves of a body are looked at: those whose path a dialect names. A path is the names of the members from the
//! outside in, joined with dots, `[]` for the items of a list; a list around everything is left out, because some servers send
//! one. A body that is no JSON has one leaf, at [`TEXT`].
//!
//! Invariants: at most [`LEAVES_MAX`] leaves of [`LEAF_BYTES_MAX`] are kept, the last of a path, of bodies of at most [`BODY_BYTES_MAX`].

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::json::{Scalar, Sink, scan, unescape};

/// Longest body that is looked at, in bytes: an answer with embeddings is longer, and its usage is cut out by the caller.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
const LEAVES_MAX: usize = 64;
/// Of a longer leaf the beginning is kept, in bytes.
const LEAF_BYTES_MAX: usize = 2_048;
/// Names of members that are longer are none that a dialect wants, in bytes.
const KEY_BYTES_MAX: usize = 64;
/// The path of a body that is no JSON.
pub(super) const TEXT: &str = "text";

/// The leaves that were wanted, in the order of the body.
#[derive(Debug, Default)]
pub(super) struct Body<'a> {
    leaves: Vec<(String, Cow<'a, str>)>,
    /// Anything at all was found under `error`.
    pub(super) has_error: bool,
    /// It is not JSON, or breaks off.
    pub(super) broken: bool,
}

impl<'a> Body<'a> {
    /// Looks for the paths for which `wanted` is true.
    pub(super) fn read(text: &'a str, wanted: &dyn Fn(&str) -> bool) -> Self {
        let mut leaves = Leaves { body: Self::default(), wanted, path: String::new(), bases: Vec::new() };
        let whole = scan(text, &mut leaves).is_ok();
        let mut body = leaves.body;
        body.broken = !whole;
        if !whole && body.leaves.is_empty() && wanted(TEXT) {
            body.leaves.push((TEXT.to_string(), Cow::Borrowed(start_of(text))));
        }
        body
    }

    /// The last leaf at a path, as the last of two members of one name counts.
    pub(super) fn last(&self, path: &str) -> Option<&str> {
        self.leaves.iter().rev().find(|(at, _)| at == path).map(|(_, text)| text.as_ref())
    }

    /// All leaves at a path.
    pub(super) fn all<'b>(&'b self, path: &'b str) -> impl Iterator<Item = &'b str> {
        self.leaves.iter().filter(move |(at, _)| at == path).map(|(_, text)| text.as_ref())
    }
}

/// The beginning, cut between characters.
fn start_of(text: &str) -> &str {
    let end = (0..=LEAF_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

struct Leaves<'a, 'w> {
    body: Body<'a>,
    wanted: &'w dyn Fn(&str) -> bool,
    /// Of the value that comes next.
    path: String,
    /// Up to where the path is that of what is open, outermost first.
    bases: Vec<usize>,
}

impl<'a> Sink<'a> for Leaves<'a, '_> {
    fn open(&mut self, list: bool) {
        self.body.has_error |= self.path == "error";
        if list && !self.path.is_empty() {
            self.path.push_str("[]");
        }
        self.bases.push(self.path.len());
    }

    fn key(&mut self, raw: &'a str) {
        self.path.truncate(self.bases.last().copied().unwrap_or(0));
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(if raw.len() <= KEY_BYTES_MAX { raw } else { "?" });
    }

    fn scalar(&mut self, scalar: Scalar<'a>) {
        let text = match scalar {
            Scalar::Text(raw) => unescape(start_of(raw)),
            Scalar::Number(text) => Cow::Borrowed(start_of(text)),
            Scalar::Bool(_) | Scalar::Null => return,
        };
        self.body.has_error |= self.path == "error";
        if !(self.wanted)(&self.path) {
            return;
        }
        // A list of events may be long, and the last of them says what holds: it takes the place of the first of its path.
        let leaves = &mut self.body.leaves;
        if leaves.len() >= LEAVES_MAX {
            let Some(first) = leaves.iter().position(|(path, _)| *path == self.path) else { return };
            leaves.remove(first);
        }
        leaves.push((self.path.clone(), text));
    }

    fn close(&mut self) {
        self.bases.pop();
        self.path.truncate(self.bases.last().copied().unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    fn leaves(text: &str) -> Vec<(String, String)> {
        let body = Body::read(text, &|path| path != TEXT);
        body.leaves.into_iter().map(|(path, text)| (path, text.into_owned())).collect()
    }

    fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect()
    }

    #[test]
    fn paths_name_the_members() {
        let text = r#"{"a":1,"b":{"c":"x","d":[{"e":2},{"e":3},[4,[5]]],"f":6},"g":[7],"h":null,"i":true}"#;
        let expected = [("a", "1"), ("b.c", "x"), ("b.d[].e", "2"), ("b.d[].e", "3"), ("b.d[][]", "4")];
        let rest = [("b.d[][][]", "5"), ("b.f", "6"), ("g[]", "7")];
        assert_eq!(leaves(text), own(&[&expected[..], &rest].concat()));
    }

    #[test]
    fn a_list_around_everything_is_left_out() {
        assert_eq!(leaves(r#"[{"error":{"code":429}}]"#), own(&[("error.code", "429")]));
    }

    #[test]
    fn what_is_no_json_is_a_text() {
        let body = Body::read("<html>busy</html>", &|path| path == TEXT);
        assert_eq!((body.last(TEXT), body.broken), (Some("<html>busy</html>"), true));
        let long = "é".repeat(LEAF_BYTES_MAX);
        let body = Body::read(&long, &|_| true);
        assert_eq!(body.last(TEXT).map(str::len), Some(LEAF_BYTES_MAX));
    }

    #[test]
    fn an_error_is_one_that_says_something() {
        for (text, has) in [
            (r#"{"error":{}}"#, true),
            (r#"{"error":"busy"}"#, true),
            (r#"{"error":null}"#, false),
            (r#"{"x":{"error":1}}"#, false),
        ] {
            assert_eq!(Body::read(text, &|_| false).has_error, has, "{text}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let many = format!("[{}1]", "1,".repeat(10_000));
        assert_eq!(leaves(&many).len(), LEAVES_MAX);
        let events: Vec<String> = (0..100).map(|at| format!(r#"{{"a":1,"b":{at}}}"#)).collect();
        let kept = leaves(&format!("[{}]", events.join(",")));
        assert_eq!(kept.len(), LEAVES_MAX);
        assert_eq!(kept.last(), own(&[("b", "99")]).last(), "the last of a list of events");
        let key = "k".repeat(KEY_BYTES_MAX + 1);
        assert_eq!(leaves(&format!(r#"{{"{key}":1}}"#)), own(&[("?", "1")]));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[\\[\\]{}\",:0-9a-zé]{0,60}") {
            let _ = leaves(&text);
        }
    }
}

//! Decides nothing: finds the number of a text by halves, for lists of some thousand names that are compared as a whole.
//!
//! Noting a text moves those behind it, which for so few is nothing beside comparing each with each.
//! Used by `config` and `limit`.

use alloc::vec::Vec;

/// Texts in order, with a number each.
#[derive(Debug, Default)]
pub(crate) struct Index<'a>(Vec<(&'a str, usize)>);

impl<'a> Index<'a> {
    /// Gives a text a number, or says which one it has.
    #[inline(never)]
    pub(crate) fn note(&mut self, text: &'a str, number: usize) -> Option<usize> {
        match self.find(text) {
            Ok(at) => self.0.get(at).map(|&(_, number)| number),
            Err(at) => {
                self.0.insert(at, (text, number));
                None
            }
        }
    }

    pub(crate) fn get(&self, text: &str) -> Option<usize> {
        let at = self.find(text).ok()?;
        self.0.get(at).map(|&(_, number)| number)
    }

    #[inline(never)]
    fn find(&self, text: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| (*own).cmp(text))
    }
}

/// Numbers texts in their order; one that is there twice has the number of the first.
impl<'a> FromIterator<&'a str> for Index<'a> {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut index = Self::default();
        for (number, text) in texts.into_iter().enumerate() {
            index.note(text, number);
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_search_from_the_front_finds(texts in prop::collection::vec("[a-c]{0,3}", 0..40)) {
            let index: Index<'_> = texts.iter().map(String::as_str).collect();
            for text in texts.iter().map(String::as_str).chain(["", "d", "bb"]) {
                prop_assert_eq!(index.get(text), texts.iter().position(|other| other == text));
            }
        }
    }
}

//! Decides how the caller's mistakes are told: which field, which value, what would be allowed.
//!
//! Refusals are not errors (see `decision`), and a panic is a bug of this crate. Messages of configuration errors are made
//! here and nowhere else; the fields have the names that JavaScript users write.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::ops::{Deref, DerefMut};

use crate::text::{digits, joined};

/// A configuration that no governor can be made from. Nothing has been allocated.
///
/// ```
/// use throttleai::{Concurrency, Config, Governor};
/// let concurrency = Concurrency { max_in_flight: 2_000_000, interactive_reserve: 2_000_000 };
/// let error = Governor::new(Config { concurrency: Some(concurrency), ..Config::default() }).unwrap_err();
/// assert_eq!(error.to_string(), "interactiveReserve (2) must be less than maxInFlight (2)");
/// assert_eq!(error.field, "concurrency.interactiveReserve");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(
    // One word, because whatever makes a governor returns it.
    Box<Mistake>,
);

/// What is wrong with a configuration: the fields of [`ConfigError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Path of the field, such as `rate.windowMs` or `limits[0].limit`.
    pub field: String,
    /// The value that was given, as text.
    pub value: String,
    /// What is allowed, such as `a number from 1 to 31622400000`.
    pub allowed: String,
    /// The message where it is not the usual `{field} must be {allowed}, got {value}`.
    pub(crate) message: Option<String>,
}

impl Mistake {
    pub(crate) fn told(&self) -> String {
        let Self { field, value, allowed, message } = self;
        message.clone().unwrap_or_else(|| joined(&[field, " must be ", allowed, ", got ", value]))
    }
}

impl From<Mistake> for ConfigError {
    fn from(mistake: Mistake) -> Self {
        Self(Box::new(mistake))
    }
}

impl Deref for ConfigError {
    type Target = Mistake;

    fn deref(&self) -> &Mistake {
        &self.0
    }
}

impl DerefMut for ConfigError {
    fn deref_mut(&mut self) -> &mut Mistake {
        &mut self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told())
    }
}

impl core::error::Error for ConfigError {}

/// An image or trace that this version cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// It does not start as images of this crate do.
    NotAnImage,
    /// Written by another version of the format.
    Version {
        /// The version it names.
        found: u32,
        /// The version that this crate reads and writes.
        supported: u32,
    },
    /// Cut off, damaged, or made up.
    Malformed,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnImage => f.write_str("these bytes are not an image of a governor"),
            Self::Version { found, supported } => {
                let [found, supported] = [found, supported].map(|&version| digits(version.into()));
                let parts = ["the image has format version ", &found, ", this package reads version ", &supported];
                parts.into_iter().try_for_each(|part| f.write_str(part))
            }
            Self::Malformed => f.write_str("the image is damaged"),
        }
    }
}

impl core::error::Error for ImageError {}

impl From<crate::codec::Malformed> for ImageError {
    fn from(_: crate::codec::Malformed) -> Self {
        Self::Malformed
    }
}

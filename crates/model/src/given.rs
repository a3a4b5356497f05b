//! What a manifest says about one field: nothing, `null`, or a value.

use crate::span::{Span, Spanned};

/// One optional field of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Given<T> {
    /// The key is omitted: the field is not managed, so it is neither compared nor changed.
    #[default]
    Absent,
    /// `null`: the field must be cleared.
    Clear(Span),
    /// A value.
    Value(Spanned<T>),
}

impl<T> Given<T> {
    /// Whether the key is omitted.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Given::Absent)
    }

    /// Returns the value, if there is one.
    #[must_use]
    pub fn value(self) -> Option<T> {
        self.spanned().map(|given| given.value)
    }

    /// Returns the value with its place, if there is one.
    #[must_use]
    pub fn spanned(self) -> Option<Spanned<T>> {
        match self {
            Given::Value(given) => Some(given),
            Given::Absent | Given::Clear(_) => None,
        }
    }

    /// Borrows the value.
    #[must_use]
    pub fn as_ref(&self) -> Given<&T> {
        match self {
            Given::Absent => Given::Absent,
            Given::Clear(span) => Given::Clear(*span),
            Given::Value(given) => Given::Value(Spanned::new(&given.value, given.span)),
        }
    }

    /// Returns the place of the value or of the `null`.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        match self {
            Given::Absent => None,
            Given::Clear(span) => Some(*span),
            Given::Value(given) => Some(given.span),
        }
    }
}

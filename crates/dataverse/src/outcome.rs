//! What became of a changeset.

use crate::{Error, ServiceError};

/// What became of a changeset. Never a guess: what cannot be told is [`Outcome::Unknown`].
#[derive(Debug)]
#[must_use = "a write may have failed, or its outcome may be unknown"]
pub enum Outcome {
    /// Every operation was carried out.
    Committed,
    /// The server stated an error and carried out nothing.
    Refused {
        /// The index of the operation that failed, where the server told.
        operation: Option<usize>,
        /// What the server stated.
        error: Box<ServiceError>,
    },
    /// Nothing was carried out: no request reached the server, or it turned each away before starting.
    NotAttempted {
        /// The error that came before it.
        cause: Error,
    },
    /// A request went out, and whether it was carried out is not known. It is not repeated: look.
    Unknown {
        /// The error that left it open.
        cause: Error,
    },
}

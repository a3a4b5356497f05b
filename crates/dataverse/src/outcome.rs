//! The outcome of a changeset.

use crate::{Error, ServiceError};

/// The outcome of a changeset. It is never a guess: if the outcome cannot be determined, it is [`Outcome::Unknown`].
#[derive(Debug)]
#[must_use = "a write may have failed, or its outcome may be unknown"]
pub enum Outcome {
    /// Every operation was executed.
    Committed,
    /// The server stated an error and executed nothing.
    Refused {
        /// The index of the failed operation, if the server identified it.
        operation: Option<usize>,
        /// The server's error.
        error: Box<ServiceError>,
    },
    /// Nothing was executed: no request reached the server, or the server rejected each one before starting.
    NotAttempted {
        /// The error that prevented it.
        cause: Error,
    },
    /// A request was sent, but it is not known whether it was executed. It is not repeated: check the environment first.
    Unknown {
        /// The error that left the outcome unknown.
        cause: Error,
    },
}

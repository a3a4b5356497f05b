//! Reports waits to interactive users.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Error, ErrorCode};

/// A wait before another attempt, reported when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The cause.
    pub cause: WaitCause,
    /// The duration.
    pub time: Duration,
}

/// The cause of a wait. Its text contains nothing from the server, so it can be printed as is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitCause {
    /// The server cannot be reached.
    Unreachable,
    /// An answer was lost or did not arrive in time.
    AnswerLost,
    /// The server is busy.
    Busy,
    /// The caller has reached the limits of service protection.
    ServiceProtection,
    /// A solution operation is running in the environment.
    SolutionOperation,
}

impl WaitCause {
    /// Derives the cause from a server's error.
    pub(crate) fn stated(status: u16, code: Option<ErrorCode>) -> WaitCause {
        match code {
            Some(ErrorCode::CUSTOMIZATION_LOCKED) => WaitCause::SolutionOperation,
            Some(code) if code.is_service_protection() => WaitCause::ServiceProtection,
            _ if status == 429 => WaitCause::ServiceProtection,
            _ => WaitCause::Busy,
        }
    }
}

impl From<&Error> for WaitCause {
    fn from(error: &Error) -> WaitCause {
        match error {
            Error::Unreachable { .. } => WaitCause::Unreachable,
            Error::Lost { .. } | Error::TimedOut { .. } => WaitCause::AnswerLost,
            Error::Service(error) => WaitCause::stated(error.status, error.code),
            _ => WaitCause::Busy,
        }
    }
}

impl fmt::Display for WaitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitCause::Unreachable => "the server cannot be reached",
            WaitCause::AnswerLost => "an answer was lost",
            WaitCause::Busy => "the server is busy",
            WaitCause::ServiceProtection => "the limits of service protection are reached",
            WaitCause::SolutionOperation => "a solution operation is running",
        })
    }
}

/// The listener for waits.
#[derive(Clone, Default)]
pub(crate) struct OnWait(Option<Arc<dyn Fn(Waiting) + Send + Sync>>);

impl OnWait {
    pub(crate) fn new(listener: impl Fn(Waiting) + Send + Sync + 'static) -> OnWait {
        OnWait(Some(Arc::new(listener)))
    }

    pub(crate) fn tell(&self, waiting: Waiting) {
        if let Some(listener) = &self.0 {
            listener(waiting);
        }
    }
}

impl fmt::Debug for OnWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnWait")
    }
}

//! What is waited for, for whoever sits in front of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Error, ErrorCode};

/// A wait before another attempt, as it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// What for.
    pub cause: WaitCause,
    /// How long.
    pub time: Duration,
}

/// What is waited for. Its words are ours, so they may be shown as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitCause {
    /// The server is not reached.
    Unreachable,
    /// An answer was lost on its way or did not come in time.
    AnswerLost,
    /// The server cannot answer now.
    Busy,
    /// The caller has used up what service protection allows.
    ServiceProtection,
    /// A solution operation runs in the environment.
    SolutionOperation,
}

impl WaitCause {
    /// By what a server stated.
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

/// Hears of waits.
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

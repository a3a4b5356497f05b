//! The exit codes of commands, for scripts.

use std::process::ExitCode as ProcessExitCode;

/// The ways in which a command can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Done, or in sync.
    Done,
    /// Something failed: the network, sign-in, the server, a file.
    Failed,
    /// There are changes, differences or drift.
    Differences,
    /// The manifests are invalid; nothing was sent.
    InvalidManifests,
    /// Refused: differs from the reviewed plan, changed meanwhile, exceeds a threshold, touches a protected or managed row, or the
    /// environment is blocked.
    Refused,
    /// Stopped by a second interrupt, without waiting for the end of a write.
    Interrupted,
}

impl ExitCode {
    /// The exit code as a number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Differences => 2,
            Self::InvalidManifests => 3,
            Self::Refused => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<ExitCode> for ProcessExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

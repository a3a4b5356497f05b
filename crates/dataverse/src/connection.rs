//! Where to connect, as whom, and with which limits.

use std::path::PathBuf;
use std::time::Duration;

use crate::waiting::OnWait;
use crate::{Budget, EnvironmentUrl, SignIn, Stop, Waiting};

/// Everything needed to reach an environment. Holds no connection: the network is first touched by a request.
#[derive(Debug, Clone)]
pub struct Connection {
    pub(crate) url: EnvironmentUrl,
    pub(crate) sign_in: SignIn,
    pub(crate) timeouts: Timeouts,
    pub(crate) budget: Budget,
    pub(crate) extra_roots: Vec<Vec<u8>>,
    pub(crate) record: Option<PathBuf>,
    pub(crate) replay: Option<PathBuf>,
    pub(crate) stop: Stop,
    pub(crate) on_wait: OnWait,
    pub(crate) authority_host: Option<String>,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection. 10 seconds.
    pub connect: Duration,
    /// For a whole read. 120 seconds.
    pub read: Duration,
    /// For a whole write. 150 seconds: the server ends an operation at 120, so a lost answer is no answer.
    pub write: Duration,
    /// For getting a token, whatever the method asks for it. 120 seconds. A person who signs in has as long as their code holds.
    pub sign_in: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(120),
            write: Duration::from_secs(150),
            sign_in: Duration::from_secs(120),
        }
    }
}

impl Connection {
    /// A connection with the usual limits.
    pub fn new(url: EnvironmentUrl, sign_in: SignIn) -> Connection {
        Connection {
            url,
            sign_in,
            timeouts: Timeouts::default(),
            budget: Budget::of_process(),
            extra_roots: Vec::new(),
            record: None,
            replay: None,
            stop: Stop::new(),
            on_wait: OnWait::default(),
            authority_host: None,
        }
    }

    /// The environment.
    pub fn url(&self) -> &EnvironmentUrl {
        &self.url
    }

    /// With other time limits.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Connection {
        self.timeouts = timeouts;
        self
    }

    /// With another budget for a trip.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Connection {
        self.budget = budget;
        self
    }

    /// Trusting these certificate authorities (PEM, one or several) in addition to those of the platform.
    #[must_use]
    pub fn extra_roots(mut self, pem: impl Into<Vec<u8>>) -> Connection {
        self.extra_roots.push(pem.into());
        self
    }

    /// Signing in at this authority instead of the one that the environment names (`AZURE_AUTHORITY_HOST`). An
    /// empty text changes nothing.
    #[must_use]
    pub fn authority_host(mut self, url: impl Into<String>) -> Connection {
        self.authority_host = Some(url.into()).filter(|url| !url.trim().is_empty());
        self
    }

    /// Stopping when this signal is given.
    #[must_use]
    pub fn stop_on(mut self, stop: Stop) -> Connection {
        self.stop = stop;
        self
    }

    /// Telling of each wait before another attempt, as it begins; without this only `tracing` does.
    #[must_use]
    pub fn on_wait(mut self, listener: impl Fn(Waiting) + Send + Sync + 'static) -> Connection {
        self.on_wait = OnWait::new(listener);
        self
    }

    /// Writing each exchange to a file in this directory, tokens and identities scrubbed.
    #[must_use]
    pub fn record_to(mut self, directory: impl Into<PathBuf>) -> Connection {
        self.record = Some(directory.into());
        self
    }

    /// Answering from a directory of recorded exchanges, without a network.
    #[must_use]
    pub fn replay_from(mut self, directory: impl Into<PathBuf>) -> Connection {
        self.replay = Some(directory.into());
        self
    }
}

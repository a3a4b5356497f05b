//! Settings of a connection: the environment, the sign-in and the limits.

use std::path::PathBuf;
use std::time::Duration;

use crate::recording::Mask;
use crate::waiting::OnWait;
use crate::{Budget, EnvironmentUrl, SignIn, Stop, Waiting};

/// Everything needed to reach an environment. Opens no connection: the first request does.
#[derive(Debug, Clone)]
pub struct Connection {
    pub(crate) url: EnvironmentUrl,
    pub(crate) sign_in: SignIn,
    pub(crate) timeouts: Timeouts,
    pub(crate) budget: Budget,
    pub(crate) extra_roots: Vec<Vec<u8>>,
    pub(crate) record: Option<(PathBuf, Mask)>,
    pub(crate) replay: Option<PathBuf>,
    pub(crate) stop: Stop,
    pub(crate) on_wait: OnWait,
    pub(crate) authority_host: Option<String>,
    pub(crate) ignores_proxies: bool,
}

/// Time limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To establish a connection. 10 seconds.
    pub connect: Duration,
    /// For a complete read. 120 seconds.
    pub read: Duration,
    /// For a complete write. 150 seconds: the server ends an operation after 120, so after that no answer will come.
    pub write: Duration,
    /// To get a token, however many requests the method needs. 120 seconds. A person who signs in has as long as the code is valid.
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
    /// Creates a connection with the default limits.
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
            ignores_proxies: false,
        }
    }

    /// The environment.
    pub fn url(&self) -> &EnvironmentUrl {
        &self.url
    }

    /// Sets the time limits.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Connection {
        self.timeouts = timeouts;
        self
    }

    /// Sets the budget of a trip.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Connection {
        self.budget = budget;
        self
    }

    /// Trusts these certificate authorities (one or more as PEM, or one as DER) in addition to those of the platform.
    #[must_use]
    pub fn extra_roots(mut self, certificates: impl Into<Vec<u8>>) -> Connection {
        self.extra_roots.push(certificates.into());
        self
    }

    /// Ignores the proxies that variables and the system name.
    #[must_use]
    pub fn ignore_proxies(mut self) -> Connection {
        self.ignores_proxies = true;
        self
    }

    /// Signs in at this authority instead of the one that the environment names (`AZURE_AUTHORITY_HOST`). An empty string has no effect.
    #[must_use]
    pub fn authority_host(mut self, url: impl Into<String>) -> Connection {
        self.authority_host = Some(url.into()).filter(|url| !url.trim().is_empty());
        self
    }

    /// Stops when this signal is given.
    #[must_use]
    pub fn stop_on(mut self, stop: Stop) -> Connection {
        self.stop = stop;
        self
    }

    /// Calls a function whenever a wait before another attempt begins. Without it, waits are only reported to `tracing`.
    #[must_use]
    pub fn on_wait(mut self, listener: impl Fn(Waiting) + Send + Sync + 'static) -> Connection {
        self.on_wait = OnWait::new(listener);
        self
    }

    /// Records each exchange to a file in this directory, without tokens and identities. `mask` replaces the credentials in a text.
    #[must_use]
    pub fn record_to(mut self, directory: impl Into<PathBuf>, mask: Mask) -> Connection {
        self.record = Some((directory.into(), mask));
        self
    }

    /// Replays recorded exchanges from this directory instead of using the network.
    #[must_use]
    pub fn replay_from(mut self, directory: impl Into<PathBuf>) -> Connection {
        self.replay = Some(directory.into());
        self
    }
}

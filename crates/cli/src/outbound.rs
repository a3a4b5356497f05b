//! The HTTP client for hosts other than Dataverse: what is sent there, such as comments and notifications, may be sent again.

use std::time::Duration;

use reqwest::redirect::Policy;

/// Number of attempts before giving up.
const ATTEMPTS: u32 = 4;
/// The longest accepted wait that a host may request.
pub(crate) const MOST_PATIENCE: Duration = Duration::from_secs(120);
/// How this program introduces itself.
pub(crate) const AGENT: &str = concat!("deskstate/", env!("CARGO_PKG_VERSION"));

/// Whether a failed request is sent again.
pub(crate) enum Again {
    /// The host asked for a wait.
    After(Duration),
    /// The host is temporarily unavailable.
    Soon,
    Never,
}

/// A client, and its patience.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    pub(crate) http: reqwest::Client,
    /// The wait after the first failure. It doubles with each further one.
    pause: Duration,
}

impl Outbound {
    pub(crate) fn new(pause: Duration) -> Result<Self, reqwest::Error> {
        // If the program has already installed another provider, that one works too.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self { http, pause })
    }

    /// Runs a repeatable action, retrying it as often and as late as the host requests.
    pub(crate) async fn patiently<T, E: std::fmt::Display>(
        &self,
        host: &str,
        again: impl Fn(&E) -> Again,
        action: impl AsyncFn() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut pause = self.pause;
        let mut attempt = 1;
        loop {
            let error = match action().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let wait = match again(&error) {
                Again::After(wait) if wait <= MOST_PATIENCE => wait.max(self.pause),
                Again::Soon => pause,
                Again::After(_) | Again::Never => return Err(error),
            };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            tracing::info!(host, attempt, wait = ?wait, %error, "waiting to try again");
            tokio::time::sleep(wait).await;
            pause *= 2;
            attempt += 1;
        }
    }
}

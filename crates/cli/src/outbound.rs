//! The HTTP client for hosts other than Dataverse: what is sent there, such as comments and notifications, may be sent again.

use std::path::PathBuf;
use std::time::Duration;

use deskstate_files::Limit;
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder};

use crate::error::Error;
use crate::paths::shown_path;
use crate::proxy;
use crate::setting;
use crate::suggest;

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

/// A client that also trusts the certificate authorities of `--ca-file`, or of its variable.
pub(crate) fn builder() -> Result<ClientBuilder, Error> {
    // If the program has already installed another provider, that one works too.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = reqwest::Client::builder();
    if proxy::is_none() {
        builder = builder.no_proxy();
    }
    let given = suggest::value_of("ca_file").or_else(|| setting::of("DESKSTATE_CA_FILE"));
    let Some(path) = given.map(PathBuf::from) else {
        return Ok(builder);
    };
    let bytes = deskstate_files::read(&path, Limit::CREDENTIAL).map_err(|problem| Error::File {
        what: "could not read",
        path: path.clone(),
        source: problem.into(),
    })?;
    // Windows exports DER unless asked otherwise, and its editors begin text with a byte order mark.
    let roots = match bytes.first() {
        Some(0x30) => Certificate::from_der(&bytes).map(|root| vec![root]),
        _ => Certificate::from_pem_bundle(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)),
    };
    match roots {
        Ok(roots) if !roots.is_empty() => Ok(builder.tls_certs_merge(roots)),
        _ => Err(Error::failed(format!(
            "{} has no certificate authority that can be used",
            shown_path(&path)
        ))),
    }
}

/// A client, and its patience.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    pub(crate) http: reqwest::Client,
    /// The wait after the first failure. It doubles with each further one.
    pause: Duration,
}

impl Outbound {
    /// `is_here` says that the host is this machine, which no proxy reaches.
    pub(crate) fn new(pause: Duration, is_here: bool) -> Result<Self, Error> {
        let builder = match is_here {
            true => builder()?.no_proxy(),
            false => builder()?,
        };
        let http = builder
            .redirect(Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .map_err(|error| Error::failed(format!("the HTTP client cannot be built: {error}")))?;
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

//! Signing in. No issuer is contacted unless the server requires it.

mod browser;
mod certificate;
mod challenge;
mod credential;
mod github;
mod held;
mod http_client;
mod person;
mod variables;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tracing::{debug, warn};

use crate::transport::Network;
use crate::{Connection, EnvironmentUrl, Error, Stop};
use challenge::Issuer;
pub(crate) use challenge::described;
#[cfg(any(test, fuzzing))]
pub(crate) use challenge::token_endpoint;
use credential::Credential;

pub use browser::Browser;
pub use held::without_secrets;
pub use person::{DeviceCode, Prompt};
pub use variables::Method;

/// How to sign in. Secrets are never printed.
///
/// If no tenant is given, the tenant from the environment's challenge is used.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SignIn {
    /// No sign-in; the server must not require one.
    Anonymous,
    /// A token that was acquired elsewhere. It is never renewed.
    Token(SecretString),
    /// An application with a client secret.
    ClientSecret {
        /// The tenant's id or domain.
        tenant: Option<String>,
        /// The application's id.
        client_id: String,
        /// The secret.
        secret: SecretString,
    },
    /// An application with a certificate.
    ClientCertificate {
        /// The tenant's id or domain.
        tenant: Option<String>,
        /// The application's id.
        client_id: String,
        /// The certificate and its RSA private key, both PEM, unencrypted.
        pem: SecretString,
    },
    /// An application that Kubernetes or another platform identifies with a token in a file.
    WorkloadIdentity {
        /// The tenant's id or domain.
        tenant: Option<String>,
        /// The application's id.
        client_id: String,
        /// The file with the platform's token. It is read again whenever it changes.
        token_file: PathBuf,
    },
    /// An application that GitHub Actions identifies.
    GitHubActions {
        /// The tenant's id or domain.
        tenant: Option<String>,
        /// The application's id.
        client_id: String,
        /// `ACTIONS_ID_TOKEN_REQUEST_URL` of the job.
        request_url: String,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN` of the job.
        request_token: SecretString,
    },
    /// An application that a service connection of Azure Pipelines identifies.
    AzurePipelines {
        /// The tenant's id or domain.
        tenant: Option<String>,
        /// The application's id.
        client_id: String,
        /// The service connection's id.
        service_connection: String,
        /// `SYSTEM_ACCESSTOKEN` of the job.
        access_token: SecretString,
    },
    /// The managed identity of the virtual machine or App Service that this program runs on.
    ManagedIdentity {
        /// The id of a user-assigned identity; `None` for the system-assigned one.
        client_id: Option<String>,
    },
    /// The user or identity that is signed in to the Azure CLI.
    AzureCli {
        /// The tenant's id or domain.
        tenant: Option<String>,
    },
    /// A person who signs in with a browser on this machine.
    Browser {
        /// The tenant's id or domain.
        tenant: Option<String>,
        /// The id of an application registered as a public client with the redirect `http://localhost`.
        client_id: String,
        /// Opens the page.
        browser: Browser,
    },
    /// A person who opens a page on any device and enters a code.
    DeviceCode {
        /// The tenant's id or domain.
        tenant: Option<String>,
        /// The id of an application registered as a public client.
        client_id: String,
        /// Shows the page and the code.
        prompt: Prompt,
    },
}

impl SignIn {
    /// The method's name, as users specify it.
    pub fn name(&self) -> &'static str {
        match self {
            SignIn::Anonymous => "none",
            SignIn::Token(_) => "token",
            SignIn::ClientSecret { .. } => Method::ClientSecret.as_str(),
            SignIn::ClientCertificate { .. } => Method::ClientCertificate.as_str(),
            SignIn::WorkloadIdentity { .. } => Method::WorkloadIdentity.as_str(),
            SignIn::GitHubActions { .. } => Method::GitHubActions.as_str(),
            SignIn::AzurePipelines { .. } => Method::AzurePipelines.as_str(),
            SignIn::ManagedIdentity { .. } => Method::ManagedIdentity.as_str(),
            SignIn::AzureCli { .. } => Method::AzureCli.as_str(),
            SignIn::Browser { .. } => Method::Browser.as_str(),
            SignIn::DeviceCode { .. } => Method::DeviceCode.as_str(),
        }
    }

    fn tenant(&self) -> Option<&str> {
        match self {
            SignIn::ClientSecret { tenant, .. }
            | SignIn::ClientCertificate { tenant, .. }
            | SignIn::WorkloadIdentity { tenant, .. }
            | SignIn::GitHubActions { tenant, .. }
            | SignIn::AzurePipelines { tenant, .. }
            | SignIn::AzureCli { tenant }
            | SignIn::Browser { tenant, .. }
            | SignIn::DeviceCode { tenant, .. } => tenant.as_deref(),
            SignIn::Anonymous | SignIn::Token(_) | SignIn::ManagedIdentity { .. } => None,
        }
    }
}

/// The reason why signing in failed. Contains no secret and no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The server requires a sign-in and no method was chosen.
    #[error("the environment requires a sign-in, and no method is chosen")]
    Required,
    /// The token contains characters that are not allowed in a header.
    #[error("the token contains characters that a header cannot")]
    InvalidToken,
    /// The server accepted neither the token nor a renewed one.
    #[error("the environment did not accept the token of `{method}`{}", reason(.message))]
    NotAccepted {
        /// The sign-in method.
        method: &'static str,
        /// The server's explanation, if it gave one.
        message: String,
    },
    /// A required setting of the method is missing.
    #[error("`{method}` needs {missing}")]
    Missing {
        /// The sign-in method.
        method: &'static str,
        /// The missing variables.
        missing: String,
    },
    /// A setting of the method is invalid.
    #[error("`{method}`: {reason}")]
    Unusable {
        /// The sign-in method.
        method: &'static str,
        /// The reason.
        reason: String,
    },
    /// The server's sign-in challenge was rejected.
    #[error("deskstate does not follow the environment's sign-in challenge: {reason}")]
    Challenge {
        /// Why it was rejected.
        reason: String,
    },
    /// The server was too busy to state how to sign in.
    #[error("the environment does not say how to sign in: {reason}")]
    Busy {
        /// The server's answer.
        reason: String,
    },
    /// The issuer, or the platform that identifies the application, issued no token.
    #[error("`{method}` got no token for tenant `{tenant}` from {authority}: {reason}")]
    Failed {
        /// The sign-in method.
        method: &'static str,
        /// The tenant.
        tenant: String,
        /// The issuer.
        authority: String,
        /// Its explanation.
        reason: String,
    },
    /// The sign-in was stopped.
    #[error("stopped while signing in")]
    Stopped,
}

fn reason(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

/// A token in the form of a header, and its expiry.
#[derive(Debug, Clone)]
struct Token {
    /// Marked as sensitive, so that it is never printed.
    header: HeaderValue,
    expires: SystemTime,
}

impl Token {
    fn new(secret: &str, expires: SystemTime) -> Result<Token, SignInError> {
        Ok(Token {
            header: bearer(secret)?,
            expires,
        })
    }
}

/// An issuer's answer once a person has signed in.
#[derive(Deserialize)]
struct Issued {
    access_token: String,
    expires_in: u64,
    #[serde(default)]
    refresh_token: Option<String>,
}

fn bearer(secret: &str) -> Result<HeaderValue, SignInError> {
    held::hold(secret);
    let mut value = HeaderValue::from_str(&format!("Bearer {secret}"))
        .map_err(|_| SignInError::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A token that expires within this time is renewed first, because a batch may take two minutes.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// Holds the token for an environment.
pub(crate) struct Authenticator {
    sign_in: SignIn,
    url: EnvironmentUrl,
    authority_host: Option<String>,
    network: Network,
    longest: Duration,
    stop: Stop,
    state: Mutex<State>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("method", &self.sign_in.name())
            .finish_non_exhaustive()
    }
}

enum State {
    /// The server has not been contacted yet.
    Unknown,
    /// The server requires no sign-in.
    NotAsked,
    /// The server requires a token from this issuer.
    Asked {
        issuer: Issuer,
        credential: Arc<Credential>,
        token: Option<Token>,
    },
}

impl Authenticator {
    pub(crate) fn new(connection: &Connection, network: Network) -> Authenticator {
        Authenticator {
            // a recording needs no sign-in
            sign_in: match connection.replay {
                Some(_) => SignIn::Anonymous,
                None => connection.sign_in.clone(),
            },
            url: connection.url.clone(),
            authority_host: connection.authority_host.clone(),
            network,
            longest: connection.timeouts.sign_in,
            stop: connection.stop.clone(),
            state: Mutex::new(State::Unknown),
        }
    }

    /// The method's name.
    pub(crate) fn method(&self) -> &'static str {
        self.sign_in.name()
    }

    /// Whether a new token can be requested after one was rejected.
    pub(crate) fn is_renewable(&self) -> bool {
        !matches!(self.sign_in, SignIn::Anonymous | SignIn::Token(_))
    }

    /// Returns the header to send, if the server requires one. Concurrent requests share one token request.
    pub(crate) async fn authorization(&self) -> Result<Option<HeaderValue>, Error> {
        match &self.sign_in {
            SignIn::Anonymous => return Ok(None),
            SignIn::Token(token) => return Ok(Some(bearer(token.expose_secret())?)),
            _ => {}
        }
        let mut state = self.state.lock().await;
        if matches!(*state, State::Unknown) {
            *state = self.ask().await?;
        }
        let State::Asked {
            issuer,
            credential,
            token,
        } = &mut *state
        else {
            return Ok(None);
        };
        let now = SystemTime::now();
        if let Some(token) = &token
            && token.expires > now + RENEW_BEFORE
        {
            return Ok(Some(token.header.clone()));
        }
        match credential.token(issuer).await {
            Ok(fresh) => {
                debug!(method = self.method(), tenant = issuer.tenant, "signed in");
                let header = fresh.header.clone();
                *token = Some(fresh);
                Ok(Some(header))
            }
            Err(error) => match token {
                Some(old) if old.expires > now + Duration::from_secs(10) => {
                    warn!(%error, "the token could not be renewed early");
                    Ok(Some(old.header.clone()))
                }
                _ => Err(error.into()),
            },
        }
    }

    /// Drops the token, so that the next request acquires a new one.
    pub(crate) async fn forget(&self) {
        let mut state = self.state.lock().await;
        match &mut *state {
            State::Asked {
                issuer,
                credential,
                token,
            } => {
                *token = None;
                // credentials cache tokens as well, so they are replaced, unless a person would have to sign in again
                match self.credential(issuer) {
                    Ok(fresh) if !credential.asks_a_person() => *credential = Arc::new(fresh),
                    _ => {}
                }
            }
            // a server that required no sign-in before may require one now
            State::NotAsked => *state = State::Unknown,
            State::Unknown => {}
        }
    }

    /// Sends a request without a token to find out whether and where to sign in.
    async fn ask(&self) -> Result<State, Error> {
        let challenge = challenge::ask(&self.network, &self.url).await?;
        let Some(challenge) = challenge else {
            debug!("the environment asks for no sign-in");
            return Ok(State::NotAsked);
        };
        let issuer = challenge.issuer(
            &self.url,
            self.sign_in.tenant(),
            self.authority_host.as_deref(),
        )?;
        let credential = Arc::new(self.credential(&issuer)?);
        Ok(State::Asked {
            issuer,
            credential,
            token: None,
        })
    }

    fn credential(&self, issuer: &Issuer) -> Result<Credential, SignInError> {
        Credential::new(
            &self.sign_in,
            issuer,
            &self.network,
            self.longest,
            &self.stop,
        )
    }
}

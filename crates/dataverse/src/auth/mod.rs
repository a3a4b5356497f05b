//! Signing in: nothing is asked of an issuer unless the server asks for it.

mod browser;
mod certificate;
mod challenge;
mod credential;
mod github;
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
pub use person::{DeviceCode, Prompt};
pub use variables::Method;

/// How to sign in. What is secret in it cannot be printed.
///
/// A tenant that is left out is the one that the environment names in its challenge.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SignIn {
    /// Not at all: the server must not ask for it.
    Anonymous,
    /// A token that somebody else acquired. It is never renewed.
    Token(SecretString),
    /// An application with a secret.
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
    /// An application that Kubernetes or another platform vouches for with a token in a file.
    WorkloadIdentity {
        /// The tenant's id or domain.
        tenant: Option<String>,
        /// The application's id.
        client_id: String,
        /// The file with the platform's token. It is read again as it changes.
        token_file: PathBuf,
    },
    /// An application that GitHub Actions vouches for.
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
    /// An application that a service connection of Azure Pipelines vouches for.
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
    /// The identity of the virtual machine or App Service this runs on.
    ManagedIdentity {
        /// The id of a user-assigned identity; none for the system's.
        client_id: Option<String>,
    },
    /// The person or identity that is signed in to the Azure CLI.
    AzureCli {
        /// The tenant's id or domain.
        tenant: Option<String>,
    },
    /// A person, in a browser of this machine.
    Browser {
        /// The tenant's id or domain.
        tenant: Option<String>,
        /// The id of an application registered as a public client with the redirect `http://localhost`.
        client_id: String,
        /// Opens the page.
        browser: Browser,
    },
    /// A person, who opens a page and types a code.
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
    /// The method's name, as people choose it.
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

/// Why no token could be had. Holds no secret and no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The server asks for a sign-in and none was chosen.
    #[error("the environment requires a sign-in, and no method is chosen")]
    Required,
    /// A token with characters that a header cannot contain.
    #[error("the token contains characters that a header cannot")]
    InvalidToken,
    /// The server did not accept the token, nor a new one.
    #[error("the environment did not accept the token of `{method}`{}", reason(.message))]
    NotAccepted {
        /// The method of signing in.
        method: &'static str,
        /// What the server said about it, if anything.
        message: String,
    },
    /// A method lacks what it needs.
    #[error("`{method}` needs {missing}")]
    Missing {
        /// The method of signing in.
        method: &'static str,
        /// What is missing: variables to set.
        missing: String,
    },
    /// What was given for a method cannot be used.
    #[error("`{method}`: {reason}")]
    Unusable {
        /// The method of signing in.
        method: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The server's challenge cannot be followed.
    #[error("deskstate does not follow the environment's sign-in challenge: {reason}")]
    Challenge {
        /// What the environment answered.
        reason: String,
    },
    /// The server is too busy to say how to sign in.
    #[error("the environment does not say how to sign in: {reason}")]
    Busy {
        /// What the identity platform answered.
        reason: String,
    },
    /// The issuer, or the platform that vouches, gave no token.
    #[error("`{method}` got no token for tenant `{tenant}` from {authority}: {reason}")]
    Failed {
        /// The method of signing in.
        method: &'static str,
        /// The tenant.
        tenant: String,
        /// The issuer.
        authority: String,
        /// What it said.
        reason: String,
    },
    /// Asked to stop while signing in.
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

/// A token as it goes out, and when it ends.
#[derive(Debug, Clone)]
struct Token {
    /// Marked sensitive, so that it is not printed.
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

/// What an issuer answers when a person has signed in.
#[derive(Deserialize)]
struct Issued {
    access_token: String,
    expires_in: u64,
    #[serde(default)]
    refresh_token: Option<String>,
}

fn bearer(secret: &str) -> Result<HeaderValue, SignInError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {secret}"))
        .map_err(|_| SignInError::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A token that ends within this time is renewed first: a batch may take two minutes.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// Keeps the token of an environment.
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
    /// The server was not asked yet.
    Unknown,
    /// The server answers without a sign-in.
    NotAsked,
    /// The server asks for a token of this issuer.
    Asked {
        issuer: Issuer,
        credential: Arc<Credential>,
        token: Option<Token>,
    },
}

impl Authenticator {
    pub(crate) fn new(connection: &Connection, network: Network) -> Authenticator {
        Authenticator {
            // a recording answers without a sign-in
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

    /// Whether another token can be had after one is not accepted.
    pub(crate) fn is_renewable(&self) -> bool {
        !matches!(self.sign_in, SignIn::Anonymous | SignIn::Token(_))
    }

    /// The header to send, if the server asks for one. Requests that come together wait for one token.
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

    /// Drops the token, so that the next request asks for another.
    pub(crate) async fn forget(&self) {
        let mut state = self.state.lock().await;
        match &mut *state {
            State::Asked {
                issuer,
                credential,
                token,
            } => {
                *token = None;
                // credentials keep their tokens too, except where a person would be asked again
                match self.credential(issuer) {
                    Ok(fresh) if !credential.asks_a_person() => *credential = Arc::new(fresh),
                    _ => {}
                }
            }
            // a server that did not ask may do so now
            State::NotAsked => *state = State::Unknown,
            State::Unknown => {}
        }
    }

    /// Asks the server, without a token, whether and where to sign in.
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

//! Signs a person in, with a browser on this machine or with a code on any device (OAuth 2.0 device authorization grant).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;
use url::form_urlencoded::Serializer;

use super::browser::{self, Browser};
use super::challenge::{Issuer, with_sources};
use super::http_client::MAX_REPLY;
use super::{Issued, SignInError, Token};
use crate::Stop;
use crate::transport::Network;

/// What a person needs to sign in. Both strings are printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// The page to open.
    pub page: String,
    /// The code to enter there.
    pub code: String,
    /// How long the code is valid.
    pub holds: Duration,
}

/// Shows a person where to sign in.
#[derive(Clone)]
pub struct Prompt(Arc<dyn Fn(&DeviceCode) + Send + Sync>);

impl Prompt {
    /// A prompt that calls a function.
    pub fn new(show: impl Fn(&DeviceCode) + Send + Sync + 'static) -> Prompt {
        Prompt(Arc::new(show))
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prompt")
    }
}

/// How a person is prompted.
pub(super) enum Asking {
    Code(Prompt),
    Browser(Browser),
}

/// Prompts a person once, then renews the token silently while the issuer allows it.
pub(super) struct Person {
    network: Network,
    client_id: String,
    asking: Asking,
    stop: Stop,
    renewal: Mutex<Option<SecretString>>,
}

#[derive(Deserialize)]
struct Started {
    device_code: String,
    user_code: String,
    verification_uri: String,
    expires_in: u64,
    #[serde(default)]
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Maximum lifetime of a code, even if the issuer states a longer one.
const LONGEST_WAIT: Duration = Duration::from_secs(1800);

impl Person {
    pub(super) fn new(network: Network, client_id: String, asking: Asking, stop: Stop) -> Self {
        Person {
            network,
            client_id,
            asking,
            stop,
            renewal: Mutex::new(None),
        }
    }

    /// Returns a token, or `Err(None)` if asked to stop.
    pub(super) async fn token(&self, issuer: &Issuer) -> Result<Token, Option<String>> {
        let mut renewal = self.renewal.lock().await;
        if let Some(held) = renewal.take() {
            let scope = issuer.user_scope();
            let answer = self
                .post::<Issued>(
                    &issuer.endpoint("token"),
                    &[
                        ("grant_type", "refresh_token"),
                        ("refresh_token", held.expose_secret()),
                        ("client_id", &self.client_id),
                        ("scope", &scope),
                    ],
                )
                .await?;
            // a refresh token that is rejected has expired, so the person is prompted again
            if let Ok(issued) = answer {
                return accept(issued, &mut renewal, Some(held)).map_err(Some);
            }
        }
        let issued = match &self.asking {
            Asking::Code(prompt) => self.ask_for_code(issuer, prompt).await?,
            Asking::Browser(page) => {
                browser::ask(&self.network, &self.client_id, page, &self.stop, issuer).await?
            }
        };
        accept(issued, &mut renewal, None).map_err(Some)
    }

    /// Shows the code and polls until the person has signed in.
    async fn ask_for_code(
        &self,
        issuer: &Issuer,
        prompt: &Prompt,
    ) -> Result<Issued, Option<String>> {
        let scope = issuer.user_scope();
        let started: Started = self
            .post(
                &issuer.endpoint("devicecode"),
                &[("client_id", &self.client_id), ("scope", &scope)],
            )
            .await?
            .map_err(|denied| Some(denied.error_description))?;
        if !is_printable(&started.verification_uri) || !is_printable(&started.user_code) {
            return Err(Some("its page or code cannot be shown".to_owned()));
        }
        let holds = Duration::from_secs(started.expires_in).min(LONGEST_WAIT);
        (prompt.0)(&DeviceCode {
            page: started.verification_uri,
            code: started.user_code,
            holds,
        });
        let begun = Instant::now();
        let mut interval = Duration::from_secs(started.interval.unwrap_or(5).min(60));
        while begun.elapsed() < holds {
            if !self.stop.sleep(interval).await {
                return Err(None);
            }
            let answer = self
                .post::<Issued>(
                    &issuer.endpoint("token"),
                    &[
                        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                        ("device_code", &started.device_code),
                        ("client_id", &self.client_id),
                    ],
                )
                .await?;
            match answer {
                Ok(issued) => return Ok(issued),
                Err(denied) => match denied.error.as_str() {
                    "authorization_pending" => {}
                    "slow_down" => interval += Duration::from_secs(5),
                    _ if denied.error_description.is_empty() => return Err(Some(denied.error)),
                    _ => return Err(Some(denied.error_description)),
                },
            }
        }
        Err(Some("the code was not used in time".to_owned()))
    }

    /// Posts a form. The inner error is the issuer's answer.
    async fn post<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        form: &[(&str, &str)],
    ) -> Result<Result<T, Denied>, Option<String>> {
        let url = Url::parse(endpoint).map_err(|error| Some(error.to_string()))?;
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let headers = [
            (
                "content-type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            ),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        let (status, _, body) = self
            .network
            .small_request(
                "POST",
                url,
                headers.into_iter(),
                Bytes::from(body),
                MAX_REPLY,
            )
            .await
            .map_err(|error| Some(with_sources(&error)))?;
        // a reply may contain tokens, so one that cannot be parsed is not quoted
        let unreadable = || {
            Some(format!(
                "it answered with status {status} and no usable JSON"
            ))
        };
        if (200..300).contains(&status) {
            serde_json::from_slice(&body)
                .map(Ok)
                .map_err(|_| unreadable())
        } else {
            serde_json::from_slice(&body)
                .map(Err)
                .map_err(|_| unreadable())
        }
    }
}

/// Whether a text from outside is safe to print on a terminal.
fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.len() <= 500 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn accept(
    issued: Issued,
    renewal: &mut Option<SecretString>,
    held: Option<SecretString>,
) -> Result<Token, String> {
    *renewal = issued.refresh_token.map(SecretString::from).or(held);
    let lifetime = Duration::from_secs(issued.expires_in.min(24 * 3600));
    Token::new(&issued.access_token, SystemTime::now() + lifetime)
        .map_err(|error: SignInError| error.to_string())
}

//! Authenticates an application with a token of GitHub Actions.

use azure_core::http::ClientMethodOptions;
use azure_core::{Error, error::ErrorKind};
use azure_identity::ClientAssertion;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::http_client::MAX_REPLY;
use crate::environment::is_loopback;
use crate::transport::Network;

/// The audience that Entra expects in a token from another issuer.
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Requests a token that identifies the workflow from the job's token service.
#[derive(Debug)]
pub(super) struct GitHubAssertion {
    network: Network,
    url: Url,
    token: SecretString,
}

impl GitHubAssertion {
    /// Reads the settings that GitHub gives to a job with `permissions: id-token: write`.
    pub(super) fn new(
        network: Network,
        request_url: &str,
        token: SecretString,
    ) -> Result<GitHubAssertion, String> {
        let mut url = Url::parse(request_url)
            .map_err(|_| "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL".to_owned())?;
        if url.scheme() != "https" && !is_loopback(&url) {
            return Err("ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL".to_owned());
        }
        url.query_pairs_mut().append_pair("audience", AUDIENCE);
        Ok(GitHubAssertion {
            network,
            url,
            token,
        })
    }
}

#[async_trait::async_trait]
impl ClientAssertion for GitHubAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        #[derive(Deserialize)]
        struct Body {
            value: String,
        }
        let failed = |reason: String| {
            Error::with_message(
                ErrorKind::Credential,
                format!("GitHub gave no identity token: {reason}"),
            )
        };
        let headers = [
            (
                "authorization".to_owned(),
                format!("Bearer {}", self.token.expose_secret()),
            ),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        let (status, _, body) = self
            .network
            .small_request(
                "GET",
                self.url.clone(),
                headers.into_iter(),
                bytes::Bytes::new(),
                MAX_REPLY,
            )
            .await
            .map_err(|error| failed(super::challenge::with_sources(&error)))?;
        if status != 200 {
            return Err(failed(format!("status {status}")));
        }
        serde_json::from_slice(&body)
            .map(|body: Body| body.value)
            .map_err(|_| failed("its reply holds none".to_owned()))
    }
}
